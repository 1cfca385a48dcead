"""A story on an arm, judged by the oracles that need no schedule, from outside: by files and topics."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Collection, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

from ..world import (
    CreateTopics,
    Drop,
    Expect,
    ExpectationFailed,
    KafkaStep,
    OracleViolated,
    ProduceMessages,
    Step,
    Story,
    Update,
    Violation,
    difference_lines,
)
from ._arm import Arm
from ._life import Error, Look
from ._nursery import Nursery
from ._perform import Elsewhere, Limits

__all__ = ["JUDGED", "Judged"]

JUDGED: Final = ("termination", "orphans", "convergence", "ready", "idempotence")
"""The oracles that judge on an arm; when several are broken, the first of these speaks."""

_POLL_S = 0.1
_GRACE_S = 2.0
"""How long a live update is left alone once it is known that the story went wrong."""


class _Sources(NamedTuple):
    """What there is to read: files, and how often something happened to topics."""

    files: dict[str, bytes]
    happened: int


class _Outcome(NamedTuple):
    """What an update left: the targets and what their files look like, its error, and whether it reported any.

    Targets are files, and messages of the topics that the story does not write to: the last of each key.
    """

    targets: dict[str, bytes]
    marks: dict[str, tuple[int, int, int]]
    error: Error | None
    failed: bool


class _EndlessError(Exception):
    """An update or drop did not end, so the story is over."""

    def __init__(self, violation: Violation) -> None:
        self.violation = violation


class Judged(Elsewhere):
    """A performance that goes on when an expectation is not met, and is judged when it is over.

    An update catches up, and one more has to do nothing: no file that the pipeline wrote may be written again. A
    *fresh run* is the same pipeline in an empty directory that holds the story's files as they are at the end: one
    update, and what one more adds to it. When an update reports a failure, what it left is not compared.
    """

    def __init__(
        self, story: Story, arm: Arm, directory: Path, *, nursery: Nursery, limits: Limits | None = None
    ) -> None:
        super().__init__(story, arm, directory, nursery=nursery, limits=limits)
        self.unmet: list[ExpectationFailed] = []
        """What was not as the story says."""
        self.violations: dict[str, Violation] = {}
        """What the oracles found, by their names, the one that says most first."""
        self._off = dict(story.oracles_off)
        self._happened: list[KafkaStep] = list(story.kafka)
        self._last: tuple[_Sources, _Outcome] | None = None  # the last update, and the sources it had

    def run(self, *, ending: Callable[[], object] = lambda: None) -> None:
        """Perform the story, and judge it.

        Raises: ExpectationFailed, which is an OracleViolated if all expectations were met; ArmError when the arm fails.
        """
        self.perform(ending=ending)
        found = list(self.violations.values())
        if self.unmet:
            first = self.unmet[0]
            lines = [*first.lines, *(f"also broken: {each.oracle}: {each.fact}" for each in found)]
            raise ExpectationFailed(first.verdict, place=first.place, lines=lines)
        if found:
            raise OracleViolated(found[0], place=self.story.place, also=found[1:])

    def perform(self, *, ending: Callable[[], object] = lambda: None) -> None:
        """The same, for who reads `unmet` and `violations`."""

        def leave_alone() -> None:
            self._left_alone()
            ending()

        try:
            try:
                super().run(ending=leave_alone)
            except _EndlessError:
                raise
            except ExpectationFailed as failed:  # a step that could not be taken, or an error: the story ends here
                self.unmet.append(failed)
            self._judge()
        except _EndlessError as endless:
            self._find(endless.violation)
        self.violations = {name: self.violations[name] for name in JUDGED if name in self.violations}

    # -- while it goes on ------------------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        try:
            super()._take(step)
        except ExpectationFailed as failed:
            if not isinstance(step, Expect):
                raise
            self.unmet.append(failed)
            self._error = None  # it is told
            return
        if isinstance(step, KafkaStep):
            self._happened.append(step)
        elif isinstance(step, Update):
            self._last = self._sources(), self._outcome(self._error)
        elif isinstance(step, Drop) and self._error is None:
            self._last = None
            self._find_orphans({}, self.site.target_files(), "after the app was dropped")

    def _ended(self, what: str) -> Look:
        try:
            return super()._ended(what)
        except ExpectationFailed as failed:
            if "termination" in self._off:
                raise
            raise _EndlessError(Violation("termination", failed.verdict, failed.lines)) from None

    def _left_alone(self) -> None:
        """Give a live update time to bring about what a fresh run does."""
        reference = self._fresh()
        if reference is None:
            return
        limit_s = time.monotonic() + (_GRACE_S if self.unmet else self.limits.within_s)
        while (targets := self._targets(self)) != reference and time.monotonic() < limit_s:
            time.sleep(_POLL_S)
        self._compare(reference, targets, "when a live update has been left alone")

    # -- when it is over -------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        if self._life is None or self._started is not None:
            self.kill()
            self.begin_life()
        sources = self._sources()
        caught_up = self._outcome(self.update())
        if self._last is not None and self._last[0] == sources:
            self._once_more(self._last[1], caught_up)
        self._once_more(caught_up, self._outcome(self.update()))
        if caught_up.failed:
            return
        reference = self._fresh(caught_up.error)
        if reference is not None:
            self._compare(reference, caught_up.targets, "after an update caught up")

    def _outcome(self, error: Error | None) -> _Outcome:
        targets = self._targets(self)
        glance = self.site.glance()
        return _Outcome(targets, {path: glance[path] for path in targets if path in glance}, error, self.has_failures)

    def _sources(self) -> _Sources:
        return _Sources(self.site.sources(), len(self._happened))

    def _targets(self, place: Elsewhere) -> dict[str, bytes]:
        targets = place.site.target_files()
        if place.kafka is not None:
            steps = (*self.story.kafka, *self.story.steps)
            own = {each.topic for step in steps if isinstance(step, ProduceMessages) for each in step.messages}
            for topic in place.kafka.topics:
                if topic not in own:
                    folded = place.kafka.fold(topic)
                    targets |= {f"{topic}: {key.decode(errors='replace')}": value for key, value in folded.items()}
        return targets

    def _once_more(self, before: _Outcome, after: _Outcome) -> None:
        """Between the two, one update ran and nothing had changed."""
        if before.failed or after.failed or before.error or after.error:
            return
        late = sorted(path for path in after.targets if after.targets[path] != before.targets.get(path))
        if late:
            fact = f"an update was ready and the targets did not hold what was visible when it began: {len(late)} late"
            self._find(Violation("ready", fact, difference_lines(after.targets, before.targets, late)))
        paths = before.targets.keys() | after.targets.keys()
        done = sorted(path for path in paths if before.marks.get(path) != after.marks.get(path))
        if done:
            fact = f"one more update, with nothing changed since the last, wrote or removed {len(done)} files"
            self._find(Violation("idempotence", fact, done))

    def _compare(self, expected: Mapping[str, bytes], actual: Mapping[str, bytes], when: str) -> None:
        self._find_orphans(expected, actual, when)
        wrong = sorted(path for path in expected if actual.get(path) != expected[path])
        if wrong:
            fact = f"the targets, {when}, are not those of a fresh run: {len(wrong)} missing or different"
            self._find(Violation("convergence", fact, difference_lines(expected, actual, wrong)))

    def _find_orphans(self, expected: Collection[str], actual: Mapping[str, bytes], when: str) -> None:
        extra = sorted(path for path in actual if path not in expected)
        if extra:
            fact = f"the targets, {when}, hold what no component declares: {len(extra)} left behind"
            self._find(Violation("orphans", fact, difference_lines({}, actual, extra)))

    def _find(self, violation: Violation) -> None:
        if violation.oracle not in self._off:
            self.violations.setdefault(violation.oracle, violation)

    def _fresh(self, error: Error | None = None) -> dict[str, bytes] | None:
        """The targets of a fresh run on the story's files as they are; None when there is nothing to compare.

        `error`: how the update ended that is compared with it.
        """
        if not all(isinstance(step, CreateTopics | ProduceMessages) for step in self._happened):
            return None  # what expired on one cluster is there on another
        with tempfile.TemporaryDirectory() as name:
            # An Apache Kafka is all the story's, so this run has a mock cluster.
            arm = dataclasses.replace(self.arm, kafka="")
            fresh = Elsewhere(self.story, arm, Path(name), nursery=self._nursery, limits=self.limits)
            with fresh:
                for directory in self._source_directories():
                    (Path(name) / directory).mkdir(parents=True, exist_ok=True)
                fresh.site.write(self.site.sources().items())
                if fresh.kafka is not None:
                    for step in self._happened:
                        fresh.kafka.take(step)
                fresh.begin_life()
                targets: dict[str, bytes] = {}
                for _ in range(2):
                    raised = fresh.update()
                    if raised is not None or fresh.has_failures:
                        return None
                    targets |= self._targets(fresh)
        if error is not None:
            fact = f"an update raised {error.shown}, and a fresh run raises nothing"
            self._find(Violation("convergence", fact, error.text.splitlines()[:20]))
            return None
        return targets

    def _source_directories(self) -> set[str]:
        """Those that the story's files were in at any time, as far as they are still there."""
        directories = {
            str(parent) for path in self.site.signed for parent in PurePosixPath(path).parents if parent.name
        }
        return {each for each in directories if (self.site.directory / each).is_dir()}
