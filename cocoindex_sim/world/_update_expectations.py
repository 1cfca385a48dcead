"""A story with what is in place of what it expects, where the two differ."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from ._attempt import Limits
from ._compare import Difference, compare_error, content_problem, diff_of
from ._compare_events import action_counts
from ._compare_kafka import committed_offsets, message_problem
from ._compare_rows import row_problem, texts_of_rows
from ._perform import Performance
from ._silence import silent_logs
from ._story import Exactly, Expect, Failure, StatsExpectation, Story, TargetExpectation
from ._surroundings import virtual_surroundings
from ._world import World

__all__ = ["UPDATED_LOOKS", "update_expectations"]

K = TypeVar("K", str, bytes, tuple[str, str])
V = TypeVar("V")

UPDATED_LOOKS: Final = ("targets", "diff", "rows", "kafka", "committed", "stats", "raises", "actions")
"""The expectations that are about data. What says whether something happens at all is for people to change."""


def update_expectations(story: Story, seed: int = 0, *, limits: Limits | None = None) -> Story:
    """Run a story once, in asyncio's own order, and give it with each expectation that was not met put right.

    A check that holds stays, a `contains` or `matches` that does not becomes the exact content. The same story when
    there is nothing to put right. What other runs make of it is another question. `limits`: how far the run may go.

    Raises: ExpectationFailed for what can't be put right; see UPDATED_LOOKS.
    """
    limits = limits or Limits()
    with (
        silent_logs(),
        virtual_surroundings(),
        World(seed, steps_max=limits.steps_max, events_max=limits.events_max, time_ns_max=limits.time_ns_max) as world,
    ):
        updating = _Updating(story, world)
        updating.run()
    return story if not updating.steps else replace(story, steps=updating.all_steps())


class _Updating(Performance):
    def __init__(self, story: Story, world: World) -> None:
        super().__init__(story, world, _nothing, _nothing, _nothing)
        self.steps: dict[int, Expect] = {}
        """The changed ones, by the identity of those they take the place of."""

    def all_steps(self) -> tuple[Any, ...]:
        return tuple(self.steps.get(id(step), step) for step in self._story.steps)

    def _refuse_unmet(self, step: Expect, unmet: Sequence[tuple[str, Difference]], before: Mapping[str, bytes]) -> None:
        looks = [name for name, _ in unmet]
        if not set(looks) <= set(UPDATED_LOOKS) or ("raises" in looks and self._raised is None):
            super()._refuse_unmet(step, unmet, before)
        files = self._world.target_files()
        actual: dict[str, Callable[[], Any]] = {
            "targets": lambda: _entries(step.targets or (), files, content_problem, Exactly),
            "diff": lambda: diff_of(before, files),
            "rows": lambda: _rows(step.rows or (), self._world),
            "kafka": lambda: tuple(
                (topic, _entries(contents, self._world.kafka.fold(topic), message_problem, Exactly))
                for topic, contents in step.kafka or ()
            ),
            "committed": lambda: tuple(
                (group, topic, committed_offsets(self._world.kafka, group, topic))
                for group, topic, _ in step.committed or ()
            ),
            "stats": lambda: _stats(step.stats or (), self._world),
            "raises": lambda: _failure(step.raises, self._raised),
            "actions": lambda: _actions(step.actions, action_counts(self._events)),
        }
        try:
            self.steps[id(step)] = replace(step, **{name: actual[name]() for name in looks})
        except (LookupError, ValueError):  # a topic or component that is not there can't be put right by other data
            super()._refuse_unmet(step, unmet, before)


def _nothing() -> None:
    pass


def _entries(
    expected: Iterable[tuple[K, TargetExpectation]],
    held: Mapping[K, V],
    problem: Callable[[TargetExpectation, V], Collection[str]],
    exactly: Callable[[V], TargetExpectation],
) -> tuple[tuple[K, TargetExpectation], ...]:
    """What is held: in the order in which it was expected, then what was not."""
    wanted: dict[K, TargetExpectation] = dict(expected)
    kept = tuple(
        (key, exactly(held[key]) if problem(check, held[key]) else check)
        for key, check in wanted.items()
        if key in held
    )
    return kept + tuple((key, exactly(held[key])) for key in sorted(held.keys() - wanted.keys()))


def _rows(
    expected: Iterable[tuple[str, str, TargetExpectation]], world: World
) -> tuple[tuple[str, str, TargetExpectation], ...]:
    wanted = (((target, key), check) for target, key, check in expected)
    held = texts_of_rows(world.targets)
    rows = _entries(wanted, held, row_problem, lambda text: Exactly(text.encode()))
    return tuple((target, key, check) for (target, key), check in rows)


def _stats(expected: Iterable[StatsExpectation], world: World) -> tuple[StatsExpectation, ...]:
    stats = world.stats()
    if stats is None:
        raise LookupError("no update has run in this process")
    return tuple(
        replace(
            part,
            counters=tuple(
                (
                    name,
                    getattr(stats.total if part.component is None else stats.by_component[part.component], name),
                )
                for name, _ in part.counters
            ),
        )
        for part in expected
    )


def _actions(expected: int | tuple[tuple[str, int], ...] | None, counts: Counter[str]) -> Any:
    return counts.total() if isinstance(expected, int) else tuple(sorted(counts.items()))


def _failure(expected: Failure | None, error: BaseException | None) -> Failure:
    assert expected is not None
    assert error is not None
    kind, pattern = expected.type, expected.matches
    if kind is not None and compare_error(Failure(type=kind), error) is not None:
        kind = type(error).__name__
    if pattern is not None and compare_error(Failure(matches=pattern), error) is not None:
        pattern = re.escape((str(error).splitlines() or [""])[0]).replace("\\ ", " ")
    return Failure(kind, pattern)
