"""Performs a story on a world, step by step, and says which expectation was not met."""

from __future__ import annotations

import asyncio
import os
import sysconfig
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..fakes import InjectedTrouble
from ..fakes.filesystem import InjectedFault
from ..runtime import RunInterruptedError
from ..values import DeadlockError, Event, FenceError, LimitError
from ._compare import Difference, compare_diff, compare_error, compare_stats, compare_targets, diff_of
from ._compare_events import compare_actions, compare_logs, compare_order, compare_ready
from ._compare_kafka import compare_committed, compare_topics
from ._compare_rows import compare_rows
from ._failed import ExpectationFailed
from ._kafka_steps import KAFKA_SOURCE_STEPS, KAFKA_STEPS, ChangeBroker, ChangeMember, KafkaStep, change_kafka
from ._logs import Logs, captured_logs
from ._oracles import OracleViolated, Violation, is_endless
from ._place import Place
from ._story import (
    Advance,
    AppendFiles,
    Call,
    ChangeMode,
    Crash,
    DeleteKeys,
    Drop,
    Expect,
    Hold,
    Inject,
    InjectTrouble,
    MakeLink,
    MapTrouble,
    MoveFile,
    Ready,
    Release,
    RemoveFiles,
    Restart,
    SetKeys,
    Settle,
    Start,
    Step,
    Stop,
    Story,
    TouchFiles,
    Trouble,
    Update,
    WriteFiles,
)

if TYPE_CHECKING:
    from ._world import World

__all__ = ["Performance", "is_theirs", "perform"]


def perform(
    story: Story,
    world: World,
    *,
    changed: Callable[[], object] = lambda: None,
    begins: Callable[[], object] = lambda: None,
    ending: Callable[[], object] = lambda: None,
) -> None:
    """Perform `story` on a `world` in which nothing has happened yet. The world stays open.

    `changed` is called when the sources are in place, and after each step that changed them; `begins` before each step;
    `ending` before a live update that is left running after the last step is stopped.

    Raises: ExpectationFailed at the first step that does not go as the story says.
    """
    Performance(story, world, changed, begins, ending).run()


_PACKAGE = str(Path(__file__).parent.parent) + os.sep
_STANDARD_LIBRARY = sysconfig.get_path("stdlib") + os.sep


def is_theirs(filename: str) -> bool:
    """Whether a file is neither of this package nor of the standard library."""
    if filename.startswith(("<", _PACKAGE)):
        return False
    return not filename.startswith(_STANDARD_LIBRARY) or "site-packages" in filename


def _pipeline_frames(error: BaseException, base: Path) -> list[str]:
    """Where the error came from, without the frames of this package and of the standard library."""
    return [
        f"{os.path.relpath(frame.filename, base)}:{frame.lineno} in {frame.name}: {frame.line}"
        for frame in traceback.extract_tb(error.__traceback__)
        if is_theirs(frame.filename)
    ]


_SOURCE_STEPS = (
    WriteFiles,
    AppendFiles,
    RemoveFiles,
    MoveFile,
    MakeLink,
    TouchFiles,
    ChangeMode,
    Call,
    SetKeys,
    DeleteKeys,
    *KAFKA_SOURCE_STEPS,
)
_OUTSIDE_STEPS = (*_SOURCE_STEPS, Trouble, MapTrouble, ChangeBroker, ChangeMember)


