"""Goal: connectors and stores that are right keep their contracts; each class here is an author's."""

from __future__ import annotations

from typing import Any, ClassVar

from cocoindex_sim.store import LmdbStore, MemoryHolder, MemoryStore
from cocoindex_sim.world import MapFeed, MapView, remote_map
from pytest_coco.contracts import LiveMapFeedContract, LiveMapViewContract, StateStoreContract

from .zoo import FeedOfATable, RowsOfATarget, ViewOfATable


class TestZooView(ViewOfATable):
    pass


class TestZooFeed(FeedOfATable):
    pass


class TestZooRows(RowsOfATarget):
    pass


class _OfAMap:
    world: Any

    def put(self, key: Any, value: Any) -> None:
        self.world.map().set(key, value)

    def delete(self, key: Any) -> None:
        self.world.map().delete(key)

    def disturb(self) -> None:
        self.world.map().kill()


class TestMapView(_OfAMap, LiveMapViewContract):
    def make(self) -> MapView:
        return MapView(remote_map())

    def entries(self) -> dict[Any, Any]:
        return self.world.map().entries


class TestMapFeed(_OfAMap, LiveMapFeedContract):
    def make(self) -> MapFeed:
        return MapFeed(remote_map())


class TestMemoryStore(StateStoreContract):
    def open(self) -> None:
        self.place = MemoryStore()

    def make(self) -> MemoryHolder:
        return self.place.open()

    def kill(self, store: MemoryHolder) -> None:
        store.cut()


class TestLmdbStore(StateStoreContract):
    real_io = True
    survives_kill = False
    bypass_reason: ClassVar = {
        "survives_kill": "that takes a process of its own to be killed, as the tests of the engine do"
    }

    def make(self) -> LmdbStore:
        return LmdbStore(self.directory / "db")
