"""Goal: a memoized component is reused exactly while nothing it was made with has changed."""

from __future__ import annotations

import asyncio
from typing import Any, NamedTuple

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import with_quick_check
from cocoindex_sim.values import DeserializationError

from .bench import Bench, Journal


class Point(NamedTuple):
    x: int


class Pipeline:
    """main uses one memoized component at path `at` with `args`, which has a child; both declare a state."""

    def __init__(self, bench: Bench, journal: Journal, *, memo: bool = True) -> None:
        provider = journal.provider()
        self.ran: list[str] = []
        self.at = "a"
        self.args: tuple[Any, ...] = (1,)
        self.fails: set[str] = set()

        def body(name: str) -> None:
            self.ran.append(name)
            if name in self.fails:
                raise ValueError(name)

        @coco.fn(memo=True)
        def call(x: int) -> int:
            self.ran.append("call")
            return x

        @coco.fn
        async def child(at: str, x: Any) -> None:
            coco.declare_target_state(provider.target_state(f"{at}/child", x))
            body("child")

        async def part(at: str, *args: Any) -> Point:
            coco.declare_target_state(provider.target_state(at, args))
            call(1)
            await coco.mount(coco.component_subpath("child"), child, at, args)
            body("part")
            return Point(1)

        self.part: Any = coco.fn(memo=memo)(part)

        async def main() -> Any:
            return await coco.use_mount(coco.component_subpath(self.at), self.part, self.at, *self.args)

        self.app = bench.app(main)


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def pipeline(bench: Bench, journal: Journal) -> Pipeline:
    return Pipeline(bench, journal)


def ran(bench: Bench, pipeline: Pipeline) -> list[str]:
    """What one update runs."""
    pipeline.ran.clear()
    assert bench.update(pipeline.app) == Point(1)
    return sorted(pipeline.ran)


ALL = ["call", "child", "part"]


def test_a_hit_skips_the_subtree_and_gives_the_stored_value(bench: Bench, pipeline: Pipeline, journal: Journal) -> None:
    # FN-14, FN-17, FN-18
    assert ran(bench, pipeline) == ALL
    journal.take_asked()
    bench.events()
    assert ran(bench, pipeline) == []
    assert bench.events("component_started", "component_reused", "component_mounted") == [
        "component_started /",
        'component_mounted /"a"',
        'component_reused /"a"',
    ]
    assert journal.take_asked() == []
    assert journal.content == {"a": (1,), "a/child": (1,)}


def test_other_arguments_are_a_miss_whose_inline_calls_are_reused(bench: Bench, pipeline: Pipeline) -> None:
    # FN-14, FN-17
    ran(bench, pipeline)
    ran(bench, pipeline)
    pipeline.args = (2,)
    assert ran(bench, pipeline) == ["child", "part"]
    assert ran(bench, pipeline) == []


def test_another_path_is_a_miss(bench: Bench, pipeline: Pipeline, journal: Journal) -> None:
    # FN-14
    ran(bench, pipeline)
    pipeline.at = "b"
    assert ran(bench, pipeline) == ALL
    assert journal.content == {"b": (1,), "b/child": (1,)}


def test_one_entry_per_component(bench: Bench, pipeline: Pipeline) -> None:
    # FN-15
    ran(bench, pipeline)
    pipeline.args = (2,)
    ran(bench, pipeline)
    pipeline.args = (1,)
    assert ran(bench, pipeline) == ["child", "part"]


def test_a_failed_run_with_a_new_key_forgets_the_old_one(bench: Bench, pipeline: Pipeline) -> None:
    # FN-15
    ran(bench, pipeline)
    pipeline.args, pipeline.fails = (2,), {"part"}
    with pytest.raises(ValueError, match="part"):
        bench.update(pipeline.app)
    pipeline.args, pipeline.fails = (1,), set()
    assert ran(bench, pipeline) == ["child", "part"]


def test_nothing_is_stored_over_a_failed_descendant(bench: Bench, pipeline: Pipeline) -> None:
    # FN-16
    pipeline.fails = {"child"}
    assert ran(bench, pipeline) == ALL
    assert ran(bench, pipeline) == ["child", "part"]
    pipeline.fails = set()
    assert ran(bench, pipeline) == ["child", "part"]
    assert ran(bench, pipeline) == []


