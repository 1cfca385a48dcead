"""Groups of statistics: a part of an update that is counted, watched and reported on its own (STAT-20..26)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from ..engine import Outcome, StatsGroup, UpdateStats, grouped_stats
from ._report import Report, Subject, keep_reporting, report_period
from ._snapshot import UpdateSnapshot, snapshots

__all__ = ["StatsGroupHandle", "stats_group"]


class StatsGroupHandle:
    """The counts of one `stats_group`."""

    def __init__(self, group: StatsGroup) -> None:
        self._group = group

    def stats(self) -> UpdateStats | None:
        """The counts so far; None as long as nothing was mounted. Live members add to them also once it is ready."""
        return None if self._group.is_empty else self._group.snapshot()

    async def watch(self) -> AsyncIterator[UpdateSnapshot[Any]]:
        """Snapshots of the counts: now, and whenever they change, until the group is ready.

        It is once the block has been left and all that it mounted is ready. The last snapshot has the status READY;
        there is none of a group that mounted nothing.
        """
        async for snapshot in snapshots(self._group, self._outcome):
            yield snapshot

    def _outcome(self) -> Outcome[Any] | None:
        return None if self._group.ready_ns is None else Outcome(None, None)


@contextmanager
def stats_group(title: str, *, report_to_stdout: bool | timedelta = False) -> Iterator[StatsGroupHandle]:
    """Count what the block mounts, with all below it, apart from the report around it: `with stats_group("docs"): ...`.

    Leaving the block does not wait. Paths, ownership and what is up to date are not affected. `report_to_stdout` prints
    progress under the title, at that interval. RuntimeError outside a component; ValueError for an interval that is not
    positive.
    """
    if not isinstance(title, str):
        raise TypeError(f"stats_group needs a title, got {title!r}")
    period_s = report_period(report_to_stdout)
    with grouped_stats() as group:
        if period_s is not None:
            _report(group, title, period_s)
        yield StatsGroupHandle(group)


def _report(group: StatsGroup, title: str, period_s: float) -> None:
    """Print what becomes of a group. The last block comes before whoever waits for the group goes on."""
    run = group.run
    # Plain blocks also on a terminal: there they stand above the display of the update.
    report = Report(Subject(group, run.process.ports.clock.monotonic_ns, run.is_live, title))
    if asyncio._get_running_loop() is run.loop:
        ticking = run.spawn(keep_reporting(report, group, period_s), f"report on {title!r}")
        group.when_over(ticking.cancel)
    group.when_over(report.finish)
