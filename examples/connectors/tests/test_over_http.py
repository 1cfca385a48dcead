# Goal: the document is fetched over HTTP only when it has changed, and what the server gets wrong is one of two errors.

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TypeVar

import pytest

from sample_connectors import over_http
from shop_server import ShopServer

T = TypeVar("T")


def with_server(visit: Callable[[ShopServer], Awaitable[T]]) -> T:
    async def main() -> T:
        async with ShopServer() as server:
            return await visit(server)

    return asyncio.run(main())


def test_a_document_is_fetched_with_its_tag_and_not_again_while_it_is_the_same() -> None:
    async def visit(server: ShopServer) -> None:
        server.document = {"apples": "1.10"}
        fetch = over_http(server.url)
        first = await fetch(None)
        assert first is not None
        assert first.entries == {"apples": "1.10"}
        assert await fetch(first.etag) is None
        server.document = {"apples": "1.20"}
        second = await fetch(first.etag)
        assert second is not None
        assert second.entries == {"apples": "1.20"}
        assert second.etag != first.etag
        assert server.answers == [200, 304, 200]

    with_server(visit)


@pytest.mark.parametrize("failure", [500, 404, "hangs"])
def test_a_server_that_fails_is_an_error_of_the_connection(failure: int | str) -> None:
    async def visit(server: ShopServer) -> None:
        server.failures = [failure]
        with pytest.raises(OSError):
            await over_http(server.url, timeout=timedelta(seconds=0.2))(None)

    with_server(visit)


def test_nobody_at_that_address_is_an_error_of_the_connection() -> None:
    async def visit(server: ShopServer) -> str:
        return server.url

    gone = with_server(visit)
    with pytest.raises(ConnectionError):
        asyncio.run(over_http(gone)(None))


@pytest.mark.parametrize("failure", ["garbled", None])
def test_what_is_no_object_in_json_is_an_error_of_the_value(failure: str | None) -> None:
    async def visit(server: ShopServer) -> None:
        server.document = ["apples"]
        server.failures = [failure] if failure else []
        with pytest.raises(ValueError, match="has a list, not an object" if failure is None else "Expecting value"):
            await over_http(server.url)(None)

    with_server(visit)
