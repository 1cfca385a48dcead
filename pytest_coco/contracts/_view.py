"""Sources that can be read as a whole, and followed: `LiveMapView`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cocoindex_sim.values import encode_key

from ._arrivals import LISTEN_FIRST
from ._contract import claim
from ._history import difference
from ._items import Items
from ._live_map import LiveMapContract
from ._source import Source
from ._stage import Stage
from ._subscriber import ItemSubscriber

__all__ = ["LiveMapViewContract"]


class LiveMapViewContract(LiveMapContract):
    """Inherit this to have a `LiveMapView` tested: `make`, `put`, `delete`, `disturb` and `entries` are yours to write.

    The hooks act on the system that the view reads, as others do who use it. See `Contract` for what is around them.
    """

    _made_has: ClassVar[tuple[str, ...]] = ("__aiter__", "watch")

    def entries(self) -> Any:
        """What the system has now: a mapping of keys to values as `put` was given them. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs entries(): say what the system has now")

    def subscriber(self, stage: Stage, items: Items, source: Any, *, is_live: bool) -> ItemSubscriber:
        """One that reads the view."""
        return ItemSubscriber(stage, items, view=source, is_live=is_live)

    @claim("FEED-01", "FEED-04")
    def test_iterating_gives_what_is_there_now(self, stage: Stage) -> None:
        """Every entry once, in each iteration anew."""
        source = Source(stage, self)
        view = source.make()
        _compare(stage, source, view)
        source.fill()
        _compare(stage, source, view)
        source.put(self.keys()[0])
        source.delete(self.keys()[1])
        source.put(self.keys()[4])
        _compare(stage, source, view)

    @claim("FEED-13")
    def test_nothing_is_lost_between_scan_and_watch(self, stage: Stage) -> None:
        """Changes before, during and right after the scan, and as the view says that it is ready, arrive."""
        source = Source(stage, self)
        for moment in ("scan begins", "item scanned", "scan ends", "ready"):
            source.fill()
            watch = source.follow(at={moment: source.churn})
            source.check_converges(watch, LISTEN_FIRST)
            watch.cancel()

    @claim("FEED-13", "FEED-10", needs="tells_values")
    def test_nothing_that_the_scan_has_overtaken_is_told(self, stage: Stage) -> None:
        """What changed while the scan ran, and the scan has seen newer, is not told again after it."""
        source = Source(stage, self)
        for moment in ("scan begins", "item scanned", "scan ends", "ready"):
            source.fill()
            watch = source.follow(at={moment: source.churn})
            stage.let_quiet()
            watch.check_goes_on()
            stage.check("order")
            watch.cancel()

    @claim("FEED-04")
    def test_a_scan_removes_what_is_no_longer_there(self, stage: Stage) -> None:
        """What an earlier run knew, and the source has no longer, goes."""
        source = Source(stage, self)
        source.fill(4)
        watch = source.follow(is_live=False)
        watch.check_ended()
        for key in self.keys()[:2]:
            source.delete(key)
        watch = source.follow(is_live=False)
        watch.check_ended()
        source.check_converges()


def _compare(stage: Stage, source: Source, view: Any) -> None:
    """What iterating gives is what the hook `entries` says, and that is what the check has made of it."""
    system = stage.call("entries")
    if not isinstance(system, Mapping):
        stage.broken(f"the hook entries() gave {system!r}", "return a mapping of keys to values")
    there = {encode_key(key): (key, value) for key, value in system.items()}
    lines = difference(source.history.current(), there)
    if lines:
        stage.broken(
            "the hooks do not agree: entries() does not give what put() and delete() have made of an empty system",
            "begin with an empty system in open(), and have put(), delete() and entries() be about the same one",
            ["put() and delete() (-), and entries() (+):", *lines],
        )

    async def read() -> list[tuple[bytes, Any, Any]]:
        found = []
        async for item in view:
            if not isinstance(item, tuple) or len(item) != 2:
                stage.broken(f"the iteration yielded {item!r}", "yield pairs of key and value")
            key, value = item
            found.append((encode_key(key), key, await stage.call_inside("plain", value)))
        return found

    found = stage.run(read())
    keys = [encoded for encoded, _, _ in found]
    twice = sorted({encoded for encoded in keys if keys.count(encoded) > 1})
    if twice:
        stage.broken(f"the iteration yielded {len(twice)} keys more than once", "yield every key once")
    lines = difference(there, {encoded: (key, value) for encoded, key, value in found})
    if lines:
        stage.broken(
            "iterating over the view does not give what the system has",
            "read the system anew in each __aiter__, and yield every entry under the key that watch() tells it by",
            ["the system (-) and the iteration (+):", *lines],
        )
