"""A view of a remote table, done right; and each way of doing it wrong, as its author might have written it.

What follows the table first, and then scans it, misses nothing, and what the scan has seen already, or was told, it
does not tell again. It comes back when its subscription dies.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import cocoindex as coco

from cocoindex_sim.fakes.maps import MapChange, MapClient, MapError

RETRY_S = 1.0
CONNECT_S = 0.2


class TableView:
    """The entries of a table, as a `LiveMapView`."""

    def __init__(self, table: MapClient) -> None:
        self.table = table
        self.scanned = 0  # what is below this offset, the last scan has seen
        self.told: dict[str, int] = {}  # by key, the offset of what was told last: a change may come twice

    def is_news(self, change: MapChange) -> bool:
        if change.offset < self.scanned or change.offset <= self.told.get(change.key, -1):
            return False
        self.told[change.key] = change.offset
        return True

    async def connect(self) -> None:
        await asyncio.sleep(CONNECT_S)

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        await self.connect()
        snapshot = await self.table.scan()
        self.scanned = snapshot.offset
        for key, value in snapshot.entries.items():
            yield key, value

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        while True:
            try:
                async with self.table.subscribe() as changes:
                    await subscriber.update_all()
                    await subscriber.mark_ready()
                    async for change in changes:
                        if self.is_news(change):
                            await self.tell(subscriber, change)
            except MapError as error:
                await subscriber.report_exception(error)
                await asyncio.sleep(RETRY_S)

    async def tell(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange) -> None:
        if change.deleted:
            await subscriber.delete(change.key)
        else:
            await subscriber.update(change.key, change.value)


class ChangeLostBeforeArming(TableView):
    """Scans first, and follows from then on: what changes in between is lost."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        await subscriber.update_all()
        await self.connect()
        async with self.table.subscribe() as changes:
            await subscriber.mark_ready()
            async for change in changes:
                await self.tell(subscriber, change)


class DoubleDeliveryAtTheSeam(TableView):
    """Tells what changed during the scan once more after it, oldest first: the scan had the newest already."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        async with self.table.subscribe() as changes:
            await subscriber.update_all()
            await subscriber.mark_ready()
            async for change in changes:
                await self.tell(subscriber, change)


class ReadyTooEarly(TableView):
    """Says that it is ready when it has begun."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        async with self.table.subscribe() as changes:
            if subscriber.is_live:
                await subscriber.mark_ready()
            await subscriber.update_all()
            await subscriber.mark_ready()
            async for change in changes:
                if self.is_news(change):
                    await self.tell(subscriber, change)


class ReadyNever(TableView):
    """Says that it is ready with the first change, as if there always were one."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        async with self.table.subscribe() as changes:
            await subscriber.update_all()
            async for change in changes:
                await self.tell(subscriber, change)
                await subscriber.mark_ready()


class DeleteOvertakenByUpdate(TableView):
    """Deletes at once and gathers updates for a moment: a delete passes the update before it."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        updates: asyncio.Queue[MapChange] = asyncio.Queue()
        async with self.table.subscribe() as changes:
            await subscriber.update_all()
            await subscriber.mark_ready()
            async with asyncio.TaskGroup() as group:
                group.create_task(self._tell_later(subscriber, updates))
                async for change in changes:
                    if change.deleted:
                        await subscriber.delete(change.key)
                    elif self.is_news(change):
                        updates.put_nowait(change)

    async def _tell_later(self, subscriber: Any, updates: asyncio.Queue[MapChange]) -> None:
        while True:
            await asyncio.sleep(0.1)
            while not updates.empty():
                await self.tell(subscriber, updates.get_nowait())


class WrongKey(TableView):
    """The scan names its items by key, the watch by key without regard to case."""

    async def tell(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange) -> None:
        await super().tell(subscriber, change._replace(key=change.key.lower()))


class StaleValueAfterRescan(TableView):
    """Keeps what it has scanned, to save the next scan."""

    def __init__(self, table: MapClient) -> None:
        super().__init__(table)
        self._kept: dict[str, Any] | None = None

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        if self._kept is None:
            self._kept = {key: value async for key, value in super().__aiter__()}
        for key, value in self._kept.items():
            yield key, value


class SwallowedWatcherFailure(TableView):
    """Takes the death of its subscription for its end."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        try:
            async with self.table.subscribe() as changes:
                await subscriber.update_all()
                await subscriber.mark_ready()
                async for change in changes:
                    if self.is_news(change):
                        await self.tell(subscriber, change)
        except MapError:
            await subscriber.mark_ready()


class ReconnectedWithoutRescan(TableView):
    """Comes back when its subscription died, and goes on from there: what happened meanwhile is lost."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        is_scanned = False
        while True:
            try:
                async with self.table.subscribe() as changes:
                    if not is_scanned:
                        await subscriber.update_all()
                        await subscriber.mark_ready()
                        is_scanned = True
                    async for change in changes:
                        if self.is_news(change):
                            await self.tell(subscriber, change)
            except MapError as error:
                await subscriber.report_exception(error)
                await asyncio.sleep(RETRY_S)


class EmptyTakenForDeleted(TableView):
    """Takes an empty value for a deletion, when it is told and not when it scans."""

    async def tell(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange) -> None:
        await super().tell(subscriber, change if change.value else change._replace(deleted=True))


class LastChangeOfABurstDropped(TableView):
    """Takes no second change of a key within a second, which is the one that counts."""

    def __init__(self, table: MapClient) -> None:
        super().__init__(table)
        self._told_s: dict[str, float] = {}

    async def tell(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange) -> None:
        now_s = asyncio.get_running_loop().time()
        if now_s - self._told_s.get(change.key, -1.0) >= 1.0:
            self._told_s[change.key] = now_s
            await super().tell(subscriber, change)


class OneTaskPerChange(TableView):
    """Starts a task for each change, so that one that fetches for long does not hold the others up."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        async with self.table.subscribe() as changes:
            await subscriber.update_all()
            await subscriber.mark_ready()
            async with asyncio.TaskGroup() as group:
                async for change in changes:
                    if self.is_news(change):
                        group.create_task(self._fetch_and_tell(subscriber, change))

    async def _fetch_and_tell(self, subscriber: Any, change: MapChange) -> None:
        await self.connect()
        await self.tell(subscriber, change)


class CancellationSwallowed(TableView):
    """Goes on whatever happens, also when it is told to end."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        while True:
            with suppress(BaseException):
                await super().watch(subscriber)
            with suppress(BaseException):
                await asyncio.sleep(RETRY_S)


class TaskLeftBehind(TableView):
    """Has a heartbeat that nobody ends."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        self._heartbeat = asyncio.create_task(self._beat(), name="heartbeat")
        await super().watch(subscriber)

    async def _beat(self) -> None:
        while True:  # noqa: ASYNC110  that nobody can end it is the point
            await asyncio.sleep(30)


class ReadOneByOne(TableView):
    """Lists the keys and then gets each, as if nothing happened meanwhile: what it got is newer than it says."""

    async def __aiter__(self) -> AsyncIterator[tuple[str, Any]]:
        keys = await self.table.keys()
        for key in keys:
            await self.connect()
            with suppress(KeyError):
                yield key, await self.table.get(key)
