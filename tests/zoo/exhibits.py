"""Bugs as people write them, planted on purpose: each with the story that shows it and the oracle that has to see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from cocoindex_sim.scenario import read_scenarios
from cocoindex_sim.world import Exploration, Limits, Story, explore

__all__ = ["EXHIBITS", "Exhibit"]

Plant: TypeAlias = Callable[[Callable[[Any, str, Any], None]], None]

_HERE = Path(__file__).parent
_LIMITS = Limits(steps_max=100_000, events_max=10_000)


@dataclass(frozen=True)
class Exhibit:
    """One bug. `planted`: the part of a connector's file that has it, or what patches the engine."""

    planted: str | Plant
    family: str
    story: str
    oracle: str
    what: str = ""
    faults: Literal["none", "all"] = "none"

    @property
    def name(self) -> str:
        """A name to find it by."""
        return self.planted if isinstance(self.planted, str) else self.planted.__name__

    @property
    def place(self) -> str:
        """Which part of a system has the bug."""
        return "engine" if callable(self.planted) else _PLACES[self.family]

    @property
    def sound(self) -> Story:
        """The story, about the same thing without the bug."""
        return _stories(self.family)[self.story]

    def explore(self, runs: int, **options: Any) -> Exploration:
        """Explore the story with the bug in place."""
        if isinstance(self.planted, str):
            app = f"{self.sound.app.partition(':')[0]}:{self.planted}"
            return _explore(replace(self.sound, app=app), runs, self.faults, **options)
        with pytest.MonkeyPatch.context() as patch:
            self.planted(patch.setattr)
            return _explore(self.sound, runs, self.faults, **options)

    def explore_sound(self, runs: int, **options: Any) -> Exploration:
        """Explore the same story without the bug."""
        return _explore(self.sound, runs, self.faults, **options)


def _explore(story: Story, runs: int, faults: Literal["none", "all"], **options: Any) -> Exploration:
    return explore(story, runs=runs, faults=faults, limits=_LIMITS, **options)


@cache
def _stories(family: str) -> dict[str, Story]:
    return {story.name: story for story in read_scenarios(_HERE / f"{family}.coco.yaml")}


_PLACES = {"table": "view", "feed": "feed", "rows": "target"}
EXHIBITS: list[Exhibit] = []