def test_removing_memo_discards_the_entry(bench: Bench, journal: Journal) -> None:
    # FN-17
    assert ran(bench, Pipeline(bench, journal)) == ALL
    bench.crash()
    assert ran(bench, Pipeline(bench, journal, memo=False)) == ["child", "part"]
    bench.crash()
    pipeline = Pipeline(bench, journal)
    assert ran(bench, pipeline) == ["child", "part"]
    assert ran(bench, pipeline) == []


def test_a_hit_in_a_new_process(bench: Bench, journal: Journal) -> None:
    # FN-14
    assert ran(bench, Pipeline(bench, journal)) == ALL
    bench.crash()
    assert ran(bench, Pipeline(bench, journal)) == []


def test_full_reprocess_runs_everything(bench: Bench, pipeline: Pipeline) -> None:
    # APP-12
    ran(bench, pipeline)
    pipeline.ran.clear()
    bench.update(pipeline.app, full_reprocess=True)
    assert sorted(pipeline.ran) == ALL
    assert ran(bench, pipeline) == []


def test_after_a_failed_full_reprocess_earlier_results_stand(bench: Bench, pipeline: Pipeline) -> None:
    # APP-12
    ran(bench, pipeline)
    pipeline.fails = {"part"}
    with pytest.raises(ValueError, match="part"):
        bench.update(pipeline.app, full_reprocess=True)
    pipeline.fails = set()
    assert ran(bench, pipeline) == []


def test_a_component_whose_sink_failed_runs_again(bench: Bench, pipeline: Pipeline, journal: Journal) -> None:
    # TGT-15, DUR-03
    ran(bench, pipeline)
    pipeline.args = (2,)
    journal.fail_after = {"a"}
    with pytest.raises(OSError, match="a failed after"):
        bench.update(pipeline.app)
    journal.fail_after, pipeline.args = set(), (1,)
    assert "part" in ran(bench, pipeline)
    assert journal.content == {"a": (1,), "a/child": (1,)}
    assert ran(bench, pipeline) == []


def test_a_stored_value_of_another_type_fails_each_hit_until_it_is_made_anew(bench: Bench) -> None:
    # FN-20
    ran: list[str] = []
    values: list[Any] = ["text"]

    @coco.fn(memo=True)
    async def call() -> int:
        ran.append("call")
        value: int = values[0]
        return value

    async def main() -> int:
        value: int = await coco.use_mount(call)
        return value

    app = bench.app(main)
    assert bench.update(app) == "text"
    for _ in range(2):
        with pytest.raises(DeserializationError, match="can't be read as"):
            bench.update(app)
    assert ran == ["call"]
    values[0] = 1
    with pytest.raises(DeserializationError, match="can't be read as"):
        bench.update(app)
    assert [bench.update(app, full_reprocess=True), bench.update(app)] == [1, 1]
    assert ran == ["call", "call"]


def test_an_unserialisable_value_fails_before_anything_is_applied(bench: Bench) -> None:
    # FN-19, SE-08
    journal = Journal()
    provider = journal.provider()

    @coco.fn(memo=True)
    async def part() -> object:
        coco.declare_target_state(provider.target_state("k", 1))
        return object()

    async def main() -> None:
        await coco.use_mount(part)

    with pytest.raises(NotImplementedError, match="Cannot serialize <object"):
        bench.update(bench.app(main))
    assert journal.content == {}


def test_arguments_that_can_not_be_keys_fail_the_component(bench: Bench) -> None:
    # MEM-06, MEM-08
    class Client(coco.NotMemoKeyable):
        pass

    @coco.fn(memo=True)
    async def part(argument: object) -> None:
        raise AssertionError

    async def main(argument: object) -> None:
        await coco.use_mount(part, argument)

    for name, argument, message in (("a", Client(), "cannot be used"), ("b", lambda: None, "Unsupported type")):
        with pytest.raises(TypeError, match=message):
            bench.update(bench.app(main, argument, name=name))


