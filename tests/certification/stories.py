"""All stories, and how to tell them."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterable

from . import brokers, failures, groups, logs, offsets, positions, producing, reading
from .story import STORIES, Arm, Observations, Stage

#: The files that hold stories, in the order of the page.
CHAPTERS = (reading, positions, offsets, groups, failures, producing, logs, brokers)

__all__ = ["CHAPTERS", "STORIES", "tell", "tell_all"]


async def tell(name: str, arm: Arm) -> Observations:
    """What one story observes."""
    async with Stage(arm, name) as stage:
        return await STORIES[name].tell(stage)


async def tell_all(names: Iterable[str], arm: Arm, at_once: int = 6) -> dict[str, Observations | str]:
    """What stories observe that are told side by side; of one that fails, the traceback."""
    turns = asyncio.Semaphore(at_once)

    async def take_turn(name: str) -> Observations | str:
        async with turns:
            try:
                return await tell(name, arm)
            except Exception:
                return traceback.format_exc()

    await arm.warm_up()
    names = list(names)
    return dict(zip(names, await asyncio.gather(*(take_turn(name) for name in names)), strict=True))
