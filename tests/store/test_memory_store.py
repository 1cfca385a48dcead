"""Goal: a memory store survives the processes that hold it, and a cut process changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cocoindex_sim.ports import ComponentRecord, RecordKey
from cocoindex_sim.store import LmdbStore, MemoryHolder, MemoryStore
from cocoindex_sim.store._scan import Cursor
from cocoindex_sim.store._space import ByteStore
from cocoindex_sim.values import ROOT_PATH, StablePath, StateError

KEY = RecordKey("component", StablePath.of("a"))
LONG_KEY = RecordKey("component", StablePath.of("a" * 600))
BEFORE, AFTER = ComponentRecord("before"), ComponentRecord("after")

CALLS: list[Callable[[MemoryHolder], object]] = [
    lambda holder: holder.space("app").get(KEY),
    lambda holder: holder.space("app").scan("component", ROOT_PATH),
    lambda holder: holder.space("app").scan_nearest("component", ROOT_PATH),
    lambda holder: holder.space("app").scan_calls(ROOT_PATH),
    lambda holder: holder.space("app").commit([(KEY, AFTER)]),
    lambda holder: holder.space("app").commit([]),
    lambda holder: holder.space("new").commit([(KEY, AFTER)]),
    lambda holder: holder.drop_space("app"),
    lambda holder: holder.spaces(),
]


@pytest.mark.parametrize("call", CALLS)
def test_a_cut_holder_refuses_and_the_next_one_sees_what_was_committed(call: Callable[[MemoryHolder], object]) -> None:
    # DUR-03
    disk = MemoryStore("disk")
    dead = disk.open()
    space = dead.space("app")
    space.commit([(KEY, BEFORE)])
    dead.cut()
    with pytest.raises(StateError, match="'disk' was cut off"):
        call(dead)
    with pytest.raises(StateError, match="was cut off"):
        space.commit([(KEY, AFTER)])

    alive = disk.open()
    with pytest.raises(StateError, match="was cut off"):
        call(dead)
    assert alive.spaces() == ["app"]
    assert alive.space("app").scan("component", ROOT_PATH) == [(KEY, BEFORE)]
    alive.space("app").commit([(KEY, AFTER)])
    assert alive.space("app").get(KEY) == AFTER


def test_closing_after_a_cut_does_not_hide_the_crash() -> None:
    holder = MemoryStore().open()
    holder.cut()
    holder.close()
    with pytest.raises(StateError, match="was cut off"):
        holder.spaces()


def test_one_holder_at_a_time() -> None:
    # APP-20
    disk = MemoryStore("disk")
    first = disk.open()
    with pytest.raises(RuntimeError, match="environment already open in this program: 'disk'"):
        disk.open()
    first.close()
    disk.open().cut()
    assert disk.open().spaces() == []


def test_two_disks_have_nothing_in_common() -> None:
    one, two = MemoryStore().open(), MemoryStore().open()
    one.space("app").commit([(KEY, BEFORE)])
    assert two.spaces() == []


def content(store: ByteStore) -> list[tuple[bytes, bytes]]:
    def visit(cursor: Cursor) -> list[tuple[bytes, bytes]]:
        found, here = [], cursor.set_range(b"\0")
        while here:
            found.append((cursor.key(), cursor.value()))
            here = cursor.next()
        return found

    return store.read(visit)


def test_memory_and_disk_hold_the_same_bytes(tmp_path: Path) -> None:
    stores: list[ByteStore] = [MemoryStore().open(), LmdbStore(tmp_path)]
    for store in stores:
        for app in ("one", "two", "x" * 600):
            store.space(app).commit([(KEY, BEFORE), (LONG_KEY, AFTER)])
        store.drop_space("one")
        store.space("one").commit([(KEY, AFTER), (LONG_KEY, None)])
    memory, disk = map(content, stores)
    assert memory == disk
    assert len(memory) == 1 + 3 + 5
    stores[1].close()
