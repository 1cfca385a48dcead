"""State stores: what keeps the records of apps."""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any, ClassVar

from cocoindex_sim.ports import ComponentRecord, Record, RecordKey, StateSpace, StateStore, TombstoneRecord
from cocoindex_sim.values import ROOT_PATH, StableKey, StablePath

from ._contract import Contract, claim
from ._stage import Stage

__all__ = ["StateStoreContract"]

_APP = "app"


def _key(*parts: StableKey) -> RecordKey:
    return RecordKey("component", StablePath.of(*parts))


class StateStoreContract(Contract):
    """Inherit this to have a `StateStore` tested: `make` and `kill` are yours to write.

    `open` puts an empty place in place, `make` opens a store on it, more than once. See `Contract` for the rest.
    """

    survives_kill: ClassVar[bool] = True
    """Whether `kill` can end a store as a crash does."""
    is_exclusive: ClassVar[bool] = True
    """Whether a second store can't be opened on the same place while the first is."""

    capabilities: ClassVar[tuple[str, ...]] = ("is_exclusive", "survives_kill")
    _made_has: ClassVar[tuple[str, ...]] = ("space", "spaces", "drop_space", "close")

    # -- hooks -----------------------------------------------------------------------------------------------------

    def make(self) -> Any:
        """A store on the place that `open` put in place, with what was committed there before."""
        raise NotImplementedError(f"{type(self).__name__} needs make(): return an opened StateStore")

    def kill(self, store: Any) -> Any:
        """End a store as the death of its process does, without closing it."""
        raise NotImplementedError(f"{type(self).__name__} needs kill(store), or survives_kill = False")

    # -- checks ----------------------------------------------------------------------------------------------------

    @claim("DUR-01")
    def test_what_is_committed_is_read_back(self, stage: Stage) -> None:
        """A record is read as it was written, by kind and path, and the last write of a key wins."""
        store = self._made(stage)
        space = store.space(_APP)
        key, other = _key("a"), RecordKey("tombstone", StablePath.of("a"))
        _same(stage, space.get(key), None, "a record that nobody wrote")
        space.commit([(key, ComponentRecord("one")), (other, TombstoneRecord()), (key, ComponentRecord("two"))])
        _same(stage, space.get(key), ComponentRecord("two"), "a key that was written twice in one commit")
        _same(stage, space.get(other), TombstoneRecord(), "a record of another kind at the same path")
        space.commit([(key, None), (_key("none"), None)])
        _same(stage, space.get(key), None, "a record that was deleted")
        _same(stage, space.get(other), TombstoneRecord(), "its neighbour of another kind")
        store.close()

    @claim("DUR-01", "CMP-02")
    def test_scans_are_in_key_order_and_go_on_where_they_stopped(self, stage: Stage) -> None:
        """`scan` gives what is at or below a path, in order, in pieces of any size."""
        store = self._made(stage)
        space = store.space(_APP)
        keys: list[StableKey] = [None, False, True, -1, 0, 255, "", "a", "a\0", "b", b"", b"\xff", (), ("a", 1)]
        all_keys = sorted([_key(), *(_key(key) for key in keys), *(_key("a", key) for key in keys)])
        shuffled = list(all_keys)
        stage.rng.shuffle(shuffled)
        space.commit([(key, ComponentRecord(str(key.path))) for key in shuffled])
        for limit in (1, 3, 1000):
            found: list[RecordKey] = []
            while piece := space.scan("component", ROOT_PATH, after=found[-1] if found else None, limit=limit):
                found += [key for key, _ in piece]
                if len(found) > len(all_keys):
                    break
            _same(stage, found, all_keys, f"scan() in pieces of {limit}")
        below = [key for key in all_keys if key.path.encoded.startswith(StablePath.of("a").encoded)]
        _same(stage, [key for key, _ in space.scan("component", StablePath.of("a"))], below, "scan() below a path")
        nearest = [key for key in all_keys if len(key.path.parts()) == 1]
        _same(stage, [key for key, _ in space.scan_nearest("component", ROOT_PATH)], nearest, "scan_nearest()")
        store.close()

    @claim("DUR-01")
    def test_it_keeps_what_a_model_keeps(self, stage: Stage) -> None:
        """After many drawn commits it has what a dictionary has, also when it was closed and opened between them."""
        store, model, rng = self._made(stage), dict[RecordKey, Record](), stage.rng
        parts = ("a", "b", 1, ("c", 2), "x" * 600)
        for number in range(60):
            writes: list[tuple[RecordKey, Record | None]] = []
            for _ in range(rng.randrange(1, 6)):
                key = _key(*(rng.choice(parts) for _ in range(rng.randrange(3))))
                writes.append(
                    (key, None if rng.random() < 0.3 else ComponentRecord(f"{number} " * rng.randrange(1, 50)))
                )
            store.space(_APP).commit(writes)
            for key, record in writes:
                if record is None:
                    model.pop(key, None)
                else:
                    model[key] = record
            if rng.random() < 0.1:
                store.close()
                store = self._made(stage)
            if number % 10 == 9:
                found = _everything(store.space(_APP))
                _same(stage, found, sorted(model.items(), key=lambda item: item[0]), f"after {number + 1} commits")
        store.close()

    @claim("APP-20", needs="is_exclusive")
    def test_one_at_a_time_has_it_open(self, stage: Stage) -> None:
        """A second store on the same place is refused until the first is closed, which may be more than once."""
        first = self._made(stage)
        try:
            second = self.make()
        except RuntimeError:
            pass
        else:
            second.close()
            stage.broken(
                "a second store was opened while the first was open",
                "refuse it with a StateError: two that write would each miss what the other has written",
            )
        first.close()
        first.close()
        self._made(stage).close()

    @claim("APP-20", "DUR-02")
    def test_a_closed_store_refuses(self, stage: Stage) -> None:
        """Reads and commits after `close` raise, and change nothing."""
        store = self._made(stage)
        space = store.space(_APP)
        space.commit([(_key("a"), ComponentRecord("before"))])
        store.close()
        calls = {
            "get()": lambda: space.get(_key("a")),
            "commit()": lambda: space.commit([(_key("a"), ComponentRecord("after"))]),
            "spaces()": store.spaces,
        }
        for name, call in calls.items():
            try:
                call()
            except RuntimeError:
                continue
            stage.broken(f"{name} of a closed store raised nothing", "raise a StateError that says that it is closed")
        store = self._made(stage)
        _same(stage, store.space(_APP).get(_key("a")), ComponentRecord("before"), "a record, after a late commit")
        store.close()

    @claim("DUR-01", "DUR-03", needs="survives_kill")
    def test_a_crash_keeps_every_commit_whole(self, stage: Stage) -> None:
        """What `commit` returned from is there after a crash; what the dead process tries has no effect."""
        store, expected = self._made(stage), dict[RecordKey, Record]()
        for number in range(5):
            writes = [(_key(number, each), ComponentRecord(f"{number} {each}")) for each in range(20)]
            store.space(_APP).commit(list(writes))
            expected.update(writes)
            dead = store
            stage.call("kill", dead)
            with suppress(Exception):  # the dead may say what they like
                dead.space(_APP).commit([(_key("late"), ComponentRecord("late"))])
            store = self._made(stage)
            _same(stage, _everything(store.space(_APP)), sorted(expected.items(), key=lambda item: item[0]), "a crash")
        store.close()

    @claim("DUR-06")
    def test_apps_are_kept_apart(self, stage: Stage) -> None:
        """Each has its own records; dropping one leaves the others, and nothing of itself."""
        store = self._made(stage)
        names = ["b", "a", "a b", "x" * 600]
        for name in names:
            store.space(name).commit([(_key("k"), ComponentRecord(name))])
        store.space("empty").commit([])
        _same(stage, store.spaces(), sorted(names), "spaces()")
        store.drop_space("a")
        store.drop_space("unknown")
        _same(stage, store.spaces(), sorted(set(names) - {"a"}), "spaces() after one was dropped")
        _same(stage, store.space("a").get(_key("k")), None, "a record of the dropped app")
        _same(stage, store.space("b").get(_key("k")), ComponentRecord("b"), "a record of another app")
        store.close()

    @claim("DUR-01")
    def test_reads_of_other_threads_see_whole_commits(self, stage: Stage) -> None:
        """While one thread commits, others read: all of a commit or nothing of it."""
        if not stage.is_real and not stage.in_order:
            return  # threads are not explored, and one round of them is enough
        store = self._made(stage)
        space, torn, ends = store.space(_APP), [], threading.Event()
        keys = [_key(number) for number in range(20)]

        def read() -> None:
            while not ends.is_set():
                found = {record for _, record in space.scan("component", ROOT_PATH)}
                if len(found) > 1:
                    torn.append(found)

        reader = threading.Thread(target=read)
        reader.start()
        for number in range(50):
            space.commit([(key, ComponentRecord(str(number))) for key in keys])
            if torn:
                break
        ends.set()
        reader.join()
        if torn:
            stage.broken("a reader saw half of a commit", "have scan() read one snapshot")
        store.close()

    def _made(self, stage: Stage) -> StateStore:
        store: StateStore = stage.call("make")
        return store


def _everything(space: StateSpace) -> list[tuple[RecordKey, Record]]:
    return space.scan("component", ROOT_PATH, limit=100_000)


def _same(stage: Stage, found: object, wanted: object, what: str) -> None:
    if found != wanted:
        stage.broken(
            f"the store does not give what was committed: {what}",
            "compare with what StateSpace and StateStore of cocoindex_sim.ports say of the call",
            [f"wanted {wanted!r}", f"found  {found!r}"],
        )
