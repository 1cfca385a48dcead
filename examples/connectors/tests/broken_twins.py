"""The same connectors, each with a mistake that is easily made."""

from collections.abc import Mapping
from typing import Any

import cocoindex as coco

from sample_connectors import JsonFeed, LogFile, Page, SqliteTable
from sample_connectors.json_feed import Fetch


class ForgetfulJsonFeed(JsonFeed):
    """It keeps nothing on record: what goes while no update is running stays for ever."""

    async def _tell(
        self,
        subscriber: coco.LiveMapSubscriber[str, Any],
        known: set[str],
        before: Mapping[str, Any],
        now: Mapping[str, Any],
    ) -> None:
        changed = [key for key, value in now.items() if key not in before or before[key] != value]
        handles = [await subscriber.update(key, now[key]) for key in changed]
        handles += [await subscriber.delete(key) for key in before.keys() - now.keys()]
        for handle in handles:
            await handle.ready()


class EmptyJsonFeed(JsonFeed):
    """It takes a server that does not answer for one that has nothing any more."""

    def __init__(self, fetch: Fetch, **options: Any) -> None:
        async def fetch_something(etag: str | None) -> Page | None:
            try:
                return await fetch(etag)
            except OSError:
                return Page({})

        super().__init__(fetch_something, **options)


class LateSqliteTable(SqliteTable):
    """It looks where the log ends after it has read the table: a change in between is in neither."""

    async def _begin(self, subscriber: coco.LiveMapSubscriber[Any, dict[str, Any]]) -> int:
        await subscriber.update_all()
        return await self._ask(self._last_number)


class HastyLogFile(LogFile):
    """It notes how far it is when it has told of the lines, not when they are processed."""

    async def _tell(self, subscriber: coco.LiveMapSubscriber[str, Any], start: int, lines: bytes) -> None:
        for change in self._changes(start, lines):
            if "value" in change:
                await subscriber.update(change["key"], change["value"])
            else:
                await subscriber.delete(change["key"])
