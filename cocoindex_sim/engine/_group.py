"""Groups of statistics: what is mounted in a block counts there, not in the report around it (STAT-20..25)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._component import ComponentContext, _current, current_context
from ._run import Run
from ._stats import StatsCounter

__all__ = ["StatsGroup", "grouped_stats"]


class StatsGroup(StatsCounter):
    """The counts of a group. Its members: what is mounted in the block itself, and the groups opened in it.

    Ready when the block has been left and every member is ready; over when besides no live component below goes on.
    """

    __slots__ = ("_open", "_outer", "_over", "run")

    def __init__(self, run: Run, outer: StatsCounter) -> None:
        super().__init__()
        self.run = run
        self._outer = outer
        self._open = 1  # the block itself
        self._over: list[Callable[[], object]] = []
        outer.member_began()

    def when_over(self, callback: Callable[[], object]) -> None:
        """Call this once the group is over."""
        self._over.append(callback)

    def member_began(self) -> None:
        """One more to be ready before the group is."""
        self._open += 1

    def member_ended(self) -> None:
        """It is ready, or has failed."""
        self._open -= 1
        if not self._open and self.ready_ns is None:
            self.mark_ready(self.run.process.ports.clock.monotonic_ns())
            self._tell_if_over()
            self._outer.member_ended()

    def live_began(self) -> None:
        """A live component, counted here or in a group within, goes on from now on."""
        super().live_began()
        self._outer.live_began()

    def live_ended(self) -> None:
        """It came to its end."""
        super().live_ended()
        self._tell_if_over()
        self._outer.live_ended()

    def _tell_if_over(self) -> None:
        if self.ready_ns is not None and not self.live:
            while self._over:
                self._over.pop(0)()


@contextmanager
def grouped_stats() -> Iterator[StatsGroup]:
    """Count what the block mounts, with all below it, in a group. RuntimeError outside a component."""
    context = current_context()
    component = context.component
    run = component.run
    # A sync body runs on a thread, and can't mount anything: nobody waits for its group.
    on_loop = asyncio._get_running_loop() is run.loop
    group = StatsGroup(run, context.group or component.stats if on_loop else StatsCounter())
    inner = ComponentContext(component, context.collector, context.subpath, context.call, group)
    token = _current.set(inner)
    try:
        yield group
    finally:
        _current.reset(token)
        group.member_ended()
