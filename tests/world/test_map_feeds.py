# Goal: the view and the feed that others are measured by pass on each change once, commit without a gap, and outlast every trouble.

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import LiveMapFeed, LiveMapView
from cocoindex_sim.fakes.maps import MapClient, RemoteMap
from cocoindex_sim.world import MapFeed, MapView, VirtualLoop, World, declare_row, remote_map


class Handle:
    def __init__(self, subscriber: "Subscriber", key: str) -> None:
        self._subscriber = subscriber
        self._key = key

    async def ready(self) -> None:
        while self._key in self._subscriber.busy:  # noqa: ASYNC110  in virtual time
            await asyncio.sleep(1)
        if self._key in self._subscriber.raising:
            raise ValueError(self._key)


class Subscriber:
    """Notes what it is told. Items in `busy` are not ready before they leave it, those in `raising` never."""

    def __init__(self, view: Any = None) -> None:
        self.told: list[str] = []
        self.reported: list[str] = []
        self.busy: set[str] = set()
        self.raising: set[str] = set()
        self.kept: dict[Any, Any] = {}
        self._view = view

    async def update_all(self) -> None:
        entries = [f"{key}={value}" async for key, value in self._view]
        self.told.append(f"all: {' '.join(entries)}")

    async def mark_ready(self) -> None:
        self.told.append("ready")

    async def update(self, key: str, value: str) -> Handle:
        self.told.append(f"{key}={value}")
        return Handle(self, key)

    async def delete(self, key: str) -> Handle:
        self.told.append(f"-{key}")
        return Handle(self, key)

    async def report_exception(self, error: BaseException) -> None:
        self.reported.append(str(error))

    async def read_committed_state(self, key: Any) -> Any:
        return self.kept.get(key)

    async def write_committed_state(self, key: Any, value: Any) -> None:
        self.kept[key] = value


class Watched:
    """A source over a map, watched in virtual time by a subscriber."""

    def __init__(self, make: Callable[..., Any], kernel: RemoteMap | None = None, **options: Any) -> None:
        self.kernel = kernel or RemoteMap()
        self.source = make(MapClient(self.kernel), **options)
        self.subscriber = Subscriber(self.source)

    def run(self, *script: Callable[[], object] | float) -> list[str]:
        """Watch, and do what the script says: calls, and seconds to let pass. What the subscriber was told."""
        loop = VirtualLoop()
        watching = loop.create_task(self.source.watch(self.subscriber))
        try:
            for part in (0, *script):
                if callable(part):
                    part()
                    loop.settle()
                else:
                    loop.advance(round(part * 1e9))
            if watching.done():
                watching.result()
            return self.subscriber.told
        finally:
            loop.close_abruptly()


def test_they_are_what_the_engine_takes_for_a_view_and_a_feed() -> None:  # FEED-01
    client = MapClient(RemoteMap())
    assert isinstance(MapView(client), LiveMapView)
    assert isinstance(MapFeed(client), LiveMapFeed)
    assert not isinstance(MapFeed(client), LiveMapView)


def test_a_view_tells_each_change_once_whatever_is_told_to_it() -> None:  # FEED-13
    watched = Watched(MapView)
    kernel = watched.kernel
    kernel.set("a", "1")
    told = watched.run(lambda: kernel.set("a", "2"), kernel.rewind, lambda: kernel.delete("a"), kernel.rewind)
    assert told == ["all: a=1", "ready", "a=2", "-a"]


def test_a_view_does_not_tell_what_its_scan_has_seen() -> None:  # FEED-13
    watched = Watched(MapView)
    kernel = watched.kernel
    kernel.hold("scan")
    assert watched.run(lambda: kernel.set("a", "1"), kernel.release, 1) == ["all: a=1", "ready"]


def test_a_view_whose_subscription_dies_scans_again_and_says_that_it_died() -> None:
    watched = Watched(MapView)
    kernel = watched.kernel
    told = watched.run(kernel.kill, lambda: kernel.set("a", "1"), 1, lambda: kernel.set("b", "2"))
    assert told == ["all: ", "ready", "all: a=1", "b=2"]
    assert watched.subscriber.reported == ["the subscription to map 'map' has died"]


def test_a_view_is_not_ready_before_a_scan_was_complete() -> None:
    class Failing(Subscriber):
        async def update_all(self) -> None:  # as the engine does: what the scan raises is reported
            try:
                await super().update_all()
            except ConnectionError as error:
                await self.report_exception(error)

    watched = Watched(MapView)
    watched.subscriber = Failing(watched.source)
    watched.kernel.inject("fails", call="scan", times=2)
    assert watched.run(1) == []
    assert Watched.run(watched) == ["all: ", "ready"]
    assert watched.subscriber.reported == ["map 'map' does not answer: scan failed"] * 2


@pytest.mark.parametrize(("waits_s", "scans"), [(59, 1), (60, 2)])
def test_a_view_scans_again_in_case_the_subscription_is_silent(waits_s: float, scans: int) -> None:
    watched = Watched(MapView, rescan_s=60)
    kernel = watched.kernel
    told = watched.run(kernel.silence, lambda: kernel.set("a", "1"), waits_s)
    assert told == ["all: ", "ready", "all: a=1"][: scans + 1]


