"""A feed over an external map that does what the contract asks of one: the measure for those that connectors bring."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple, TypeVar

from ..engine import ComponentMountHandle, LiveMapSubscriber, SingleWatcherGuard
from ..fakes.maps import MapChange, MapClient, MapError
from ._map_view import RETRY_S

__all__ = ["MapFeed"]

T = TypeVar("T")

_BEGUN: Final = "begun"


class MapFeed:
    """A `LiveMapFeed` of the changes of a map, each at least once, from where its group of clients got to.

    It commits the offset below which every change is finished, as a message queue's consumer does (KFK-07..09): one
    that failed is finished, too, unless an exception handler raised, and then it is never committed past. A pipeline
    that remembers nothing of the map reads it from the start, whatever was committed. It subscribes anew when the
    subscription dies, and when nothing came for `silence_s` seconds. One `watch` at a time (FEED-14).
    """

    def __init__(self, client: MapClient, *, silence_s: float = 3600.0) -> None:
        self._client = client
        self._silence_s = silence_s
        self._guard = SingleWatcherGuard(type(self).__name__)

    async def watch(self, subscriber: LiveMapSubscriber[Any, Any]) -> None:
        """Tell of every change, until cancelled."""
        with self._guard:
            reading = _Reading(self._client, subscriber, self._silence_s)
            await reading.begin()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(reading.read(), name="map feed reads")
                tasks.create_task(reading.commit(), name="map feed commits")
                await reading.caught_up.wait()
                await subscriber.mark_ready()


class _Latest(NamedTuple):
    offset: int
    handle: ComponentMountHandle


class _Reading:
    """One `watch`: `position` is the offset below which everything is finished."""

    def __init__(self, client: MapClient, subscriber: LiveMapSubscriber[Any, Any], silence_s: float) -> None:
        self._client = client
        self._subscriber = subscriber
        self._silence_s = silence_s
        self.position = 0
        self.caught_up = asyncio.Event()
        self._end = 0  # of what was there at the beginning
        self._told: dict[int, Any] = {}  # by offset, the key of what is not known to be finished
        self._latest: dict[Any, _Latest] = {}  # by key, what was told last
        self._news = asyncio.Event()

    async def begin(self) -> None:
        """Find where to read from, and up to where all of it was there before."""
        if await self._subscriber.read_committed_state(_BEGUN) is None:
            # What an earlier pipeline of this group committed says nothing of this one, which has no items yet.
            await self._until_it_answers(lambda: self._client.commit(0))
            await self._subscriber.write_committed_state(_BEGUN, True)
        committed: int | None = await self._until_it_answers(self._client.committed)
        self.position = committed or 0
        self._end = await self._until_it_answers(self._client.end)
        self._look_whether_caught_up()

    async def read(self) -> None:
        """Tell of changes as they come."""
        while True:
            try:
                async with self._client.subscribe(self.position) as changes:
                    while True:
                        try:
                            async with asyncio.timeout(self._silence_s) as limit:
                                change = await anext(changes)
                        except TimeoutError:
                            if limit.expired():
                                break
                            raise
                        if change.offset < self.position or change.offset in self._told:
                            continue
                        await self._tell(change)
                        self._news.set()
            except MapError as error:
                await self._subscriber.report_exception(error)
                await asyncio.sleep(RETRY_S)

    async def _tell(self, change: MapChange) -> None:
        # Else a later one of its key came before it, as after a gap.
        if change.key not in self._latest or change.offset > self._latest[change.key].offset:
            if change.deleted:
                handle = await self._subscriber.delete(change.key)
            else:
                handle = await self._subscriber.update(change.key, change.value)
            self._latest[change.key] = _Latest(change.offset, handle)
        self._told[change.offset] = change.key

    async def commit(self) -> None:
        """Commit what is finished, without a gap."""
        while True:
            while self.position not in self._told:
                self._news.clear()
                await self._news.wait()
            try:
                await self._finished(self._told[self.position])
            except Exception:
                return
            del self._told[self.position]
            self.position += 1
            try:
                await self._client.commit(self.position)
            except MapError as error:
                await self._subscriber.report_exception(error)
            self._look_whether_caught_up()

    async def _finished(self, key: Any) -> None:
        """Wait for what was told last of a key: the handles of what it superseded are ready before it has run (LIV-24).

        Committing those early would lose nothing, but who is ready has to have processed what there was.
        """
        waited_for = -1
        while waited_for != (latest := self._latest[key]).offset:
            await latest.handle.ready()
            waited_for = latest.offset

    def _look_whether_caught_up(self) -> None:
        if self.position >= self._end:
            self.caught_up.set()

    async def _until_it_answers(self, call: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                return await call()
            except MapError as error:
                await self._subscriber.report_exception(error)
            await asyncio.sleep(RETRY_S)
