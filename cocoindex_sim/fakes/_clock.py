"""The clock port over virtual time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

__all__ = ["EPOCH_NS", "VirtualClock"]

EPOCH_NS: Final = 1_767_225_600_000_000_000
"""2026-01-01T00:00:00Z, in nanoseconds since the Unix epoch."""


class VirtualClock:
    """`ports.Clock` over a reading of virtual nanoseconds.

    `now_ns` gives virtual time, which never goes back; `epoch_ns` is what `time_ns` shows when that is 0.
    """

    def __init__(self, now_ns: Callable[[], int], *, epoch_ns: int = EPOCH_NS) -> None:
        self._now_ns = now_ns
        self.epoch_ns = epoch_ns

    def monotonic_ns(self) -> int:
        """Virtual time."""
        return self._now_ns()

    def time_ns(self) -> int:
        """Virtual time since the Unix epoch."""
        return self.epoch_ns + self._now_ns()