def test_a_feed_reads_from_the_start_and_then_from_what_was_committed() -> None:  # FEED-17
    kernel = RemoteMap()
    kernel.set("a", "1")
    kernel.set("b", "2")
    first = Watched(MapFeed, kernel)
    assert first.run() == ["a=1", "b=2", "ready"]
    assert [commit.offset for commit in kernel.commits] == [0, 1, 2]
    kernel.delete("a")
    second = Watched(MapFeed, kernel)
    second.subscriber.kept = first.subscriber.kept
    assert second.run() == ["-a", "ready"]
    assert kernel.committed() == 3


def test_a_feed_that_nothing_is_remembered_of_reads_what_was_committed_too() -> None:
    kernel = RemoteMap()
    kernel.set("a", "1")
    kernel.commit(1)
    assert Watched(MapFeed, kernel).run() == ["a=1", "ready"]


def test_a_feed_commits_nothing_over_what_is_not_finished() -> None:  # KFK-07
    watched = Watched(MapFeed)
    kernel, busy = watched.kernel, watched.subscriber.busy
    busy.add("a")
    told = watched.run(lambda: kernel.set("a", "1"), lambda: kernel.set("b", "2"), 5)
    assert told == ["ready", "a=1", "b=2"]
    assert kernel.committed() == 0
    watched = Watched(MapFeed, kernel)
    watched.subscriber.busy.add("a")
    watched.run(5, watched.subscriber.busy.clear, 1)
    assert kernel.committed() == 2


def test_a_feed_never_commits_past_what_a_handler_raised_for() -> None:  # KFK-09
    watched = Watched(MapFeed)
    kernel = watched.kernel
    watched.subscriber.raising.add("b")
    watched.run(*(lambda key=key: kernel.set(key, "1") for key in "abc"), 3600)  # type: ignore[misc]  # mypy can't infer it
    assert kernel.committed() == 1


def test_a_feed_is_ready_when_what_superseded_is_finished_too() -> None:  # LIV-24, KFK-11
    kernel = RemoteMap()
    for value in "12":
        kernel.set("a", value)
    watched = Watched(MapFeed, kernel)
    watched.subscriber.busy.add("a")
    assert watched.run(5) == ["a=1", "a=2"]
    assert kernel.committed() == 0


def test_a_feed_skips_what_it_was_told_before_and_what_a_later_change_has_overtaken() -> None:
    watched = Watched(MapFeed)
    kernel = watched.kernel

    def lose_one_of_two() -> None:
        kernel.inject("dies")
        kernel.hold()
        kernel.set("a", "1")
        kernel.set("a", "2")
        kernel.release()

    told = watched.run(lambda: kernel.set("b", "1"), kernel.rewind, lose_one_of_two, 1)
    assert told == ["ready", "b=1", "a=1", "a=2"]
    assert kernel.committed() == 3


def test_a_feed_begins_anew_after_a_silence() -> None:
    watched = Watched(MapFeed, silence_s=60)
    kernel = watched.kernel
    told = watched.run(kernel.silence, lambda: kernel.set("a", "1"), 60, lambda: kernel.set("b", "2"))
    assert told == ["ready", "a=1", "b=2"]


@pytest.mark.parametrize("call", ["get", "commit", "arm"])
def test_a_feed_asks_again_what_is_not_answered_and_says_so(call: str) -> None:
    watched = Watched(MapFeed)
    watched.kernel.set("a", "1")
    trouble = watched.kernel.inject("fails", call=call, times=2)
    assert watched.run(3) == ["a=1", "ready"]
    assert trouble.fired == 2
    assert watched.subscriber.reported == [f"map 'map' does not answer: {call} failed"] * 2


@pytest.mark.parametrize("make", [MapView, MapFeed])
def test_one_watches_at_a_time(make: Callable[..., Any]) -> None:  # FEED-14
    watched = Watched(make)

    async def twice() -> None:
        first = asyncio.ensure_future(watched.source.watch(watched.subscriber))
        await asyncio.sleep(1)
        with pytest.raises(RuntimeError, match=f"{make.__name__} supports a single active watch"):
            await watched.source.watch(watched.subscriber)
        first.cancel()
        await asyncio.wait([first])
        async with asyncio.timeout(1):
            await watched.source.watch(watched.subscriber)

    loop = VirtualLoop()
    try:
        with pytest.raises(TimeoutError):
            loop.run_until_complete(twice())
    finally:
        loop.close()


def test_a_pipeline_may_use_maps_and_targets_of_any_name() -> None:
    async def item(entry: tuple[str, str]) -> None:
        declare_row(*entry, target="prices")

    class Priced(MapView):
        async def __aiter__(self) -> Any:
            async for key, value in super().__aiter__():
                yield key, (key, value)

    async def main() -> None:
        await coco.mount_each(item, Priced(remote_map("fruit")))

    with World() as world:
        world.map("fruit").set("a", "1")
        world.use(lambda: coco.App(coco.AppConfig("Prices", coco.Environment(coco.Settings(db_path="state"))), main))
        world.update()
        assert world.targets["prices"].rows == {"a": "1"}
