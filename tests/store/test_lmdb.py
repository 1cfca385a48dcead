"""Goal: state on disk survives reopening, growth and SIGKILL, and one process at a time writes it."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cocoindex_sim.ports import ComponentRecord, Record, RecordKey, StateSpace
from cocoindex_sim.store import SUBDIRECTORY, LmdbStore, open_readonly
from cocoindex_sim.store._scan import Cursor
from cocoindex_sim.values import ROOT_PATH, StablePath, StateError, StateLockedError, Symbol

KEY = RecordKey("component", StablePath.of("a"))
RECORD = ComponentRecord("f")


def component(number: int) -> RecordKey:
    return RecordKey("component", StablePath.of(Symbol("items"), number))


def batch(start: int, count: int, size: int = 100) -> list[tuple[RecordKey, Record | None]]:
    return [(component(number), ComponentRecord("x" * size)) for number in range(start, start + count)]


def count_all(space: StateSpace) -> int:
    total, after = 0, None
    while page := space.scan("component", ROOT_PATH, after=after):
        total += len(page)
        after = page[-1][0]
    return total


CHILD = """
import sys
from cocoindex_sim.ports import ComponentRecord, RecordKey
from cocoindex_sim.store import LmdbStore
from cocoindex_sim.values import StablePath, Symbol

def batch(start, count, size=100):
    key = lambda number: RecordKey("component", StablePath.of(Symbol("items"), number))
    return [(key(number), ComponentRecord("x" * size)) for number in range(start, start + count)]

