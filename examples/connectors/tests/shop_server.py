"""A local server of one JSON document, as the feed meets it: tags, and bad days."""

import asyncio
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer


class ShopServer:
    """Serves `document` at `url`. The next requests fail as `failures` says, one after the other."""

    def __init__(self) -> None:
        self.document: Any = {}
        self.failures: list[int | str] = []
        self.answers: list[int] = []
        application = web.Application()
        application.router.add_get("/prices.json", self._answer)
        self._server = TestServer(application)

    @property
    def url(self) -> str:
        return str(self._server.make_url("/prices.json"))

    async def __aenter__(self) -> "ShopServer":
        await self._server.start_server()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._server.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        response = await self._respond(request)
        self.answers.append(response.status)
        return response

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        failure = self.failures.pop(0) if self.failures else None
        if failure == "hangs":
            await asyncio.sleep(3600)
        if failure == "garbled":
            return web.Response(text='{"apples": ', content_type="application/json")
        if isinstance(failure, int):
            return web.Response(status=failure)
        etag = f'"{hash(repr(self.document))}"'
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304)
        return web.json_response(self.document, headers={"ETag": etag})
