"""Goal: production tells the operating system's time."""

from __future__ import annotations

import time
from itertools import pairwise

from cocoindex_sim.ports import Clock
from cocoindex_sim.runtime._clock import SystemClock

clock: Clock = SystemClock()


def test_the_wall_clock_is_the_systems() -> None:
    before = time.time_ns()
    now = clock.time_ns()
    assert before <= now <= time.time_ns()


def test_monotonic_time_never_goes_back() -> None:
    before = time.monotonic_ns()
    readings = [clock.monotonic_ns() for _ in range(100)]
    assert before <= readings[0]
    assert all(one <= two for one, two in pairwise(readings))
    assert readings[-1] <= time.monotonic_ns()
