"""What the subscribers of a check have in common: they are called while their watch lasts, and take note."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ._stage import Stage
from ._watch import Watch

__all__ = ["Consumer"]


class Consumer:
    """What `watch()` gets in a check. `at`: what to do, once, when the watch has got somewhere, by that moment."""

    def __init__(self, stage: Stage) -> None:
        self.is_closed = False
        self.at: dict[str, Callable[[], Awaitable[object]]] = {}
        self.ready_count = 0
        self.refusal: BaseException | None = None
        """What the next call raises, once."""
        self.watch: Watch | None = None
        self._stage = stage

    def _called(self, call: str) -> None:
        if self.is_closed:
            raise asyncio.CancelledError(f"{call}: this watch has ended")
        self._stage.note(call)
        if self.refusal is not None:
            refusal, self.refusal = self.refusal, None
            raise refusal

    async def _passed(self, moment: str) -> None:
        act = self.at.pop(moment, None)
        if act is not None:
            await act()