class Performance:
    """One performance of a story, expectations judged."""

    def __init__(
        self,
        story: Story,
        world: World,
        changed: Callable[[], object],
        begins: Callable[[], object],
        ending: Callable[[], object],
    ) -> None:
        self._story = story
        self._world = world
        self._changed = changed
        self._begins = begins
        self._ending = ending
        self._seen: dict[str, bytes] = {}
        self._seen_entries = 0
        self._logs: Logs | None = None
        self._held = False
        self._started: Start | None = None
        self._injected: list[tuple[Inject | InjectTrouble, InjectedFault | InjectedTrouble]] = []
        # The error of an update or drop, until an `expect` takes it.
        self._error: BaseException | None = None
        self._error_step: Update | Start | Drop | None = None
        # What the last expectation of an error looked at.
        self._raised: BaseException | None = None
        # Those that the last look back was at.
        self._events: list[Event] = []

    def run(self) -> None:
        """Perform all of it. Raises ExpectationFailed."""
        if any(isinstance(step, Expect) and step.logs is not None for step in self._story.steps):
            with captured_logs() as self._logs:
                self._run()
        else:
            self._run()

    def _run(self) -> None:
        self._begin()
        for step in self._story.steps:
            if not isinstance(step, Expect):
                self._refuse_error()
            self._begins()
            self._take(step)
            if isinstance(step, _SOURCE_STEPS):
                self._changed()
        self._end()

    def _begin(self) -> None:
        story = self._story
        load_app = partial(self._world.load, story.app, base=story.base, is_source=story.is_source)
        self._world.watching.profile = story.watch
        for name, target in story.drivers:
            employ = partial(self._world.employ, [(name, target)], story.base)
            self._guard(employ, f"driver {name!r} can't be loaded from {target!r}", story.app_place)
        self._guard(load_app, f"{story.app!r} can't be loaded", story.app_place)
        # After loading, because the working directory is that of the pipeline.
        self._guard(partial(self._write, story.files), "the files of `given` can't be written", story.place)
        self._set_keys(story.entries)
        for step in story.kafka:
            self._guard(partial(change_kafka, self._world.kafka, step), "this can't be given", step.place)
        self._changed()

    def _end(self) -> None:
        if self._started is not None and self._started.live and self._world.running:
            if all(injected.fired for _, injected in self._injected):  # or one is meant for the stop
                self._ending()
            was_ready = self._world.ready
            self._attempt(self._started, self._world.stop)
            if not was_ready and isinstance(self._error, RunInterruptedError):
                self._error = None  # the story does not say that it becomes ready
        elif self._started is not None and not self._left_running():
            self._attempt(self._started, self._world.finish)
        self._refuse_error()
        self._refuse_fences()
        for step, injected in self._injected:
            if not injected.fired:
                seen = "there was no such call"
                if injected.seen:
                    seen = "there was 1 such call" if injected.seen == 1 else f"there were {injected.seen} such calls"
                fault = step.fault if isinstance(step, Inject) else step
                nth = f" number {fault.nth}" if fault.nth > 1 else ""
                verdict = f"the fault {fault}{nth} never happened: {seen} after this step"
                raise ExpectationFailed(verdict, place=step.place)

    def _refuse_fences(self) -> None:
        if self._world.fenced:  # whoever caught it, what came after it is not what would have happened
            fence = self._world.fenced[0]
            raise self._unexpected(f"{self._story.app!r} ran into a fence: {fence}", fence, self._story.app_place)

    def _left_running(self) -> bool:
        last = self._story.steps[-1]
        return isinstance(last, Expect) and last.terminates is False

    def _guard(self, action: Callable[[], object], fact: str, place: Place) -> None:
        try:
            action()
        except Exception as error:
            raise self._unexpected(f"{fact}: {self._named(error)}", error, place) from error

    def _reach(self, reach: Callable[[], object], fact: str, place: Place) -> None:
        """Run the started update to a moment. An error that it ended with says more than that it did not get there."""

        def reach_or_tell() -> None:
            try:
                reach()
            except RuntimeError:
                if self._started is not None and not self._world.running:
                    self._attempt(self._started, self._world.finish)
                raise

        try:
            self._guard(reach_or_tell, fact, place)
        except ExpectationFailed:
            self._refuse_error()
            raise

    def _named(self, error: BaseException) -> str:
        first = (str(error).splitlines() or [""])[0]
        return f"{type(error).__name__}: {first}" if first else type(error).__name__

    def _unexpected(self, verdict: str, error: BaseException, place: Place) -> ExpectationFailed:
        if is_endless(error):
            return OracleViolated(Violation("termination", verdict, str(error).splitlines()[1:]), place=place)
        lines = str(error).splitlines()[1:] + _pipeline_frames(error, self._story.base)
        return ExpectationFailed(verdict, place=place, lines=lines)

    def _attempt(self, step: Update | Start | Drop, action: Callable[[], object]) -> None:
        if isinstance(step, Start):
            self._started = None
        try:
            action()
        except (Exception, asyncio.CancelledError) as error:
            self._error, self._error_step = error, step

    def _refuse_error(self) -> None:
        if self._error is None:
            return
        assert self._error_step is not None
        what = "drop" if isinstance(self._error_step, Drop) else "update"
        raise self._unexpected(
            f"the {what} raised {self._named(self._error)}", self._error, self._error_step.place
        ) from self._error

    def _take(self, step: Step) -> None:
        world = self._world
        if isinstance(step, _OUTSIDE_STEPS) and not self._held:
            world.linger()
        if isinstance(step, Expect):
            self._expect(step)
        elif isinstance(step, Start):
            world.start(full_reprocess=step.full_reprocess, live=step.live)
            self._started = step
        elif isinstance(step, Ready):
            self._ready(step)
        elif isinstance(step, Stop):
            assert self._started is not None
            self._attempt(self._started, world.stop)
        elif isinstance(step, Update):
            self._attempt(step, lambda: world.update(full_reprocess=step.full_reprocess))
        elif isinstance(step, Drop):
            self._attempt(step, world.drop)
            if self._started is not None and self._error is None:
                self._attempt(self._started, world.finish)
        elif isinstance(step, Crash):
            self._crash(step)
        elif isinstance(step, Hold):
            self._held = True
            self._hold(step)
        elif isinstance(step, Release):
            self._held = False
        elif isinstance(step, Call):
            call = partial(world.call, step.driver, step.method, dict(step.arguments))
            self._guard(call, f"{step.driver}.{step.method} failed", step.place)
        elif isinstance(step, Inject):
            self._injected.append((step, world.inject(step.fault)))
        elif isinstance(step, InjectTrouble):
            self._injected.append((step, self._inject(step)))
        elif isinstance(step, Restart):
            self._guard(world.restart, "the process can't be restarted", step.place)
        else:
            self._guard(lambda: self._change(step), "this step can't be taken", step.place)

    def _write(self, files: tuple[tuple[str, bytes], ...]) -> None:
        for path, content in files:
            self._world.files.write(path, content, parents=True)

    def _set_keys(self, entries: tuple[tuple[str, str, str], ...]) -> None:
        for name, key, value in entries:
            self._world.map(name).set(key, value)

    def _inject(self, step: InjectTrouble) -> InjectedTrouble:
        if step.system == "kafka":
            return self._world.kafka.inject(step.call, step.kind, nth=step.nth, times=step.times)
        if step.system == "target":
            return self._world.target(step.name).inject(step.kind, nth=step.nth, times=step.times)
        return self._world.map(step.name).inject(step.kind, call=step.call, nth=step.nth, times=step.times)

    def _ready(self, step: Ready) -> None:
        assert self._started is not None
        begun = f"the update started on line {self._started.place.line}"
        try:
            self._world.wait_ready()
        except (DeadlockError, LimitError) as error:
            raise self._unexpected(f"{begun} does not become ready: {self._named(error)}", error, step.place) from error
        if not self._world.ready:
            self._attempt(self._started, self._world.finish)
            self._refuse_error()
            raise ExpectationFailed(f"{begun} ended without becoming ready", place=step.place)

    def _change(
        self,
        step: WriteFiles
        | AppendFiles
        | RemoveFiles
        | MoveFile
        | MakeLink
        | TouchFiles
        | ChangeMode
        | Trouble
        | SetKeys
        | DeleteKeys
        | MapTrouble
        | KafkaStep
        | Settle
        | Advance,
    ) -> None:
        files = self._world.files
        if isinstance(step, WriteFiles):
            self._write(step.files)
        elif isinstance(step, AppendFiles):
            for path, content in step.files:
                files.append(path, content, parents=True)
        elif isinstance(step, RemoveFiles):
            for path in step.paths:
                try:
                    files.unlink(path)
                except IsADirectoryError:
                    files.rmtree(path)
        elif isinstance(step, MoveFile):
            files.mkdir(os.path.dirname(step.target) or ".", parents=True)
            files.rename(step.source, step.target)
        elif isinstance(step, MakeLink):
            files.mkdir(os.path.dirname(step.path) or ".", parents=True)
            files.symlink(step.target, step.path)
        elif isinstance(step, TouchFiles):
            for path, like in step.paths:
                files.stat(path)  # touching nothing is a slip: it would make an empty file
                files.touch(path, None if like is None else files.stat(like).mtime_ns)
        elif isinstance(step, ChangeMode):
            for path, mode in step.modes:
                files.chmod(path, mode)
        elif isinstance(step, Trouble):
            getattr(self._world.watching, step.kind)()
        elif isinstance(step, SetKeys):
            self._set_keys(step.entries)
        elif isinstance(step, DeleteKeys):
            for name, key in step.keys:
                self._world.map(name).delete(key)
        elif isinstance(step, MapTrouble):
            trouble = getattr(self._world.map(step.map), step.kind)
            trouble(*() if step.barrier is None else (step.barrier,))
        elif isinstance(step, Settle):
            self._world.settle()
        elif isinstance(step, KAFKA_STEPS):
            change_kafka(self._world.kafka, step)
        else:
            self._world.advance(step.duration)

    def _hold(self, step: Hold) -> None:
        reach = self._world.run_until_call if "." in step.at else self._world.run_until_event
        self._reach(partial(reach, step.at, step.nth), "the update does not come to where it is to be held", step.place)

    def _crash(self, step: Crash) -> None:
        at = step.at
        self._held = False
        if at is not None:
            self._reach(
                lambda: self._world.run_until_event(at, step.nth), "the moment to crash at did not come", step.place
            )
        self._world.crash()
        self._started = None

    def _expect(self, step: Expect) -> None:
        unmet: list[tuple[str, Difference]] = []

        def check(name: str, difference: Difference | None) -> None:
            if difference is not None:
                unmet.append((name, difference))

        check("terminates", self._wait(step))
        if step.raises is not None:
            check("raises", compare_error(step.raises, self._error))
            if isinstance(self._error, FenceError):
                self._world.fenced.clear()
            self._raised, self._error = self._error, None
        self._refuse_error()
        files = self._world.target_files()
        if step.targets is not None:
            check("targets", compare_targets(step.targets, files))
        if step.diff is not None:
            check("diff", compare_diff(step.diff, diff_of(self._seen, files)))
        if step.rows is not None:
            check("rows", compare_rows(step.rows, self._world.targets))
        if step.kafka is not None:
            check("kafka", compare_topics(step.kafka, self._world.kafka))
        if step.committed is not None:
            check("committed", compare_committed(step.committed, self._world.kafka))
        if step.stats is not None:
            check("stats", compare_stats(step.stats, self._world.stats()))
        self._look_back(step, check)
        before, self._seen = self._seen, files
        if unmet:
            self._refuse_unmet(step, unmet, before)

    def _refuse_unmet(self, step: Expect, unmet: Sequence[tuple[str, Difference]], before: Mapping[str, bytes]) -> None:
        """Fail for looks whose expectations were not met, by name; `before`: the target files of the last look."""
        raise ExpectationFailed.at(step, unmet)

    def _look_back(self, step: Expect, check: Callable[[str, Difference | None], None]) -> None:
        """Judge what came since the last look."""
        entries = self._world.trace.entries
        since, self._seen_entries = self._seen_entries, len(entries)
        records = [] if self._logs is None else self._logs.take()
        if step.actions is None and step.ready is None and step.order is None and step.logs is None:
            return
        events = self._events = [entry.what for entry in entries[since:] if not isinstance(entry.what, str)]
        if step.actions is not None:
            check("actions", compare_actions(step.actions, events))
        if step.ready is not None:
            check("ready", compare_ready(step.ready, self._world.ready, events))
        if step.order is not None:
            check("order", compare_order(step.order, events))
        if step.logs is not None:
            check("logs", compare_logs(step.logs, records))

    def _wait(self, step: Expect) -> Difference | None:
        started = self._started
        if started is None:
            return None
        begun = f"the update started on line {started.place.line}"
        if step.terminates or (step.terminates is None and not started.live):
            self._attempt(started, self._world.finish)
            if step.terminates and isinstance(self._error, DeadlockError | LimitError):
                error, self._error = self._error, None
                return Difference(f"{begun} does not end: {self._named(error)}", str(error).splitlines()[1:])
            return None
        try:
            self._world.settle()
        except (DeadlockError, LimitError):
            return None
        if self._world.running:
            return None
        self._attempt(started, self._world.finish)
        if step.terminates is False and (self._error is None or step.raises is not None):  # what it raised says more
            return Difference(f"{begun} ended; it was expected to go on", [])
        return None
