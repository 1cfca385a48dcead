"""What code in a world meets by itself is the world's: dates and clocks from its virtual clock, chance from its seed,
files that it uses without a connector from its disk.

Putting this in place costs 8 ms, the first time in a process 60, most of it freezegun's walk through 650 modules. So
one start serves all worlds that overlap, and those of a `virtual_surroundings` block; from then on each call asks which
world is at a step in its thread, so a world adds nothing. Outside of steps, as in other threads, all of it is real.

A world that has not been given a pipeline has not put anything in place.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

__all__ = ["SurroundingsHolder", "virtual_surroundings"]

_lock: Final = threading.RLock()  # a collected holder releases wherever its thread is
_undo = ExitStack()
_holders = 0


@contextmanager
def virtual_surroundings() -> Iterator[None]:
    """Keep in place, between the worlds of a block, what makes surroundings follow them: loading is cheaper then.

    It also serves worlds without a pipeline, which run a test's own coroutines.
    """
    holder = SurroundingsHolder()
    holder.hold()
    try:
        yield
    finally:
        holder.release()


class SurroundingsHolder:
    """One who needs it in place: the first to `hold` puts it there, the last to `release` takes it away."""

    def __init__(self) -> None:
        self._holds = False

    def hold(self) -> None:
        """From now on. Idempotent."""
        global _holders
        with _lock:
            if self._holds:
                return
            if not _holders:
                from ._chance import replace_chance
                from ._dates import replace_dates
                from ._disk import replace_disk

                with ExitStack() as undo:  # all of it or nothing
                    replace_dates(undo)
                    replace_chance(undo)
                    replace_disk(undo)
                    _undo.push(undo.pop_all())
            _holders += 1
            self._holds = True

    def release(self) -> None:
        """No longer. Idempotent."""
        global _holders
        with _lock:
            if self._holds:
                self._holds = False
                _holders -= 1
                if not _holders:
                    _undo.close()

    __del__ = release  # of a world that nobody closed
