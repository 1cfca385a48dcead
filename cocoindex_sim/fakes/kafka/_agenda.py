"""What becomes due in a cluster, by time: timeouts, late effects, commits that nobody asked for."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import NamedTuple

__all__ = ["Agenda"]


class _Item(NamedTuple):
    due_ns: int
    number: int
    act: Callable[[], object]
    idle: bool


class Agenda:
    """Things to do at a time, in nanoseconds of the cluster's clock.

    Nothing runs by itself: `run_due` does what has become due, each thing at the time it was due at, as `now_ns` shows
    meanwhile. Time never goes back.
    """

    def __init__(self, clock_ns: Callable[[], int]) -> None:
        self._clock_ns = clock_ns
        self._items: list[_Item] = []
        self._numbers = count()
        self._now_ns = 0
        self._running = False

    @property
    def now_ns(self) -> int:
        """The present, or the time at which what is running was due."""
        if not self._running:
            self._now_ns = max(self._now_ns, self._clock_ns())
        return self._now_ns

    @property
    def next_due_ns(self) -> int | None:
        """When the next thing is due."""
        return self._items[0].due_ns if self._items else None

    @property
    def next_effect_ns(self) -> int | None:
        """When the next thing is due that is not put in to be repeated for ever, such as a periodic commit."""
        return min((item.due_ns for item in self._items if not item.idle), default=None)

    def after(self, delay_s: float, act: Callable[[], object], *, idle: bool = False) -> None:
        """Put something in. `idle`: waiting for it is not waiting for an effect."""
        due_ns = self.now_ns + max(round(delay_s * 1e9), 0)
        heapq.heappush(self._items, _Item(due_ns, next(self._numbers), act, idle))

    def run_due(self) -> bool:
        """Do what has become due. Whether there was anything."""
        if self._running:
            return False
        until_ns = self.now_ns
        ran = False
        self._running = True
        try:
            while self._items and self._items[0].due_ns <= until_ns:
                item = heapq.heappop(self._items)
                self._now_ns = max(self._now_ns, item.due_ns)
                ran = True
                item.act()
        finally:
            self._running = False
        return ran
