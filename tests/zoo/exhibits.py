"""Bugs as people write them, planted on purpose: each with the story that shows it and the oracle that has to see it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pytest

from cocoindex_sim.scenario import promoted_text, read_scenarios
from cocoindex_sim.world import Crashes, Exploration, Found, Limits, Story, explore

from ..engine import test_planted_breaks as broken
from ..engine import test_planted_live_breaks as broken_live

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
    crashes: Crashes = "one"

    @property
    def name(self) -> str:
        """A name to find it by."""
        return self.planted if isinstance(self.planted, str) else self.planted.__name__

    @property
    def description(self) -> str:
        """What it does wrong, in one sentence."""
        return self.what or _class_docs(self.sound.app.partition(":")[0])[self.name]

    @property
    def place(self) -> str:
        """Which part of a system has the bug."""
        return "engine" if callable(self.planted) else _PLACES[self.family]

    @property
    def sound(self) -> Story:
        """The story, about the same thing without the bug."""
        return _stories(self.family)[self.story]

    def explore(self, runs: int, *, shrinks: bool = True) -> Exploration:
        """Explore the story with the bug in place, until it fails."""
        with self._in_place() as story:
            return self._explore(story, runs, shrinks)

    def promote(self, found: Found) -> str:
        """The scenario file that fails as was found. ValueError when there is none."""
        with self._in_place() as story:
            return promoted_text(story, found, _HERE / "promoted.coco.yaml")

    @contextmanager
    def _in_place(self) -> Iterator[Story]:
        """The story about the bug."""
        with pytest.MonkeyPatch.context() as patch:
            if isinstance(self.planted, str):
                yield replace(self.sound, app=f"{self.sound.app.partition(':')[0]}:{self.planted}")
            else:
                self.planted(patch.setattr)
                yield self.sound

    def explore_sound(self, runs: int) -> Exploration:
        """Explore the same story without the bug."""
        return self._explore(self.sound, runs, shrinks=False)

    def _explore(self, story: Story, runs: int, shrinks: bool) -> Exploration:
        return explore(story, runs=runs, faults=self.faults, crashes=self.crashes, shrinks=shrinks, limits=_LIMITS)


@cache
def _class_docs(file: str) -> dict[str, str]:
    """The docstring of each class in a file, which can only be imported inside a world."""
    module = ast.parse((_HERE / file).read_text("utf-8"))
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    return {node.name: ast.get_docstring(node) or "" for node in classes}


@cache
def _stories(family: str) -> dict[str, Story]:
    return {story.name: story for story in read_scenarios(_HERE / f"{family}.coco.yaml")}


_PLACES = {"table": "view", "feed": "feed", "rows": "target"}

EXHIBITS: tuple[Exhibit, ...] = (
    Exhibit("ChangeLostBeforeArming", "table", "changes while it starts", "convergence"),
    Exhibit("DoubleDeliveryAtTheSeam", "table", "changes while it starts", "stale"),
    Exhibit("ReadyTooEarly", "table", "changes while it starts", "ready"),
    Exhibit("ReadyNever", "table", "changes while it starts", "termination"),
    Exhibit("DeleteOvertakenByUpdate", "table", "comes and goes", "orphans"),
    Exhibit("WrongKey", "table", "changes while it starts", "orphans"),
    Exhibit("StaleValueAfterRescan", "table", "a subscription that dies", "convergence"),
    Exhibit("SwallowedWatcherFailure", "table", "changes while it runs", "termination", faults="all"),
    Exhibit("ReconnectedWithoutRescan", "table", "a subscription that dies", "convergence"),
    Exhibit("EmptyTakenForDeleted", "table", "changes while it runs", "convergence"),
    Exhibit("LastChangeOfABurstDropped", "table", "two changes in a row", "convergence"),
    Exhibit("OneTaskPerChange", "table", "comes and goes", "orphans"),
    Exhibit("CancellationSwallowed", "table", "changes while it starts", "termination"),
    Exhibit("TaskLeftBehind", "table", "changes while it starts", "termination"),
    Exhibit("ReadOneByOne", "table", "changes while it starts", "stale"),
    Exhibit("OffsetCommittedOnReceipt", "feed", "changes while it starts and runs", "offsets"),
    Exhibit("OffsetOfTheLastToFinish", "feed", "changes while it starts and runs", "offsets"),
    Exhibit("ReadyWhenTaken", "feed", "changes while it starts and runs", "ready"),
    Exhibit("BeginsAtTheEnd", "feed", "changes while it is away", "orphans"),
    Exhibit("DeletionForgottenAfterRestart", "feed", "changes while it is away", "offsets"),
    Exhibit("WatermarkUnreachable", "feed", "changes while it starts and runs", "termination"),
    Exhibit("CountsWhatItApplies", "rows", "rows come, change and go", "crash"),
    Exhibit("TrustsOneRecord", "rows", "rows come, change and go", "crash"),
    Exhibit("TrustsThatItIsThere", "rows", "rows come, change and go", "crash"),
    Exhibit("PartOfABatchIsSuccess", "rows", "rows come, change and go", "convergence", faults="all"),
    Exhibit("DeletesOnlyWhatIsSurelyThere", "rows", "rows come, change and go", "crash"),
    Exhibit("AcknowledgesBeforeItWrites", "rows", "rows come, change and go", "termination"),
    Exhibit(
        broken.commit_before_apply, "rows", "rows come, change and go", "crash",
        "The records of a component are settled before its actions are applied.",
    ),
    Exhibit(
        broken.no_pre_commit, "pages", "changes during an update", "crash",
        "Actions are applied before anything says that they may have been.", crashes="all",
    ),
    Exhibit(
        broken.memo_ignores_context, "styled_pages", "another style", "convergence",
        "A result stands though it was made with another value of a context key.",
    ),
    Exhibit(
        broken.failed_attempt_forgotten, "rows", "rows come, change and go", "crash",
        "The record of what was tried takes the place of what may be there.",
    ),
    Exhibit(
        broken.earlier_records_kept, "live_pages", "changes while it starts and runs", "idempotence",
        "What was there before stays possible after a commit.",
    ),
    Exhibit(
        broken.nothing_stale, "pages", "changes between updates", "orphans",
        "What is no longer mounted is not looked for.",
    ),
    Exhibit(
        broken.commit_before_children_are_ready, "pages", "changes between updates", "stale",
        "A component commits and collects what it no longer has before its children are ready.",
    ),
    Exhibit(
        broken.removal_forgets_what_failed, "live_pages", "pages go", "orphans",
        "A removal that failed is off the record.", faults="all",
    ),
    Exhibit(
        broken_live.ready_at_once, "live_pages", "changes while it starts and runs", "ready",
        "A live component is ready when it has begun.",
    ),
    Exhibit(
        broken_live.ready_without_those_below, "live_pages", "changes while it starts and runs", "ready",
        "A component is ready before its children are.",
    ),
    Exhibit(
        broken_live.the_first_operation_wins, "table", "two changes in a row", "convergence",
        "Of several updates that wait for one item, the first wins.",
    ),
    Exhibit(
        broken_live.items_of_feeds_are_stale, "feed", "changes while it starts and runs", "orphans",
        "What a feed brings before the first commit above it is collected by that commit.",
    ),
    Exhibit(
        broken_live.a_superseded_handle_waits_forever, "feed", "changes while it starts and runs", "convergence",
        "The handle of an update that another took the place of is never ready.",
    ),
)  # fmt: skip
"""All of them."""
