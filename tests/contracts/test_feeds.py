"""Goal: feeds of other kinds keep their contract with fewer capabilities, and wrong ones are rejected all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import pytest

from cocoindex_sim.connectorkits import SingleWatcherGuard
from pytest_coco.contracts import LiveMapFeedContract, rejections

from .zoo import FeedOfATable, connectors


class Hub:
    """Announces changes to whoever listens, and keeps nothing."""

    def __init__(self) -> None:
        self.listeners: list[asyncio.Queue[Any]] = []

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Any]]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        self.listeners.append(queue)
        try:
            yield queue
        finally:
            self.listeners.remove(queue)

    def announce(self, change: Any) -> None:
        for queue in self.listeners:
            queue.put_nowait(change)


class Announcements:
    """What a hub announces, as a feed: who does not listen misses it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.guard = SingleWatcherGuard("Announcements")

    async def watch(self, subscriber: Any) -> None:
        with self.guard, self.hub.listening() as changes:
            await subscriber.mark_ready()
            while True:
                await self.tell(subscriber, await changes.get())

    async def tell(self, subscriber: Any, change: Any) -> None:
        if isinstance(change, Exception):
            raise change
        await subscriber.update(*change)


class DropsEveryThird(Announcements):
    """Has too much to do for every third."""

    told = 0

    async def tell(self, subscriber: Any, change: Any) -> None:
        self.told += 1
        if self.told % 3:
            await super().tell(subscriber, change)


class AsksForEverything(Announcements):
    """Wants to have everything read, which a feed can't be."""

    async def watch(self, subscriber: Any) -> None:
        await subscriber.update_all()
        await super().watch(subscriber)


class Swallows(Announcements):
    """Ends in silence when the hub is lost."""

    async def watch(self, subscriber: Any) -> None:
        try:
            await super().watch(subscriber)
        except ConnectionError:
            return


class HubContract(LiveMapFeedContract):
    tells_history = False
    redelivers = False
    deletes = False
    bypass_reason: ClassVar = {
        "tells_history": "a hub keeps nothing",
        "redelivers": "a hub keeps nothing",
        "deletes": "nothing that was announced is taken back",
    }
    feed: ClassVar[type[Announcements]] = Announcements

    def open(self) -> None:
        self.hub = Hub()

    def make(self) -> Announcements:
        return self.feed(self.hub)

    def put(self, key: str, value: str) -> None:
        self.hub.announce((key, value))

    def disturb(self) -> None:
        self.hub.announce(ConnectionError("the hub is lost"))


class TestAnnouncements(HubContract):
    pass


@pytest.mark.parametrize(
    ("feed", "check", "fragment"),
    [
        (DropsEveryThird, "test_the_last_value_of_a_burst_wins", "is not what the source has"),
        (AsksForEverything, "test_it_tells_of_every_item_by_itself", "watch() of a feed called update_all()"),
        (Swallows, "test_trouble_is_outlived_or_let_out", "watch() returned, though the source goes on"),
    ],
)
def test_a_wrong_feed_is_rejected(feed: type[Announcements], check: str, fragment: str) -> None:
    found = rejections(type(feed.__name__, (HubContract,), {"feed": feed}), check)
    assert list(found) == [check]
    assert fragment in found[check]


def test_a_feed_that_acknowledges_what_failed_is_rejected() -> None:
    table_feed: Any = connectors("table_feed").TableFeed

    class Forgives(table_feed):  # type: ignore[misc]  # of a file that is loaded by its path
        async def tell(self, subscriber: Any, change: Any) -> Any:
            return _Forgiving(await super().tell(subscriber, change))

    class Contract(FeedOfATable):
        def made(self, *arguments: Any) -> Any:
            return Forgives(*arguments)

    check = "test_what_a_handler_raised_is_not_acknowledged"
    found = rejections(Contract, check)
    assert "acknowledge a change, or note that you are past it, only when ready()" in found[check]


class _Forgiving:
    """A handle that is ready when processing has failed, too."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    async def ready(self) -> None:
        try:
            await self.handle.ready()
        except RuntimeError:
            return
