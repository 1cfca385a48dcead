"""Counts of one update, per processor (STAT-03..11), and waiting for them to change."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import NamedTuple

__all__ = ["ComponentStats", "StatsCounter", "UpdateStats"]


class ComponentStats(NamedTuple):
    """Counts for the components of one processor, or of all. A component counts once per run of it."""

    num_execution_starts: int = 0
    num_unchanged: int = 0
    num_adds: int = 0
    num_deletes: int = 0
    num_reprocesses: int = 0
    num_errors: int = 0

    @property
    def num_processed(self) -> int:
        """Runs that ended without error."""
        return self.num_unchanged + self.num_adds + self.num_deletes + self.num_reprocesses

    @property
    def num_finished(self) -> int:
        """Runs that ended."""
        return self.num_processed + self.num_errors

    @property
    def num_in_progress(self) -> int:
        """Runs that began and have not ended."""
        return max(0, self.num_execution_starts - self.num_finished)


class UpdateStats(NamedTuple):
    """Counts by processor name: function qualified names, `Class.process` for live components."""

    by_component: dict[str, ComponentStats]

    @property
    def total(self) -> ComponentStats:
        """The sum over all processors."""
        columns = zip(*self.by_component.values(), strict=True)
        return ComponentStats(*map(sum, columns)) if self.by_component else ComponentStats()


_STARTS, _UNCHANGED, _ADDS, _DELETES, _REPROCESSES, _ERRORS = range(6)


class StatsCounter:
    """The running counts behind `UpdateStats`. Always on, so plain integers instead of an event observer.

    Counted on the engine's loop; may be read and waited for from other loops.
    """

    __slots__ = ("_counts", "_waiting", "live", "ready_ns")

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._waiting: deque[asyncio.Future[None]] = deque()
        self.ready_ns: int | None = None  # when all of the first pass was done, by the clock of the process
        self.live = 0  # live components that go on, whether ready or not

    def _add(self, processor: str, column: int) -> None:
        row = self._counts.get(processor)
        if row is None:
            row = self._counts[processor] = [0] * 6
        row[column] += 1
        if self._waiting:
            self.notify()

    def started(self, processor: str) -> None:
        """A run or a deletion began."""
        self._add(processor, _STARTS)

    def unchanged(self, processor: str) -> None:
        """A stored result was reused."""
        self._add(processor, _UNCHANGED)

    def reused(self, processor: str) -> None:
        """As `started` and `unchanged`, of what is over as soon as it begins."""
        row = self._counts.get(processor)
        if row is None:
            row = self._counts[processor] = [0] * 6
        row[_STARTS] += 1
        row[_UNCHANGED] += 1
        if self._waiting:
            self.notify()

    def executed(self, processor: str, *, existed: bool) -> None:
        """A run committed, at a path that held a component before or not."""
        self._add(processor, _REPROCESSES if existed else _ADDS)

    def deleted(self, processor: str) -> None:
        """A component was removed."""
        self._add(processor, _DELETES)

    def failed(self, processor: str) -> None:
        """A run or a deletion failed."""
        self._add(processor, _ERRORS)

    def snapshot(self) -> UpdateStats:
        """The counts now."""
        return UpdateStats({name: ComponentStats(*row) for name, row in list(self._counts.items())})

    @property
    def is_empty(self) -> bool:
        """Whether nothing was counted."""
        return not self._counts

    def mark_ready(self, now_ns: int) -> None:
        """What is counted is ready."""
        self.ready_ns = now_ns
        self.notify()

    def live_began(self) -> None:
        """A live component, counted here, goes on from now on."""
        self.live += 1

    def live_ended(self) -> None:
        """It came to its end."""
        self.live -= 1
        self.notify()

    def member_began(self) -> None:
        """One more to be ready before this is: of meaning to groups only."""

    def member_ended(self) -> None:
        """It is ready, or has failed."""

    def next_change(self) -> asyncio.Future[None]:
        """A future of the running loop that is done once anything changed after this call.

        Ask first and look then: what changes in between is not missed. However much changes before one waits for it, it
        is one change (STAT-13).
        """
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(change)
        return change

    def notify(self) -> None:
        """Let those who wait look again. From any thread."""
        here = asyncio._get_running_loop()
        with suppress(IndexError):  # it is empty
            while True:
                change = self._waiting.popleft()
                loop = change.get_loop()
                if loop is here:
                    _done(change)
                else:
                    with suppress(RuntimeError):  # it is closed
                        loop.call_soon_threadsafe(_done, change)


def _done(change: asyncio.Future[None]) -> None:
    if not change.done():
        change.set_result(None)
