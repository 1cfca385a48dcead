# Goal: the clock port shows virtual time, and the calendar begins where it is told to.

from __future__ import annotations

from datetime import UTC, datetime

from cocoindex_sim.fakes import EPOCH_NS, VirtualClock
from cocoindex_sim.ports import Clock


def test_both_clocks_follow_virtual_time_exactly() -> None:
    now_ns = 0
    clock: Clock = VirtualClock(lambda: now_ns)
    assert (clock.monotonic_ns(), clock.time_ns()) == (0, EPOCH_NS)
    now_ns = 86_400 * 10**9 * 365 * 40 + 1
    assert (clock.monotonic_ns(), clock.time_ns() - EPOCH_NS) == (now_ns, now_ns)


def test_the_calendar_begins_in_2026_or_where_it_is_told_to() -> None:
    assert datetime.fromtimestamp(EPOCH_NS / 1e9, UTC) == datetime(2026, 1, 1, tzinfo=UTC)
    assert VirtualClock(lambda: 5, epoch_ns=7).time_ns() == 12
