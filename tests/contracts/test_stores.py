"""Goal: stores keep their contract, and each way of doing it wrong is rejected by the check about it."""

from __future__ import annotations

import time
from typing import Any, ClassVar

import pytest

from cocoindex_sim.ports import RecordKey, StateSpace
from cocoindex_sim.store import LmdbStore, MemoryHolder, MemoryStore
from pytest_coco.contracts import StateStoreContract, rejections


class StoreInMemory(StateStoreContract):
    kind: ClassVar[type[Store]]

    def open(self) -> None:
        self.place = MemoryStore()

    def make(self) -> Any:
        return self.kind(self.place)

    def kill(self, store: Any) -> None:
        store.kill()


class Store:
    """A store that is right: what holds a place in memory, and hands on what it is asked."""

    def __init__(self, place: MemoryStore) -> None:
        self.place = place
        self.holder: MemoryHolder = place.open()

    def space(self, app: str) -> Any:
        return self.holder.space(app)

    def spaces(self) -> list[str]:
        return self.holder.spaces()

    def drop_space(self, app: str) -> None:
        self.holder.drop_space(app)

    def close(self) -> None:
        self.holder.close()

    def kill(self) -> None:
        self.holder.cut()


class Space:
    """A space that hands on what it is asked."""

    def __init__(self, inner: StateSpace, store: Any) -> None:
        self.inner = inner
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


class _FirstWins(Space):
    def commit(self, writes: list[Any]) -> None:
        seen: dict[RecordKey, Any] = {}
        for key, record in writes:
            seen.setdefault(key, record)
        self.inner.commit(list(seen.items()))


class FirstWriteWins(Store):
    """Of two writes of a key in a commit, the first counts."""

    def space(self, app: str) -> Any:
        return _FirstWins(super().space(app), self)


class _BeginsAnew(Space):
    def scan(self, kind: Any, below: Any, *, after: Any = None, limit: int = 1000) -> list[Any]:
        found = self.inner.scan(kind, below, limit=100_000)
        return [each for each in found if after is None or each[0] >= after][:limit]


class ScansGiveTheLastAgain(Store):
    """A scan goes on with the record it stopped at."""

    def space(self, app: str) -> Any:
        return _BeginsAnew(super().space(app), self)


class _Late(Space):
    def commit(self, writes: list[Any]) -> None:
        waiting, self.store.waiting = self.store.waiting, (self.inner, list(writes))
        if waiting is not None:
            waiting[0].commit(waiting[1])

    def __getattr__(self, name: str) -> Any:
        self.store.flush()
        return getattr(self.inner, name)


class CommitsLate(Store):
    """Writes a commit with the next one: a crash in between loses what was acknowledged."""

    waiting: Any = None

    def space(self, app: str) -> Any:
        return _Late(super().space(app), self)

    def spaces(self) -> list[str]:
        self.flush()
        return super().spaces()

    def close(self) -> None:
        if self.holder.usable:
            self.flush()
        super().close()

    def flush(self) -> None:
        waiting, self.waiting = self.waiting, None
        if waiting is not None:
            waiting[0].commit(waiting[1])


class AnyoneMayOpen(Store):
    """Lets a second one open what the first has open."""

    def __init__(self, place: MemoryStore) -> None:
        place._holder = None
        super().__init__(place)


class StaysOpen(Store):
    """Ends nothing when it is closed."""

    def close(self) -> None:
        self.place._holder = None


class DropsAll(Store):
    """Drops all apps with one."""

    def drop_space(self, app: str) -> None:
        for each in self.spaces():
            super().drop_space(each)


class _InHalves(Space):
    def commit(self, writes: list[Any]) -> None:
        for write in writes:
            self.inner.commit([write])
            time.sleep(0.0001)  # lets the reader in


class CommitsOneByOne(Store):
    """Makes each write durable by itself."""

    def space(self, app: str) -> Any:
        return _InHalves(super().space(app), self)


REJECTED_BY = {
    FirstWriteWins: ("what_is_committed_is_read_back", "a key that was written twice in one commit"),
    ScansGiveTheLastAgain: ("scans_are_in_key_order_and_go_on_where_they_stopped", "scan() in pieces of 1"),
    CommitsLate: ("a_crash_keeps_every_commit_whole", "does not give what was committed: a crash"),
    AnyoneMayOpen: ("one_at_a_time_has_it_open", "a second store was opened while the first was open"),
    StaysOpen: ("a_closed_store_refuses", "get() of a closed store raised nothing"),
    DropsAll: ("apps_are_kept_apart", "spaces() after one was dropped"),
    CommitsOneByOne: ("reads_of_other_threads_see_whole_commits", "a reader saw half of a commit"),
}


@pytest.mark.parametrize("store", REJECTED_BY, ids=lambda store: store.__name__)
def test_a_wrong_store_is_rejected(store: type[Store]) -> None:
    check, fragment = REJECTED_BY[store]
    found = rejections(type(store.__name__, (StoreInMemory,), {"kind": store}), f"test_{check}")
    assert list(found) == [f"test_{check}"]
    assert fragment in found[f"test_{check}"].replace("\n", " ")


class TestStoreInMemory(StoreInMemory):
    kind = Store


class TestLmdbStore(StateStoreContract):
    real_io = True
    survives_kill = False
    bypass_reason: ClassVar = {
        "survives_kill": "it takes a process to be killed, as tests/engine/test_crash.py has one"
    }

    def make(self) -> LmdbStore:
        return LmdbStore(self.directory / "db")
