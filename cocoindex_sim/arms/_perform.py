"""Performs a story on an arm: on real files, with a real process that crashes by SIGKILL."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self, TypeAlias, cast

from ..runtime import parse_target
from ..world import (
    Advance,
    AppendFiles,
    Crash,
    Difference,
    Drop,
    Expect,
    ExpectationFailed,
    KafkaStep,
    MakeLink,
    MoveFile,
    Place,
    Ready,
    RemoveFiles,
    Restart,
    Settle,
    Start,
    Step,
    Stop,
    Story,
    TouchFiles,
    Update,
    WriteFiles,
    compare_committed,
    compare_diff,
    compare_raised,
    compare_stats,
    compare_targets,
    compare_topics,
    diff_of,
)
from ._arm import Arm, ArmError
from ._kafka import KAFKA_CHANGES, cluster_at
from ._life import Error, Life, Look
from ._nursery import Nursery
from ._sim_only import counted_steps, uses_kafka
from ._site import Site

if TYPE_CHECKING:
    from ..engine import UpdateStats
    from ..fakes.kafka import KafkaCluster

__all__ = ["Elsewhere", "Limits"]

_POLL_S = 0.01
_Change: TypeAlias = WriteFiles | AppendFiles | RemoveFiles | MoveFile | MakeLink | TouchFiles | KafkaStep
_CHANGES = (WriteFiles, AppendFiles, RemoveFiles, MoveFile, MakeLink, TouchFiles, *KAFKA_CHANGES)


@dataclass(frozen=True, slots=True)
class Limits:
    """How long is waited, in seconds.

    `within_s`: for what has to happen; it is then judged to have failed. `quiet_s`: how long nothing may move until
    everything is taken to be done.
    """

    within_s: float = 30.0
    quiet_s: float = 1.0
    kafka_quiet_s: float = 2.0
    """The same where messages are on their way, which consumers ask for only now and then."""


class Elsewhere:
    """One performance of a story on an arm, below `directory`, which is empty; a context manager.

    After `run`, the process is still there for whoever judges it further.
    """

    def __init__(
        self, story: Story, arm: Arm, directory: Path, *, nursery: Nursery, limits: Limits | None = None
    ) -> None:
        self.story = story
        self.arm = arm
        self.limits = limits or Limits()
        self.site = Site(directory)
        self.kafka = cluster_at(arm.kafka) if uses_kafka(story) else None
        self._nursery = nursery
        self._life: Life | None = None
        self._started: Start | None = None
        self._seen: dict[str, bytes] = {}
        self._stats: dict[str | None, dict[str, int]] | None = None
        self._is_armed = False
        self._counted = counted_steps(story, arm)
        self._number = 0
        # The error of an update or drop, until an `expect` takes it.
        self._error: Error | None = None
        self._error_step: Update | Start | Drop | None = None

    def run(self, *, ending: Callable[[], object] = lambda: None) -> None:
        """Perform all of the story. `ending` is called before a live update that is left running is ended.

        Raises: ExpectationFailed for what is not as the story says, ArmError when the arm fails.
        """
        self.site.write(self.story.files)
        for given in self.story.kafka:
            self._change(given)
        self.begin_life()
        for number, step in enumerate(self.story.steps):
            self._number = number
            if not isinstance(step, Expect):
                self._refuse_error()
            self._arm_crash(number)
            self._take(step)
        if self._started is not None and self._started.live and self.life.look().running:
            self.settle()
            ending()
            self.stop()
        elif self._started is not None and not self._left_running():
            self._finish(self._started)
        self._refuse_error()

    def close(self) -> None:
        """End the process, if there is one, and the cluster."""
        self.end_life()
        if self.kafka is not None:
            self.kafka.close()
            self.kafka = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what the steps are made of, for judges too ----------------------------------------------------------------

    @property
    def life(self) -> Life:
        """The process. RuntimeError when there is none."""
        if self._life is None:
            raise RuntimeError("there is no process: it was killed, and not started again")
        return self._life

    @property
    def is_live(self) -> bool:
        """Whether a live update was begun and nobody has ended it."""
        return self._started is not None and self._started.live

    @property
    def has_failures(self) -> bool:
        """Whether components failed in the last update, by its counters."""
        return self._stats is not None and self._stats[None]["num_errors"] > 0

    def begin_life(self) -> None:
        """Start a new process and load the pipeline."""
        story = self.story
        target = parse_target(story.app)
        self._life = self._nursery.take(self.arm)
        try:
            self._life.load(
                (story.base / target.reference).resolve(),
                target.app_name,
                self.site.directory,
                kafka=None if self.kafka is None else self.kafka.servers,
            )
        except ArmError as error:
            raise self._failed(f"{story.app!r} can't be loaded on {self.arm}", str(error), story.app_place) from None

    def end_life(self) -> None:
        """End the process, if there is one."""
        if self._life is not None:
            self._life.close()
            self._life = None

    def kill(self) -> None:
        """SIGKILL the process."""
        self.end_life()
        self._started = None

    def update(self, *, full_reprocess: bool = False) -> Error | None:
        """Run one catch-up update to its end; its error, if it raised."""
        self.life.update(live=False, full_reprocess=full_reprocess)
        return self._ended("update").error

    def drop(self) -> Error | None:
        """Drop the app; its error, if it raised. A live update ends."""
        self.life.drop()
        self._started = None
        return self._ended("drop").error

    def stop(self) -> Error | None:
        """End a live update; its error, if it raised.

        CocoIndex has no call for it: there, the process is killed when nothing moves, and a new one started.
        """
        self._started = None
        if self.arm.is_cocoindex:
            self.settle()
            self.end_life()
            self.begin_life()
            return None
        was_ready = self.life.look().ready
        self.life.interrupt()
        error = self._ended("stopped update").error
        return error if was_ready else None

    def settle(self) -> None:
        """Wait until nothing moves: no component runs, and no file and no counter changes for a while."""
        limit_s = time.monotonic() + self.limits.within_s
        quiet_s = self.limits.quiet_s if self.kafka is None else self.limits.kafka_quiet_s
        before: object = None
        since_s = time.monotonic()
        while time.monotonic() < limit_s:
            look = None if self._life is None else self.life.look()
            now = (look and look.stats, self.site.glance())
            busy = look is not None and look.running and _in_progress(look)
            if busy or now != before:
                before, since_s = now, time.monotonic()
            elif time.monotonic() - since_s > quiet_s:
                return
            time.sleep(_POLL_S)

    # -- steps -----------------------------------------------------------------------------------------------------

    def _take(self, step: Step) -> None:
        if isinstance(step, _CHANGES):
            try:
                self._change(step)
            except OSError as error:
                raise self._failed("this step can't be taken", f"{type(error).__name__}: {error}", step.place) from None
        elif isinstance(step, Start):
            self.life.update(live=step.live, full_reprocess=step.full_reprocess)
            self._started = step
        elif isinstance(step, Ready):
            self._ready(step)
        elif isinstance(step, Settle):
            self.settle()
        elif isinstance(step, Advance):
            # Nobody notices the time when nothing runs; it only must not be the same.
            time.sleep(step.duration.total_seconds() if self._started is not None else _POLL_S)
        elif isinstance(step, Stop):
            assert self._started is not None
            self._keep(self._started, self.stop())
        elif isinstance(step, Update):
            self._keep(step, self.update(full_reprocess=step.full_reprocess))
        elif isinstance(step, Drop):
            self._keep(step, self.drop())
        elif isinstance(step, Crash):
            self._crash(step)
        elif isinstance(step, Restart):
            self.begin_life()
        elif isinstance(step, Expect):
            self._expect(step)
        else:
            raise ArmError(f"{self.arm} can't take the step on line {step.place.line}; `sim_only` says so")

    def _change(self, step: _Change) -> None:
        if isinstance(step, KafkaStep):
            assert self.kafka is not None
            self.kafka.take(step)
        elif isinstance(step, WriteFiles):
            self.site.write(step.files)
        elif isinstance(step, AppendFiles):
            self.site.append(step.files)
        elif isinstance(step, RemoveFiles):
            self.site.remove(step.paths)
        elif isinstance(step, MoveFile):
            self.site.move(step.source, step.target)
        elif isinstance(step, MakeLink):
            self.site.link(step.path, step.target)
        else:
            for path, like in step.paths:
                self.site.touch(path, like)

    def _ready(self, step: Ready) -> None:
        assert self._started is not None
        begun = f"the update started on line {self._started.place.line}"
        look = self._until(lambda look: look.ready or not look.running)
        if look is None:
            raise self._failed(f"{begun} does not become ready {self._in_time}", self.life.log, step.place)
        if not look.running and look.error is not None:
            self._keep(self._started, look.error)
            self._refuse_error()
        if not look.ready:
            raise ExpectationFailed(f"{begun} ended without becoming ready", place=step.place)

    def _arm_crash(self, number: int) -> None:
        """Before what leads to the moment to crash at happens, have the process wait for it."""
        steps = self.story.steps
        while isinstance(steps[number], (*_CHANGES, Start)):
            number += 1
            if number == len(steps):
                return
        step = steps[number]
        if isinstance(step, Crash) and step.at is not None and not self.arm.is_cocoindex and not self._is_armed:
            self.life.crash_at(step.at, step.nth)
            self._is_armed = True

    def _crash(self, step: Crash) -> None:
        if step.at is not None and not self.arm.is_cocoindex:
            limit_s = time.monotonic() + self.limits.within_s
            while not self.life.ended and time.monotonic() < limit_s:
                time.sleep(_POLL_S)
            if not self.life.ended:
                raise self._failed("the moment to crash at did not come", self.life.log, step.place)
        elif step.at is not None:
            # It tells of no moments, so it is killed at the first sign that it does something.
            before = self.site.glance()
            self._until(lambda look: not look.running or self.site.glance() != before, poll_s=0.0)
        self._is_armed = False
        self.kill()

    # -- errors ----------------------------------------------------------------------------------------------------

    def _keep(self, step: Update | Start | Drop, error: Error | None) -> None:
        if isinstance(step, Start):
            self._started = None
        self._error, self._error_step = error, step

    def _refuse_error(self) -> None:
        if self._error is None:
            return
        assert self._error_step is not None
        what = "drop" if isinstance(self._error_step, Drop) else "update"
        raise self._failed(f"the {what} raised {self._error.shown}", self._error.text, self._error_step.place)

    def _failed(self, verdict: str, details: str, place: Place) -> ExpectationFailed:
        # Where it happened is another directory each time.
        lines = details.replace(f"{self.site.directory}/", "").splitlines()
        return ExpectationFailed(verdict, place=place, lines=lines[-20:])

    # -- waiting ---------------------------------------------------------------------------------------------------

    @property
    def _in_time(self) -> str:
        return f"within {self.limits.within_s:.0f} s"

    def _until(self, condition: Callable[[Look], bool], *, poll_s: float = _POLL_S) -> Look | None:
        """The first look of which the condition holds; None if none does in time."""
        limit_s = time.monotonic() + self.limits.within_s
        while True:
            look = self.life.look()
            if condition(look):
                return look
            if time.monotonic() > limit_s:
                return None
            time.sleep(poll_s)

    def _ended(self, what: str) -> Look:
        look = self._until(lambda look: not look.running)
        if look is None:
            raise self._failed(f"the {what} does not end {self._in_time}", self.life.log, self.story.place)
        self._stats = look.stats or self._stats
        return look

    def _finish(self, started: Start) -> None:
        self._keep(started, self._ended("update").error)

    def _left_running(self) -> bool:
        last = self.story.steps[-1]
        return isinstance(last, Expect) and last.terminates is False

    # -- expectations ----------------------------------------------------------------------------------------------

    def _expect(self, step: Expect) -> None:
        unmet: list[tuple[str, Difference]] = []
        is_live = self.is_live
        terminates = self._wait(step)
        if terminates is not None:
            unmet.append(("terminates", terminates))
        if step.raises is not None:
            raises = self._compare_error(step)
            if raises is not None:
                unmet.append(("raises", raises))
            self._error = None
        self._refuse_error()
        if step.stats is not None and self._number in self._counted:
            stats = compare_stats(step.stats, self._counters())
            if stats is not None:
                unmet.append(("stats", stats))
        unmet += self._compare_files(step, patiently=is_live and self._life is not None)
        if unmet:
            raise ExpectationFailed.at(step, unmet)

    def _compare_files(self, step: Expect, *, patiently: bool) -> list[tuple[str, Difference]]:
        """What is not as it should be; while a live update runs, it is given time."""
        limit_s = time.monotonic() + (self.limits.within_s if patiently else 0.0)
        while True:
            files = self.site.target_files()
            found: list[tuple[str, Difference | None]] = []
            if step.targets is not None:
                found.append(("targets", compare_targets(step.targets, files)))
            if step.diff is not None:
                found.append(("diff", compare_diff(step.diff, diff_of(self._seen, files))))
            if step.kafka is not None:
                found.append(("kafka", compare_topics(step.kafka, cast("KafkaCluster", self.kafka))))
            if step.committed is not None and self.arm.kafka:
                found.append(("committed", compare_committed(step.committed, cast("KafkaCluster", self.kafka))))
            unmet = [(name, difference) for name, difference in found if difference is not None]
            if not unmet or time.monotonic() >= limit_s:
                self._seen = files
                return unmet
            time.sleep(10 * _POLL_S)

    def _wait(self, step: Expect) -> Difference | None:
        started = self._started
        if started is None:
            return None
        begun = f"the update started on line {started.place.line}"
        if step.terminates or (step.terminates is None and not started.live):
            look = self._until(lambda look: not look.running)
            if look is None:
                return Difference(f"{begun} does not end {self._in_time}", self.life.log.splitlines()[-20:])
            self._stats = look.stats
            self._keep(started, look.error)
            return None
        self.settle()
        look = self.life.look()
        self._stats = look.stats
        if look.running:
            return None
        if step.terminates is False:
            return Difference(f"{begun} ended; it was expected to go on", [look.error.shown] if look.error else [])
        self._keep(started, look.error)
        return None

    def _compare_error(self, step: Expect) -> Difference | None:
        assert step.raises is not None
        error = self._error
        if self.arm.is_cocoindex and error is not None:
            return None  # its words are its own
        return compare_raised(step.raises, error)

    def _counters(self) -> UpdateStats | None:
        if self._stats is None:
            return None
        made = {name: SimpleNamespace(**counters) for name, counters in self._stats.items()}
        total = made.pop(None)
        return cast("UpdateStats", SimpleNamespace(total=total, by_component=made))


def _in_progress(look: Look) -> bool:
    return look.stats is not None and look.stats[None]["num_in_progress"] > 0
