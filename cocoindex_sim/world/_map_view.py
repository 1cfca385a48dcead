"""A view over an external map that does what the contract asks of one: the measure for those that connectors bring."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Final

from ..engine import LiveMapSubscriber, SingleWatcherGuard
from ..fakes.maps import MapClient, MapError, MapSnapshot, Subscription

__all__ = ["RETRY_S", "MapView"]

RETRY_S: Final = 1.0
"""How long after a failure the map is asked again, in seconds."""


class MapView:
    """A `LiveMapView` of the entries of a map.

    It subscribes before it scans (FEED-13), passes nothing on that the scan or a later change has overtaken, and begins
    anew when the subscription dies and, as one may fall silent without a word, every `rescan_s` seconds. What fails is
    reported and tried again; it is not ready before a scan was complete. One `watch` at a time (FEED-14).
    """

    def __init__(self, client: MapClient, *, rescan_s: float = 3600.0) -> None:
        self._client = client
        self._rescan_s = rescan_s
        self._guard = SingleWatcherGuard(type(self).__name__)
        self._scanned: MapSnapshot | None = None  # of the last scan, if it was complete

    async def __aiter__(self) -> AsyncIterator[tuple[Any, Any]]:
        self._scanned = None
        snapshot = await self._client.scan()
        for entry in snapshot.entries.items():
            yield entry
        self._scanned = snapshot

    async def watch(self, subscriber: LiveMapSubscriber[Any, Any]) -> None:
        """Tell of all entries, then of every change, until cancelled."""
        with self._guard:
            is_ready = False
            while True:
                try:
                    async with self._client.subscribe() as changes:
                        self._scanned = None
                        await subscriber.update_all()
                        if self._scanned is not None:
                            if not is_ready:
                                is_ready = True
                                await subscriber.mark_ready()
                            await self._follow(subscriber, changes, self._scanned.offset)
                            continue
                except MapError as error:
                    await subscriber.report_exception(error)
                await asyncio.sleep(RETRY_S)

    async def _follow(self, subscriber: LiveMapSubscriber[Any, Any], changes: Subscription, scanned: int) -> None:
        """Tell of changes until it is time for another scan."""
        told: dict[Any, int] = {}
        until_s = asyncio.get_running_loop().time() + self._rescan_s
        while True:
            try:
                async with asyncio.timeout_at(until_s) as limit:
                    change = await anext(changes)
            except TimeoutError:
                if limit.expired():
                    return
                raise
            if change.offset < scanned or change.offset <= told.get(change.key, -1):
                continue
            told[change.key] = change.offset
            if change.deleted:
                await subscriber.delete(change.key)
            else:
                await subscriber.update(change.key, change.value)
