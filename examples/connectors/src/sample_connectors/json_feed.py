"""A feed of a JSON document, which is asked for every so often over HTTP."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

import aiohttp
import cocoindex as coco
from cocoindex.connectorkits import SingleWatcherGuard

__all__ = ["JsonFeed", "Page", "over_http"]

_KNOWN = "known keys"
_log = logging.getLogger(__name__)


class Page(NamedTuple):
    """The document as it was: its entries, and the tag by which the server knows that version."""

    entries: Mapping[str, Any]
    etag: str | None = None


Fetch = Callable[[str | None], Awaitable[Page | None]]
"""Gets the document; None if it still is the one with this tag. Raises OSError or ValueError."""


def over_http(url: str, *, timeout: timedelta = timedelta(seconds=10)) -> Fetch:
    """Fetch a JSON object from a URL, and only if it has changed."""

    async def fetch(etag: str | None) -> Page | None:
        headers = {} if etag is None else {"If-None-Match": etag}
        limit = aiohttp.ClientTimeout(total=timeout.total_seconds())
        try:
            async with aiohttp.ClientSession(timeout=limit) as session, session.get(url, headers=headers) as response:
                if response.status == 304:
                    return None
                response.raise_for_status()
                entries = await response.json()
        except aiohttp.ClientError as error:
            raise ConnectionError(f"{url}: {error}") from error
        if not isinstance(entries, dict):
            raise ValueError(f"{url} has a {type(entries).__name__}, not an object with a value for each key")
        return Page(entries, response.headers.get("ETag"))

    return fetch


class JsonFeed:
    """A `LiveMapFeed` of the entries of a JSON object: `JsonFeed(over_http("https://example.com/prices.json"))`.

    It tells of what differs from the last time it asked. As it can't be read as a whole, nobody else would notice that
    an entry went while no update was running. So it keeps on record which keys it may have told of. When the document
    can't be had, nothing is told, and it asks again after `interval`. One `watch` at a time.
    """

    def __init__(self, fetch: Fetch, *, interval: timedelta = timedelta(seconds=30)) -> None:
        self._fetch = fetch
        self._interval_s = interval.total_seconds()
        self._guard = SingleWatcherGuard(type(self).__name__)

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, Any]) -> None:
        """Tell of all entries, then of what changes, until cancelled."""
        with self._guard:
            known = set(await subscriber.read_committed_state(_KNOWN) or ())
            told = Page({})
            is_ready = False
            while True:
                try:
                    page = await self._fetch(told.etag)
                except (OSError, ValueError) as error:
                    _log.warning("%s; asking again in %s s", error, self._interval_s)
                else:
                    if page is not None:
                        await self._tell(subscriber, known, told.entries, page.entries)
                        told = page
                    if not is_ready:
                        is_ready = True
                        await subscriber.mark_ready()
                await asyncio.sleep(self._interval_s)

    async def _tell(
        self,
        subscriber: coco.LiveMapSubscriber[str, Any],
        known: set[str],
        before: Mapping[str, Any],
        now: Mapping[str, Any],
    ) -> None:
        if not known.issuperset(now):
            # First: whoever dies in the middle has to know afterwards what else there may be to delete.
            known.update(now)
            await subscriber.write_committed_state(_KNOWN, sorted(known))
        changed = [key for key, value in now.items() if key not in before or before[key] != value]
        gone = sorted(known.difference(now))
        handles = [await subscriber.update(key, now[key]) for key in changed]
        handles += [await subscriber.delete(key) for key in gone]
        for handle in handles:
            await handle.ready()
        if gone:
            known.intersection_update(now)
            await subscriber.write_committed_state(_KNOWN, sorted(known))
