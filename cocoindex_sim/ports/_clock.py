"""Time, as the engine asks for it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Clock"]


class Clock(Protocol):
    """Two clocks, both in integer nanoseconds."""

    def monotonic_ns(self) -> int:
        """Time that never goes back, from an arbitrary start; for durations."""
        ...

    def time_ns(self) -> int:
        """Time since the Unix epoch; for modification times and what people read."""
        ...
