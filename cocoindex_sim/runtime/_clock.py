"""The system's clocks."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """`ports.Clock` over the operating system."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that never go back, from an arbitrary start."""
        return time.monotonic_ns()

    def time_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""
        return time.time_ns()
