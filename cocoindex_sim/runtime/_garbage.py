"""How often Python looks for cyclic garbage while apps run."""

from __future__ import annotations

import gc
import threading
from typing import Final

__all__ = ["rare_collections"]

OBJECTS: Final = 200_000
"""After how many new objects Python looks, instead of 700. A thousand components in flight are up to half as many."""


class _RareCollections:
    """As long as a run is at work, look for cyclic garbage less often; then as often as before.

    With many components in flight, none of which is garbage, looking at them took two fifths of all time. A program
    that chose a threshold of its own above `OBJECTS`, or that turned the collector off, keeps it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runs = 0
        self._before = (0, 0, 0)
        self._set = (0, 0, 0)

    def __enter__(self) -> None:
        with self._lock:
            self._runs += 1
            if self._runs == 1:
                first, *others = self._before = gc.get_threshold()
                self._set = (max(first, OBJECTS) if first else 0, *others)  # type: ignore[assignment]  # it has three
                gc.set_threshold(*self._set)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._runs -= 1
            if not self._runs and gc.get_threshold() == self._set:  # nobody else changed it meanwhile
                gc.set_threshold(*self._before)


rare_collections: Final = _RareCollections()
"""Entered by every run."""
