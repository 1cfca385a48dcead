"""How many components may be in flight at once (CMP-17)."""

from __future__ import annotations

import asyncio
from collections import deque

__all__ = ["Slots"]


class Slots:
    """How many components may be in flight (CMP-17). First come, first served."""

    __slots__ = ("_free", "_loop", "_waiting")

    def __init__(self, capacity: int, loop: asyncio.AbstractEventLoop) -> None:
        if capacity < 0:
            raise OverflowError(f"max_inflight_components must be positive, got {capacity}")
        if capacity == 0:
            raise ValueError("max_inflight_components is 0: no component could ever run; leave it out or use 1 or more")
        self._free = capacity
        self._loop = loop
        self._waiting: deque[asyncio.Future[None]] = deque()

    def take_at_once(self) -> bool:
        """Take a slot if there is one."""
        if not self._free:
            return False
        self._free -= 1
        return True

    async def take(self) -> None:
        """Wait for a slot."""
        if self.take_at_once():
            return
        turn = self._loop.create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back()
            raise

    def give_back(self) -> None:
        """Pass a slot on."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
