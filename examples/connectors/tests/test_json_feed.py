# Goal: the JSON feed keeps the contract of a feed, with a server that is simulated and with a real one.

import asyncio
from datetime import timedelta
from typing import Any

from pytest_coco.contracts import LiveMapFeedContract

from sample_connectors import JsonFeed, Page, over_http
from shop_server import ShopServer


class JsonFeedContract(LiveMapFeedContract):
    """The server is a dict; an answer takes its time."""

    feed: type[JsonFeed] = JsonFeed

    def open(self) -> None:
        self.document: dict[str, Any] = {}
        self.version = 0
        self.is_down = False

    def make(self) -> JsonFeed:
        return self.feed(self.fetch, interval=timedelta(seconds=1))

    async def fetch(self, etag: str | None) -> Page | None:
        await asyncio.sleep(0.05)
        if self.is_down:
            self.is_down = False
            raise ConnectionError("500 Internal Server Error")
        page = Page(dict(self.document), str(self.version))
        await asyncio.sleep(0.05)
        return None if page.etag == etag else page

    def put(self, key: str, value: Any) -> None:
        self.document[key] = value
        self.version += 1

    def delete(self, key: str) -> None:
        self.document.pop(key, None)
        self.version += 1

    def disturb(self) -> None:
        self.is_down = True


class TestJsonFeed(JsonFeedContract):
    pass


class TestJsonFeedOverHttp(LiveMapFeedContract):
    real_io = True

    async def open(self) -> None:
        self.server = await ShopServer().__aenter__()

    async def close(self) -> None:
        await self.server.__aexit__()

    def make(self) -> JsonFeed:
        return JsonFeed(over_http(self.server.url), interval=timedelta(milliseconds=20))

    def put(self, key: str, value: Any) -> None:
        self.server.document[key] = value

    def delete(self, key: str) -> None:
        self.server.document.pop(key, None)

    def disturb(self) -> None:
        self.server.failures = [500]