store = LmdbStore(sys.argv[1], 1 << 16)
space = store.space("app")
print("open", flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
"""


class Child:
    """Another process that has the directory open and runs one line of Python at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.pid = process.pid

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def send(self, code: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(code + "\n")
        self.process.stdin.flush()

    def run(self, code: str) -> None:
        self.send(code)
        assert self.line() == "done"


@contextmanager
def child_of(directory: Path) -> Iterator[Child]:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            child = Child(process)
            assert child.line() == "open"
            yield child
        finally:
            process.kill()


def test_records_survive_reopening(tmp_path: Path) -> None:
    with_string = LmdbStore(str(tmp_path))
    with_string.space("app").commit(batch(0, 1000))
    with_string.close()
    reopened = LmdbStore(tmp_path, 1)
    assert reopened.spaces() == ["app"]
    assert count_all(reopened.space("app")) == 1000
    reopened.space("app").commit(batch(1000, 1))
    assert count_all(reopened.space("app")) == 1001
    reopened.close()


def test_a_relative_directory_stays_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = LmdbStore("db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.close()
    LmdbStore(tmp_path / "db").close()
    assert list((tmp_path / "elsewhere").iterdir()) == []


# A second open in this process: APP-20


def test_a_second_open_in_this_process_is_refused_until_closed(tmp_path: Path) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "db")
    first = LmdbStore(tmp_path / "db")
    for name in ("db", "link", "db/../db"):
        for opener in (LmdbStore, open_readonly):
            with pytest.raises(RuntimeError, match=r"environment already open in this program: '.*'; close the other"):
                opener(tmp_path / name)
    first.space("app").commit([(KEY, RECORD)])
    first.close()
    second = LmdbStore(tmp_path / "link")
    assert second.space("app").get(KEY) == RECORD
    first.close()
    with pytest.raises(RuntimeError, match="already open"):
        LmdbStore(tmp_path / "db")
    second.close()


def test_a_forgotten_store_gives_its_directory_back(tmp_path: Path) -> None:
    forgotten = LmdbStore(tmp_path)
    space = forgotten.space("app")
    space.commit([(KEY, RECORD)])
    del forgotten, space
    LmdbStore(tmp_path).close()


def test_a_forgotten_store_in_a_cycle_gives_its_directory_back(tmp_path: Path) -> None:
    cycle: list[object] = [LmdbStore(tmp_path)]
    cycle.append(cycle)
    del cycle
    gc.collect()
    LmdbStore(tmp_path).close()


def test_a_failed_open_keeps_nothing(tmp_path: Path) -> None:
    LmdbStore(tmp_path).close()
    data = tmp_path / SUBDIRECTORY / "data.mdb"
    good = data.read_bytes()
    data.write_bytes(b"damaged" * 2000)
    with pytest.raises(StateError):
        LmdbStore(tmp_path)
    data.write_bytes(good)
    LmdbStore(tmp_path).close()


# Between processes: SE-18


@pytest.mark.real
def test_another_process_keeps_this_one_out_until_it_is_killed(tmp_path: Path) -> None:
    with child_of(tmp_path) as child:
        child.run("space.commit(batch(0, 10))")
        with pytest.raises(StateLockedError) as caught:
            LmdbStore(tmp_path)
        assert str(caught.value) == (
            f"the state directory {str(tmp_path)!r} is held by another process (process {child.pid}); wait until it"
            " ends or stop it, or choose another directory (Settings.db_path or COCOINDEX_DB)"
        )
        (tmp_path / SUBDIRECTORY / "holder").unlink()
        with pytest.raises(StateLockedError, match="is held by another process; wait until it ends"):
            LmdbStore(tmp_path)
        child.process.send_signal(signal.SIGKILL)
        child.process.wait()
        store = LmdbStore(tmp_path)
        assert count_all(store.space("app")) == 10
        store.close()


@pytest.mark.real
def test_closing_lets_another_process_in(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    store.space("app").commit(batch(0, 10))
    store.close()
    with child_of(tmp_path) as child:
        child.run("space.commit(batch(10, 10)); store.close()")
        store = LmdbStore(tmp_path)
        assert count_all(store.space("app")) == 20
        store.close()


@pytest.mark.real
def test_a_process_killed_in_the_middle_of_commits_leaves_whole_commits(tmp_path: Path) -> None:
    # DUR-02
    with child_of(tmp_path) as child:
        child.send("[(space.commit(batch(at * 7, 7, 1000)), print(at, flush=True)) for at in range(100_000)]")
        acknowledged = [int(child.line()) for _ in range(60)][-1]
        child.process.kill()
        child.process.wait()
    store = LmdbStore(tmp_path)
    total = count_all(store.space("app"))
    assert total % 7 == 0
    assert total >= 7 * (acknowledged + 1)
    store.close()


@pytest.mark.real
def test_a_reader_beside_a_writing_process_sees_each_commit(tmp_path: Path) -> None:
    with child_of(tmp_path) as child:
        reader = open_readonly(tmp_path)
        space = reader.space("app")
        assert reader.spaces() == []
        assert space.get(component(0)) is None
        child.run("space.commit(batch(0, 10))")
        assert reader.spaces() == ["app"]
        assert space.get(component(0)) == ComponentRecord("x" * 100)
        assert count_all(space) == 10
        # The writer's map grows far beyond the one the reader opened.
        child.run("space.commit(batch(10, 20_000, 500))")
        assert space.get(component(20_009)) == ComponentRecord("x" * 500)
        child.run("space.commit(batch(20_010, 40_000, 500))")
        assert count_all(space) == 60_010
        child.run("store.drop_space('app')")
        assert count_all(space) == 0
        assert reader.spaces() == []
        child.run("space.commit(batch(0, 3))")
        assert count_all(space) == 3
        reader.close()
        child.run("space.commit(batch(3, 1))")


def test_a_reader_changes_nothing(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    store.space("app").commit(batch(0, 100))
    store.close()
    ours = tmp_path / SUBDIRECTORY
    before = {path.name: path.read_bytes() for path in ours.iterdir() if path.name != "lock.mdb"}
    reader = open_readonly(tmp_path)
    assert count_all(reader.space("app")) == 100
    calls: list[Callable[[], None]] = [
        lambda: reader.space("app").commit([(component(0), None)]),
        lambda: reader.space("new").commit([(KEY, RECORD)]),
        lambda: reader.drop_space("app"),
    ]
    for call in calls:
        with pytest.raises(StateError, match="is open for reading only"):
            call()
    assert count_all(reader.space("app")) == 100
    reader.close()
    with pytest.raises(StateError, match="is closed"):
        reader.spaces()
    assert {path.name: path.read_bytes() for path in ours.iterdir() if path.name != "lock.mdb"} == before


def test_a_copy_without_locks_is_read_as_it_is(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path / "db")
    store.space("app").commit(batch(0, 100))
    store.close()
    copy = tmp_path / "copy" / SUBDIRECTORY
    copy.mkdir(parents=True)
    for name in ("data.mdb", "format.json"):
        shutil.copy(tmp_path / "db" / SUBDIRECTORY / name, copy)
    reader = open_readonly(tmp_path / "copy")
    assert count_all(reader.space("app")) == 100
    reader.close()
    assert sorted(os.listdir(copy)) == ["data.mdb", "format.json"]


# A full map: DUR-07


def growths(caplog: pytest.LogCaptureFixture) -> int:
    return sum("doubling it" in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize(("count", "size"), [(1, 5_000_000), (30_000, 300)])
def test_a_full_map_grows_until_the_batch_fits(
    count: int, size: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = LmdbStore(tmp_path, 1)
    space = store.space("app")
    space.commit(batch(0, 1))
    with caplog.at_level(logging.WARNING):
        space.commit(batch(1, count, size))
    assert growths(caplog) >= 5
    assert space.get(component(count)) == ComponentRecord("x" * size)
    assert count_all(space) == count + 1
    caplog.clear()
    store.close()
    store = LmdbStore(tmp_path, 1)
    store.space("app").commit(batch(0, 1))
    assert count_all(store.space("app")) == count + 1
    store.close()


def test_a_full_map_grows_for_deletions_too(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, 1)
    one, two = store.space("one"), store.space("two")
    one.commit(batch(0, 5000))
    two.commit(batch(0, 5000))
    store.drop_space("one")
    assert store.spaces() == ["two"]
    assert count_all(one) == 0
    two.commit([(component(number), None) for number in range(0, 5000, 2)])
    assert count_all(two) == 2500
    store.close()


def test_reader_threads_survive_growth(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = LmdbStore(tmp_path, 1)
    space = store.space("app")
    space.commit(batch(0, 10))
    stop = threading.Event()
    failures: list[BaseException] = []
    reads = [0] * 6

    def read(slot: int, question: Callable[[], object]) -> None:
        try:
            while not stop.is_set() or not reads[slot]:
                assert question()
                reads[slot] += 1
        except BaseException as error:
            failures.append(error)

    questions: list[Callable[[], object]] = [
        lambda: space.get(component(5)),
        lambda: len(space.scan("component", ROOT_PATH, limit=50)) >= 10,
        lambda: len(space.scan_nearest("component", ROOT_PATH, limit=50)) >= 10,
    ]
    threads = [threading.Thread(target=read, args=(slot, questions[slot % 3])) for slot in range(6)]
    for thread in threads:
        thread.start()
    with caplog.at_level(logging.WARNING):
        for start in range(10, 20_000, 1000):
            space.commit(batch(start, 1000))
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(reads)
    assert growths(caplog) >= 4
    assert store.spaces() == ["app"]
    store.close()


@pytest.mark.real
def test_growth_waits_for_a_read_in_another_thread(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, 1)
    space = store.space("app")
    space.commit(batch(0, 10))
    committed = threading.Event()

    def write() -> None:
        space.commit(batch(10, 10_000))
        committed.set()

    writer = threading.Thread(target=write)

    def visit(cursor: Cursor) -> bool:
        writer.start()
        # Long enough for the commit to be done many times over, were it allowed to.
        grown = committed.wait(0.3)
        assert cursor.set_range(b"\x01")
        return grown

    assert not store.read(visit)
    writer.join()
    assert count_all(space) == 10_010
    store.close()


def test_writer_threads_take_turns(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path, 1)

    def write(slot: int) -> None:
        for number in range(50):
            store.space(f"app{slot % 2}").commit(batch(slot * 1000 + number, 1))

    threads = [threading.Thread(target=write, args=(slot,)) for slot in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [count_all(store.space(app)) for app in store.spaces()] == [100, 100]
    store.close()


def test_closing_beside_readers_ends_them_with_a_clear_error(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    space = store.space("app")
    space.commit([(KEY, RECORD)])
    started = threading.Barrier(4)
    ends: list[str] = []

    def read() -> None:
        started.wait()
        try:
            while True:
                assert space.get(KEY) == RECORD
        except StateError as error:
            ends.append(str(error))

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    store.close()
    for thread in threads:
        thread.join()
    assert ends == [f"the state directory {str(tmp_path)!r} is closed; open the environment again"] * 3


def test_a_record_that_can_not_be_read_is_named(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    space = store.space("app")
    space.commit([(KEY, RECORD)])
    store.write({b"\x01\x01" + KEY.path.encoded: b"\xc1"})
    with pytest.raises(StateError, match=r"""the component record at /"a" in '.*' can't be read"""):
        space.get(KEY)
    with pytest.raises(StateError, match="delete it and update again"):
        space.scan("component", ROOT_PATH)
    store.close()


def test_the_state_of_a_component_with_one_target_is_small(tmp_path: Path) -> None:
    store = LmdbStore(tmp_path)
    space = store.space("app")
    count = 5000
    for start in range(0, count, 500):
        writes = batch(start, 500, 15)
        space.commit(writes + [(RecordKey("target", key.path / "row"), record) for key, record in writes])
    store.close()
    size = sum(file.stat().st_size for file in tmp_path.rglob("*") if file.is_file())
    assert size / count < 300
