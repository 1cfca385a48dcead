"""The connectors as the scenarios have them: connected to what a simulated world has outside."""

from datetime import timedelta

from cocoindex_sim.fakes.maps import MapClient

from sample_connectors import JsonFeed, LogFile, Page


def prices(client: MapClient) -> JsonFeed:
    """The feed of a document whose server is the scenario's map: it answers late, and not always."""

    async def fetch(etag: str | None) -> Page | None:
        found = await client.scan()
        version = str(found.offset)
        return None if version == etag else Page(found.entries, version)

    return JsonFeed(fetch, interval=timedelta(seconds=10))


def orders() -> LogFile:
    """The feed of a file, which is one of the scenario's files."""
    return LogFile("orders.log")
