"""A feed from the log of a remote table, read on from the offset committed last, done right; and ways of doing it wrong.

An offset is committed when the items of everything below it are ready. What is read again after a crash was done before,
or was not committed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import cocoindex as coco

from cocoindex_sim.fakes.maps import MapChange, MapClient

Told = asyncio.Queue[tuple[int, coco.ComponentMountHandle]]


class TableFeed:
    """The changes of a table, as a `LiveMapFeed`."""

    def __init__(self, table: MapClient) -> None:
        self.table = table
        self.latest: dict[str, coco.ComponentMountHandle] = {}  # by key, what the last change of it became

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        begin, end = await self.table.committed() or 0, await self.table.end()
        told: Told = asyncio.Queue()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.acknowledge(subscriber, told, begin, end))
            async with self.table.subscribe(begin) as changes:
                async for change in changes:
                    await self.take(subscriber, change, told)

    async def take(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange, told: Told) -> None:
        self.latest[change.key] = await self.tell(subscriber, change)
        told.put_nowait((change.offset, self.latest[change.key]))

    async def tell(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange) -> Any:
        if change.deleted:
            return await subscriber.delete(change.key)
        return await subscriber.update(change.key, change.value)

    async def acknowledge(self, subscriber: coco.LiveMapSubscriber[str, Any], told: Told, done: int, end: int) -> None:
        if done >= end:
            await subscriber.mark_ready()
        while True:
            offset, handle = await told.get()
            await handle.ready()
            await self.table.commit(offset + 1)
            if done < end <= offset + 1:
                for latest in list(self.latest.values()):  # which may have taken the place of one before the end
                    await latest.ready()
                await subscriber.mark_ready()
            done = offset + 1


class OffsetCommittedOnReceipt(TableFeed):
    """Commits what it has taken, before anything is made of it."""

    async def take(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange, told: Told) -> None:
        await self.table.commit(change.offset + 1)
        await super().take(subscriber, change, told)


class OffsetOfTheLastToFinish(TableFeed):
    """Commits each offset as its item becomes ready, whatever is still at work below it."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        begin, end = await self.table.committed() or 0, await self.table.end()
        if begin >= end:
            await subscriber.mark_ready()
        left = set(range(begin, end))
        async with asyncio.TaskGroup() as group, self.table.subscribe(begin) as changes:
            async for change in changes:
                handle = await self.tell(subscriber, change)
                group.create_task(self._commit(subscriber, change.offset, handle, left))

    async def _commit(self, subscriber: Any, offset: int, handle: Any, left: set[int]) -> None:
        await handle.ready()
        await self.table.commit(offset + 1)
        if offset in left:
            left.discard(offset)
            if not left:
                await subscriber.mark_ready()


class ReadyWhenTaken(TableFeed):
    """Is ready when it has taken the last change, not when that is processed."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        begin, end = await self.table.committed() or 0, await self.table.end()
        told: Told = asyncio.Queue()
        if begin >= end:
            await subscriber.mark_ready()
        async with asyncio.TaskGroup() as group:
            group.create_task(self.acknowledge(subscriber, told, end, end) if subscriber.is_live else _nothing())
            async with self.table.subscribe(begin) as changes:
                async for change in changes:
                    await self.take(subscriber, change, told)
                    if begin < end == change.offset + 1:
                        await subscriber.mark_ready()


async def _nothing() -> None:
    pass


class BeginsAtTheEnd(TableFeed):
    """Reads from now on when nothing was committed yet: what was there before never comes."""

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        if await self.table.committed() is None:
            await self.table.commit(await self.table.end())
        await super().watch(subscriber)


class DeletionsLeftOut(TableFeed):
    """Has nothing to do for a deletion: there is no value to process."""

    async def take(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange, told: Told) -> None:
        if not change.deleted:
            await super().take(subscriber, change, told)


class DeletionForgottenAfterRestart(TableFeed):
    """Deletes only what it knows to have told of, and knows that since it began."""

    def __init__(self, table: MapClient) -> None:
        super().__init__(table)
        self._known: set[str] = set()

    async def take(self, subscriber: coco.LiveMapSubscriber[str, Any], change: MapChange, told: Told) -> None:
        if change.deleted and change.key not in self._known:
            return
        self._known.add(change.key)
        await super().take(subscriber, change, told)


class WatermarkUnreachable(TableFeed):
    """Waits to have read as many changes as there were, also those below the offset it begins at."""

    async def acknowledge(self, subscriber: coco.LiveMapSubscriber[str, Any], told: Told, done: int, end: int) -> None:
        read = 0
        while True:
            if read >= end:
                await subscriber.mark_ready()
            offset, handle = await told.get()
            await handle.ready()
            await self.table.commit(offset + 1)
            read += 1
