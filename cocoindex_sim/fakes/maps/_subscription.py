"""What one client is told of a map, from the offset it armed at: asynchronously, and not always as it happened."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ._change import MapChange
from ._error import MapError

if TYPE_CHECKING:
    from ._kernel import RemoteMap

__all__ = ["LATE_S", "Subscription"]

LATE_S: Final = 1.0
"""By how much a late change is late, and the longest time that one waits to be overtaken; in seconds."""

_REWOUND_MAX: Final = 3


class Subscription:
    """The changes of a map from the offset `start` on, as an async iterator.

    Of one key they come in order unless a trouble says otherwise: told twice (`duplicate`), the last few again from
    an earlier one on (`rewind`), overtaken by one of another key (`reorder`), held up with all that follow (`late`).
    What is on its way when it `dies` is lost, and MapError raised; one that is `silent` says nothing any more.
    """

    def __init__(self, kernel: RemoteMap, start: int, loop: asyncio.AbstractEventLoop) -> None:
        self.start = start
        self.is_over = False
        self.is_silent = False
        self._kernel = kernel
        self._loop = loop
        self._held: list[MapChange] = []
        self._late: list[MapChange] = []
        self._behind: MapChange | None = None  # the one that waits to be overtaken
        self._arrived: deque[MapChange] = deque()
        self._told: deque[MapChange] = deque(maxlen=_REWOUND_MAX)
        self._news = asyncio.Event()
        self._timers: set[asyncio.TimerHandle] = set()
        self._error: BaseException | None = None

    # --- for the client ---

    def __aiter__(self) -> Subscription:
        return self

    async def __anext__(self) -> MapChange:
        await asyncio.sleep(0)
        while not self._arrived:
            if self._error is not None:
                raise self._error
            if self.is_over:
                raise StopAsyncIteration
            self._news.clear()
            await self._news.wait()
        return self._arrived.popleft()

    def end(self, error: BaseException | None = None) -> None:
        """Tell nothing any more; whoever listens gets the error, or the end of the iteration."""
        self.is_over = True
        self._error = self._error or error
        self._lose_what_is_on_its_way()
        self._kernel.forget(self)
        self._news.set()

    # --- for the kernel ---

    def on_change(self, change: MapChange) -> None:
        """Something changed at or after `start`."""
        if self.is_silent or self.is_over or self._error is not None:
            return
        self._held.append(change)
        self.deliver()

    def deliver(self) -> None:
        """Tell what was held, unless it still is."""
        while self._held and not self._kernel.is_held("deliver"):
            change = self._held.pop(0)
            if self._late:
                self._late.append(change)  # or it would overtake
            else:
                self._send(change)

    def _send(self, change: MapChange) -> None:
        trouble = self._kernel.troubles.at("deliver")
        if trouble is not None:
            self._kernel.note(f"map {self._kernel.name}: {trouble}, at {change}")
        if trouble == "late":
            self._late.append(change)
            self._later(self._late_has_come)
        elif trouble == "reorder":
            self._let_pass()
            self._behind = change
            self._later(self._let_pass)
        elif trouble == "dies":
            self.kill()
        elif trouble == "silent":
            self.silence()
        else:
            self._pass(change)
            if trouble == "duplicate":
                self._arrive(change)
            elif trouble == "rewind":
                self.rewind()

    def _pass(self, change: MapChange) -> None:
        """Arrive before the one that waits to be overtaken, or after it if that is about the same key."""
        if self._behind is not None and self._behind.key == change.key:
            self._let_pass()
        self._arrive(change)
        self._let_pass()

    def _let_pass(self) -> None:
        behind, self._behind = self._behind, None
        if behind is not None:
            self._arrive(behind)

    def _late_has_come(self) -> None:
        late, self._late = self._late, []
        for change in late:
            self._pass(change)

    def _arrive(self, change: MapChange) -> None:
        self._arrived.append(change)
        self._told.append(change)
        self._news.set()

    def _later(self, action: Callable[[], Any]) -> None:
        def run() -> None:
            self._timers.discard(timer)
            action()

        timer = self._loop.call_later(LATE_S, run)
        self._timers.add(timer)

    # --- troubles ---

    def rewind(self) -> None:
        """Tell the last few changes again, in order."""
        for change in list(self._told):
            self._arrive(change)

    def silence(self) -> None:
        """Tell nothing any more, without a word."""
        self.is_silent = True
        self._lose_what_is_on_its_way()

    def kill(self) -> None:
        """Die: what was not taken yet is lost."""
        self._error = MapError(f"the subscription to map {self._kernel.name!r} has died")
        self._lose_what_is_on_its_way()
        self._kernel.forget(self)
        self._news.set()

    def _lose_what_is_on_its_way(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._behind = None
        for pending in (self._held, self._late, self._arrived):
            pending.clear()

    # --- what is on its way ---

    @property
    def undelivered(self) -> int:
        """How many changes are going to be told and were not taken yet."""
        held = 0 if self._kernel.is_held("deliver") else len(self._held)
        return held + len(self._late) + len(self._arrived) + (self._behind is not None)

    @property
    def next_due_s(self) -> float | None:
        """When the next change arrives that is late, by the loop's time."""
        return min((timer.when() for timer in self._timers), default=None)
