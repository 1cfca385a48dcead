"""Group commit: order, what reads see meanwhile, and a store that fails (DUR-01)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine._committer import Committer
from cocoindex_sim.ports import ComponentRecord, Record, RecordKey, Write
from cocoindex_sim.values import StablePath
from cocoindex_sim.world import VirtualLoop

from .bench import Bench, Journal


def key(name: str) -> RecordKey:
    return RecordKey("component", StablePath.of(name))


def put(name: str, value: str) -> Write:
    return key(name), ComponentRecord(value)


class Space:
    """A store that notes each transaction; `broken` is raised by the next one."""

    def __init__(self) -> None:
        self.batches: list[list[Write]] = []
        self.broken: BaseException | None = None

    def commit(self, writes: list[Write]) -> None:
        if self.broken is not None:
            error, self.broken = self.broken, None
            raise error
        self.batches.append(list(writes))

    def get(self, wanted: RecordKey) -> Record | None:
        return next(
            (record for batch in reversed(self.batches) for at, record in reversed(batch) if at == wanted), None
        )


class Store:
    """A committer over a space, on a loop of its own."""

    def __init__(self) -> None:
        self.loop = VirtualLoop()
        self.space = Space()
        self.committer = Committer(self.space, self.loop)  # type: ignore[arg-type]  # as much of a StateSpace as it needs

    def processors(self) -> list[list[str]]:
        """What each transaction put."""
        return [
            [record.processor for _, record in batch if isinstance(record, ComponentRecord)]
            for batch in self.space.batches
        ]

    def seen(self, name: str) -> str | None:
        record = self.committer.get(key(name))
        return record.processor if isinstance(record, ComponentRecord) else None


@pytest.fixture
def store() -> Store:
    return Store()


def test_what_is_ready_at_one_moment_shares_a_transaction(store: Store) -> None:
    async def story() -> None:
        store.committer.enqueue([put("rider", "0")])
        await asyncio.gather(*(store.committer.commit([put(str(n), str(n))]) for n in range(1, 4)))

    store.loop.run_until_complete(story())
    assert store.processors() == [["0", "1", "2", "3"]]
    assert store.committer.commits == 1


def test_batches_become_durable_in_the_order_they_were_handed_in(store: Store) -> None:
    async def one(name: str, seconds: int) -> None:
        await asyncio.sleep(seconds)
        await store.committer.commit([put("k", name)])
        assert store.processors()[-1][-1] == name

    async def story() -> None:
        await asyncio.gather(one("c", 3), one("a", 1), one("b", 2))

    store.loop.run_until_complete(story())
    assert store.processors() == [["a"], ["b"], ["c"]]


def test_reads_see_what_is_on_its_way_and_the_last_of_it(store: Store) -> None:
    async def story() -> None:
        store.committer.enqueue([put("k", "1")])
        assert (store.seen("k"), store.processors()) == ("1", [])
        first = asyncio.ensure_future(store.committer.commit([put("l", "1")]))
        await asyncio.sleep(0)
        store.committer.enqueue([put("k", "2"), (key("l"), None)])
        assert (store.seen("k"), store.seen("l")) == ("2", None)
        await first
        assert (store.seen("k"), store.seen("l")) == ("2", None)
        await store.committer.settle()
        assert (store.seen("k"), store.seen("l")) == ("2", None)

    store.loop.run_until_complete(story())
    assert (store.committer._filling, store.committer._flying) == ({}, {})


@pytest.mark.parametrize("error", [OSError("disk full"), asyncio.CancelledError()])
def test_a_transaction_that_fails_fails_all_who_wait_for_it_and_no_others(store: Store, error: BaseException) -> None:
    async def caught(work: Any) -> BaseException | None:
        try:
            await work
        except BaseException as caught:
            return caught
        return None

    async def story() -> list[BaseException | None]:
        together = await asyncio.gather(*(caught(store.committer.commit([put(str(n), "lost")])) for n in range(2)))
        return [*together, await caught(store.committer.commit([put("k", "kept")]))]

    store.space.broken = error
    outcomes = store.loop.run_until_complete(story())
    assert outcomes[0] is outcomes[1] is not None
    assert outcomes[2] is None
    assert store.processors() == [["kept"]]
    assert (store.seen("0"), store.seen("k")) == (None, "kept")


def test_settle_waits_for_everything(store: Store) -> None:
    async def story() -> None:
        store.committer.enqueue([put("k", "1")])
        await store.committer.settle()
        store.committer.enqueue([put("k", "2")])
        await store.committer.settle()
        await store.committer.settle()

    store.loop.run_until_complete(story())
    assert store.processors() == [["1"], ["2"]]


class Watched:
    """The records of an app; `before_commit` is called with every transaction."""

    def __init__(self, bench: Bench, before_commit: Callable[[list[Write]], object]) -> None:
        self._space = bench.env.store.space("app")
        self._before_commit = before_commit
        bench.env.store.space = lambda app: self  # type: ignore[method-assign]  # as much as it needs

    def commit(self, writes: list[Write]) -> None:
        self._before_commit(writes)
        self._space.commit(writes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._space, name)


class Counted:
    """An app with a memoized child for each item, and how many writes each transaction of an update has."""

    def __init__(self, bench: Bench, count: int, **config: Any) -> None:
        self.items = dict.fromkeys(range(count), "v")
        provider = Journal().provider()

        @coco.fn(memo=True)
        async def child(value: str, n: int) -> None:
            coco.declare_target_state(provider.target_state(n, value))

        async def main() -> None:
            for n, value in self.items.items():
                await coco.mount(coco.component_subpath(n), child, value, n)

        self._sizes: list[int] = []
        Watched(bench, lambda writes: self._sizes.append(len(writes)))
        self._bench, self._app = bench, bench.app(main, **config)

    def update(self) -> list[int]:
        self._sizes.clear()
        self._bench.update(self._app)
        return self._sizes


def test_components_that_finish_together_cost_two_transactions_however_many(bench: Bench) -> None:  # DUR-01
    # What may be there, and that there is a root, then what is there; at the end the root itself.
    assert Counted(bench, 500).update() == [1001, 1000, 1]


def test_an_update_pays_two_transactions_for_each_lot_that_is_in_flight(bench: Bench) -> None:  # DUR-01, CMP-17
    assert len(Counted(bench, 500, max_inflight_components=100).update()) == 2 * 5 + 1


def test_an_update_pays_for_what_changed_only(bench: Bench) -> None:  # DUR-01
    app = Counted(bench, 200)
    app.update()
    assert app.update() == []
    app.items |= dict.fromkeys(range(50), "edited")
    assert [size >= 50 for size in app.update()] == [True, True]
    for n in range(30):
        del app.items[n]
    # The root with the marks of what goes, then for all of that together what may be there, and that it is gone.
    assert len(app.update()) == 3
    assert app.update() == []


@pytest.mark.parametrize("nth", range(1, 8))
def test_after_a_store_failed_the_next_update_converges(bench: Bench, nth: int) -> None:
    journal = Journal()
    provider = journal.provider()
    left = [0]

    def before_commit(writes: list[Write]) -> None:
        left[0] -= 1
        if not left[0]:
            raise OSError("disk full")

    Watched(bench, before_commit)
    names = ["a", "b", "c"]

    @coco.fn(memo=True)
    async def child(name: str, value: int) -> None:
        coco.declare_target_state(provider.target_state(name, value))

    async def main(value: list[int]) -> None:
        for name in names:
            await coco.mount(coco.component_subpath(name), child, name, value[0])
        coco.declare_target_state(provider.target_state("main", value[0]))

    value = [1]
    app = bench.app(main, value)
    for value[0] in (1, 2):
        left[0] = nth
        with suppress(OSError):
            bench.update(app)
        bench.update(app)
        assert journal.content == {**dict.fromkeys(names, value[0]), "main": value[0]}
        names.pop()