def test_a_memoized_root_is_reused(bench: Bench) -> None:
    # FN-14, APP-04
    made = []

    @coco.fn(memo=True)
    async def main(x: int) -> list[int]:
        made.append([x])
        return made[-1]

    app = bench.app(main, 1)
    first, second = bench.update(app), bench.update(app)
    assert first is made[0]
    assert second == first
    assert second is not first
    assert len(made) == 1


def test_a_doubt_is_looked_into_once(bench: Bench) -> None:  # TGT-26, FN-14
    journal = Journal()
    provider = journal.provider()
    declarer = ["a"]

    async def child(declares: bool) -> None:
        if declares:
            coco.declare_target_state(provider.target_state("k", 1))

    @coco.fn(memo=True)
    async def group(declarer: str) -> None:
        for name in "ba":  # so that b takes over while a is still its owner
            await (await coco.mount(coco.component_subpath(name), child, name == declarer)).ready()

    async def main() -> None:
        await coco.mount(group, declarer[0])

    writes: list[Any] = []
    write = bench._holder.write
    bench._holder.write = lambda batch, *more: writes.append(batch) or write(batch, *more)
    app = bench.app(main)
    bench.update(app)
    declarer[0] = "b"
    bench.update(app)
    for written in (True, False):
        writes.clear()
        bench.events()
        bench.update(app)
        assert bench.events("component_reused") == ["component_reused /@group"]
        assert bool(writes) is written


# -- without a task --------------------------------------------------------------------------------------------------------


class Turns:
    """Many children that are reused, and another task that counts its turns meanwhile."""

    def __init__(self, bench: Bench, count: int) -> None:
        self.taken = 0
        self.tasks: list[str] = []

        @coco.fn(memo=True)
        async def child(number: int) -> int | None:
            return number if number % 2 else None

        async def main() -> None:
            ticking = asyncio.ensure_future(self._tick())
            loop = asyncio.get_running_loop()
            loop.set_task_factory(self._made)
            handles = [await coco.mount(coco.component_subpath(number), child, number) for number in range(count)]
            loop.set_task_factory(None)
            for handle in handles:
                await handle.ready()
            ticking.cancel()

        self.app = bench.app(main)

    async def _tick(self) -> None:
        while True:
            self.taken += 1
            await asyncio.sleep(0)

    def _made(self, loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
        self.tasks.append(coroutine.__qualname__)
        return asyncio.Task(coroutine, loop=loop, **options)


def test_a_child_that_is_reused_takes_no_task(bench: Bench) -> None:
    turns = Turns(bench, 10)
    bench.update(turns.app)
    assert turns.tasks.count("Crew._work") == 1
    turns.tasks.clear()
    bench.update(turns.app)
    assert "Crew._work" not in turns.tasks


def test_others_have_their_turn_while_many_children_are_reused(bench: Bench) -> None:
    turns = Turns(bench, 6_000)
    bench.update(turns.app)
    turns.taken = 0
    bench.update(turns.app)
    assert turns.taken >= 5


def test_a_quick_check_that_says_so_spares_the_state_function(bench: Bench) -> None:
    asked: list[str] = []

    class Version:
        def __init__(self, number: int) -> None:
            self.number = number

        def __coco_memo_key__(self) -> str:
            return "version"

        def _is_same(self, state: int) -> bool:
            asked.append("quick")
            if self.number < 0:
                raise ValueError("what a quick check raises is left to the state function")
            return state == self.number

        @with_quick_check(_is_same)
        async def __coco_memo_state__(self, state: Any) -> coco.MemoStateOutcome:
            asked.append("state")
            return coco.MemoStateOutcome(self.number, state == self.number)

    @coco.fn(memo=True)
    async def child(version: Version) -> None:
        asked.append("body")

    async def main(number: list[int]) -> None:
        await coco.use_mount(coco.component_subpath("child"), child, Version(number[0]))

    number = [1]
    app = bench.app(main, number)

    def update(value: int) -> list[str]:
        number[0] = value
        bench.update(app)
        told = asked.copy()
        asked.clear()
        return told

    assert update(1) == ["body", "state"]
    assert update(1) == ["quick"]
    assert update(2) == ["quick", "state", "body"]
    assert update(2) == ["quick"]
    assert update(-1) == ["quick", "state", "body"]
    assert update(-1) == ["quick", "state"]
