"""The virtual clock of a test."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cocoindex_sim.world import World

__all__ = ["CocoClock"]


class CocoClock:
    """Virtual time: it stands still but where a test lets it pass, or the pipeline waits for it."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def seconds(self) -> float:
        """Virtual seconds since the world began."""
        return self._world.clock.monotonic_ns() / 1e9

    @property
    def now(self) -> datetime:
        """The date and time that the pipeline sees, in UTC, to the microsecond. The world begins with the year 2026."""
        seconds, rest_ns = divmod(self._world.clock.time_ns(), 1_000_000_000)
        return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest_ns // 1_000)

    def advance(self, duration: timedelta | float) -> None:
        """Let virtual time pass, a timedelta or seconds, and everything happen that is due meanwhile."""
        self._world.advance(duration)

    def settle(self) -> None:
        """Run what is ready; let time pass only for changes that are on their way to the pipeline."""
        self._world.settle()
