"""Processes that are started ahead: to import an engine takes longer than most stories."""

from __future__ import annotations

import threading
from types import TracebackType

from ._arm import Arm
from ._life import Life

__all__ = ["Nursery"]


class Nursery:
    """Gives out new processes of arms, and keeps `spares` of each arm that was asked for ready. A context manager."""

    def __init__(self, spares: int = 1) -> None:
        self._spares = spares
        self._waiting: dict[Arm, list[Life]] = {}
        self._lock = threading.Lock()

    def take(self, arm: Arm) -> Life:
        """A new process; whoever takes it closes it."""
        with self._lock:
            waiting = self._waiting.setdefault(arm, [])
            life = waiting.pop(0) if waiting else Life(arm)
            while len(waiting) < self._spares:
                waiting.append(Life(arm))
            return life

    def close(self) -> None:
        """End those that nobody took."""
        with self._lock:
            for waiting in self._waiting.values():
                for life in waiting:
                    life.close()
            self._waiting.clear()

    def __enter__(self) -> Nursery:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
