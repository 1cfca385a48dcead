"""What one sees of an update, or of a group of statistics, while it goes on (STAT-12, STAT-13)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from typing import Generic, NamedTuple, TypeVar

from ..engine import Outcome, StatsCounter, UpdateStats

__all__ = ["UpdateSnapshot", "UpdateStatus", "snapshots"]

R = TypeVar("R")


class UpdateStatus(StrEnum):
    """How far an update is."""

    RUNNING = "running"
    """The first pass goes on."""
    READY = "ready"
    """All of the first pass is done. In live mode, what comes after it goes on."""


class UpdateSnapshot(NamedTuple, Generic[R]):
    """The counts at one moment, the status then, and once all is over what the root function returned."""

    stats: UpdateStats
    status: UpdateStatus
    result: R | None


async def snapshots(
    counter: StatsCounter, outcome: Callable[[], Outcome[R] | None]
) -> AsyncIterator[UpdateSnapshot[R]]:
    """A snapshot now, unless nothing was counted yet, and one whenever something changed, until there is an `outcome`.

    What changes while nobody asks is one change. The last one is of the state at the end.
    """
    last: tuple[UpdateStats, UpdateStatus] | None = None
    while True:
        change, over = counter.next_change(), outcome()  # in this order: nothing is missed
        if not counter.is_empty:
            status = UpdateStatus.RUNNING if counter.ready_ns is None else UpdateStatus.READY
            now, result = (counter.snapshot(), status), None if over is None else over.value
            if now != last or result is not None:
                last = now
                yield UpdateSnapshot(*now, result)
        if over is not None:
            return
        del over  # it may hold an exception, and with it this frame
        await change
