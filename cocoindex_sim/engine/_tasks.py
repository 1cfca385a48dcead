"""The tasks of a run, for as long as they are of interest."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any, Final

__all__ = ["Tasks"]

KEPT: Final = 64
"""How many tasks are kept before any is looked at."""

LOOKS: Final = 4
"""How many are looked at for each new one. More than one, so that those that are over become fewer."""


class Tasks:
    """Tasks in the order of their creation. Those that are done are forgotten a few at a time, as others are added.

    A callback for each would take a turn of the loop, and looking at all of them at once would hold up an edit that
    comes after a million.
    """

    __slots__ = ("_added", "_numbers")

    def __init__(self) -> None:
        # First the one that was not looked at for the longest time.
        self._numbers: OrderedDict[asyncio.Task[Any], int] = OrderedDict()
        self._added = 0

    def __len__(self) -> int:
        """How many there are, done ones that are not yet forgotten included."""
        return len(self._numbers)

    def add(self, task: asyncio.Task[Any]) -> None:
        """One more."""
        numbers = self._numbers
        numbers[task] = self._added = self._added + 1
        if len(numbers) > KEPT:
            for _ in range(LOOKS):
                oldest, number = numbers.popitem(last=False)
                if not oldest.done():
                    numbers[oldest] = number

    def pending(self) -> list[asyncio.Task[Any]]:
        """Those that are not done."""
        return sorted((task for task in self._numbers if not task.done()), key=self._numbers.__getitem__)

    def forget_done(self) -> None:
        """Keep no more than `pending` gives."""
        for task in [task for task in self._numbers if task.done()]:
            del self._numbers[task]
