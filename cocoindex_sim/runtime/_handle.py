"""The handle of one update: its result, its counts, and watching them (STAT-01, STAT-02, STAT-12..17)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..engine import (
    Failure,
    Outcome,
    PlannedChange,
    Run,
    RunMode,
    StatsCounter,
    UpdateStats,
    current_deadline_ns,
    current_process,
    in_time,
    set_deadline_ns,
)
from ._environment import Environment, captured
from ._report import Report, Subject, keep_reporting, report_of, report_period
from ._snapshot import UpdateSnapshot, snapshots

if TYPE_CHECKING:
    from ._app import App

__all__ = ["UpdateHandle", "show_progress"]

R = TypeVar("R")


class UpdateHandle(Generic[R]):
    """One update. Nothing happens before it is awaited or watched (APP-05)."""

    def __init__(
        self,
        app: App[..., R],
        mode: RunMode,
        *,
        strict: bool = False,
        preview: bool = False,
        live: bool = False,
    ) -> None:
        self._app = app
        self._live = live
        self._process = current_process()
        self._counter = StatsCounter()
        self._preview = preview
        self._strict = strict
        self._mode: RunMode = mode
        self._run: Run | None = None
        self._ended: asyncio.Future[Outcome[R]] | None = None  # of the loop that started it
        self._consumed = False
        self._delivered: Outcome[R] | None = None  # takes the place of `_ended`; without the error
        self._deadline_ns = current_deadline_ns()

    def __await__(self) -> Generator[Any, None, R]:
        return self.result().__await__()

    async def result(self) -> R:
        """Wait for the update and give what the root function returned, or raise what it raised; once.

        RuntimeError when the result was given before, here or at the end of `watch`.
        """
        self._consume()
        return await self._taken()

    async def _taken(self) -> R:
        ended = await self._begun()
        await asyncio.shield(ended)  # cancelling whoever awaits the handle does not stop the run (APP-09)
        outcome = self._deliver(ended)
        del ended
        try:
            return outcome.get()
        finally:
            del outcome

    def _consume(self) -> None:
        """Take the right to the result. RuntimeError when it was taken."""
        if self._consumed:
            raise RuntimeError("result already consumed: an update handle gives its result once")
        self._consumed = True

    async def watch(self) -> AsyncIterator[UpdateSnapshot[R]]:
        """Snapshots of the counts: now, whenever they change, when the status changes, and at the end with the result.

        A slow consumer skips states and always sees the latest one. Any number may watch. At the end it raises what the
        root function raised. To have watched to the end takes the result; to leave before does not. Once the result is
        taken there is the last snapshot, and no more. TypeError for a preview.
        """
        if self._preview:
            raise TypeError("watch() is not supported when preview=True: await the handle for the planned actions")
        ended = await self._begun()
        async for snapshot in snapshots(self._counter, partial(_outcome, ended)):
            yield snapshot
        self._consumed = True
        outcome = self._deliver(ended)
        del ended
        try:
            outcome.get()
        finally:
            del outcome

    def _deliver(self, ended: asyncio.Future[Outcome[R]]) -> Outcome[R]:
        """Hand over the outcome, and keep no exception: its traceback leads to those who have this handle."""
        outcome = ended.result()
        self._ended, self._delivered = None, Outcome(outcome.value, None)
        return outcome

    async def _begun(self) -> asyncio.Future[Outcome[R]]:
        """Start the update if nobody did. Gives the future of its end."""
        if self._ended is None and self._delivered is None:
            interruptions = self._app.interruptions
            with self._process.active():
                environment = await self._app.opened()
                if self._ended is None and self._delivered is None:
                    self._ended = environment.begin(captured(lambda: self._work(environment, interruptions)))
                    self._ended.add_done_callback(lambda _: self._counter.notify())
        if self._ended is not None:
            return self._ended
        assert self._delivered is not None
        ended: asyncio.Future[Outcome[R]] = asyncio.get_running_loop().create_future()
        ended.set_result(self._delivered)
        return ended

    async def _work(self, environment: Environment, interruptions: int) -> R:
        set_deadline_ns(self._deadline_ns)
        value: R = await self._app.run(
            environment,
            self._mode,
            self._started,
            interruptions,
            preview=self._preview,
            live=self._live,
            stats=self._counter,
        )
        if self._strict and (failures := self.failures()):
            errors = [failure.error for failure in failures]
            raise BaseExceptionGroup(f"{len(errors)} background failures in app {self._app.name!r}", errors)
        return in_time(value)

    def _started(self, run: Run) -> None:
        self._run = run

    def report(self) -> Report:
        """What shows its progress on stdout."""
        return report_of(Subject(self._counter, self._process.ports.clock.monotonic_ns, self._live))

    @property
    def is_ready(self) -> bool:
        """Whether all of the first pass is done."""
        return self._counter.ready_ns is not None

    def failures(self) -> list[Failure]:
        """The background failures so far that no exception handler took; they do not fail the update by themselves.

        A live update remembers the last 1,000.
        """
        return [] if self._run is None else list(self._run.failures)

    def plan(self) -> list[PlannedChange]:
        """What a preview planned so far, with the target state and the component of each action."""
        return [] if self._run is None else list(self._run.plan)

    def stats(self) -> UpdateStats | None:
        """The counts so far; None before the update started."""
        return None if self._run is None else self._run.stats.snapshot()


async def show_progress(handle: UpdateHandle[R], *, refresh_interval: timedelta | None = None) -> R:
    """Run an update and show its progress on stdout: a display on a terminal, a block a second elsewhere.

    Gives what the root function returned, or raises what it raised, and so takes the result of the handle. RuntimeError
    when it was taken; ValueError for an interval that is not positive.
    """
    period_s = report_period(True if refresh_interval is None else refresh_interval, "refresh_interval")
    assert period_s is not None
    handle._consume()
    report = handle.report().begin()
    ticking = asyncio.ensure_future(keep_reporting(report, handle._counter, period_s))
    try:
        return await handle._taken()
    finally:
        ticking.cancel()
        report.finish()


def _outcome(ended: asyncio.Future[Outcome[R]]) -> Outcome[R] | None:
    return ended.result() if ended.done() else None
