"""What the author of a connector calls: the map as a client of it sees it."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, Final

from .._cut import ProcessCut
from ._change import MapSnapshot
from ._error import MapError
from ._kernel import RemoteMap
from ._subscription import Subscription

__all__ = ["MapClient"]

_SLOW_S: Final = 10.0


class MapClient:
    """A connection to a map. Every call is a round trip, during which anything may happen to the map.

    `group` names the clients that share a committed offset. Each call may raise MapError.
    """

    def __init__(self, kernel: RemoteMap, *, group: str = "default") -> None:
        self._kernel = kernel
        self._group = group
        self._subscribing: set[_Subscribing] = set()
        self._is_cut = False

    @property
    def name(self) -> str:
        """The name of the map."""
        return self._kernel.name

    async def scan(self) -> MapSnapshot:
        """All entries at one moment between the call and the return, and the offset they hold at."""
        trouble = await self._call("scan")
        half_s = (self._kernel.scan_s + (_SLOW_S if trouble == "slow" else 0.0)) / 2
        if half_s:
            await asyncio.sleep(half_s)
        self._check()
        snapshot = self._kernel.snapshot()
        if half_s:
            await asyncio.sleep(half_s)
        await self._kernel.passed("answer")
        self._check()
        return snapshot

    async def keys(self) -> list[Any]:
        """The keys there are; as many calls of `get` as there are give a picture of no one moment."""
        return list((await self.scan()).entries)

    async def get(self, key: Any) -> Any:
        """The value of a key. KeyError for one that is not there."""
        await self._call("get")
        return self._kernel.entries[key]

    async def end(self) -> int:
        """The offset that the next change will have."""
        await self._call("get")
        return self._kernel.end

    def subscribe(self, start: int | None = None) -> _Subscribing:
        """Follow the map: `async with client.subscribe() as changes: async for change in changes`.

        Entering arms the subscription: from the offset `start` on, or from the first change that happens after. Its
        `start` says which. MapError from the iteration means that it has died, and changes may be lost.
        """
        return _Subscribing(self, start)

    async def commit(self, offset: int) -> None:
        """Say that everything below `offset` is done."""
        trouble = await self._call("commit")
        self._kernel.commit(offset, self._group)
        self._kernel.hazards.durable(f"feed.{self.name}")
        if trouble == "ack_lost":
            raise MapError(f"no answer from map {self.name!r} to a commit")

    async def committed(self) -> int | None:
        """The offset committed last; None if none ever was."""
        await self._call("get")
        return self._kernel.committed(self._group)

    def cut(self) -> None:
        """Have the process of this client be dead: every call of it raises ProcessCut from now on."""
        self._is_cut = True
        for subscribing in list(self._subscribing):
            subscribing.end(self._dead())

    async def arm(self, subscribing: _Subscribing, start: int | None) -> Subscription:
        """Begin to follow; for `subscribe`."""
        await self._call("arm")
        self._subscribing.add(subscribing)
        return self._kernel.arm(start)

    def forget(self, subscribing: _Subscribing) -> None:
        """A subscription was left; for `subscribe`."""
        self._subscribing.discard(subscribing)

    async def _call(self, call: str) -> str | None:
        """One round trip: what goes wrong at it, apart from failing."""
        self._check()
        await asyncio.sleep(0)
        await self._kernel.passed(call)
        self._check()
        trouble = self._kernel.troubles.at(call)
        if trouble is not None:
            self._kernel.note(f"map {self.name}: {call} {trouble}")
        if trouble == "fails":
            raise MapError(f"map {self.name!r} does not answer: {call} failed")
        return trouble

    def _check(self) -> None:
        if self._is_cut:
            raise self._dead()

    def _dead(self) -> ProcessCut:
        return ProcessCut(f"a client of map {self.name!r} belongs to a process that has ended")


class _Subscribing:
    """The block in which a client follows a map."""

    def __init__(self, client: MapClient, start: int | None) -> None:
        self._client = client
        self._start = start
        self._subscription: Subscription | None = None

    async def __aenter__(self) -> Subscription:
        self._subscription = await self._client.arm(self, self._start)
        return self._subscription

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.end()

    def end(self, error: BaseException | None = None) -> None:
        """Follow no more; whoever listens gets the error."""
        self._client.forget(self)
        if self._subscription is not None:
            self._subscription.end(error)
