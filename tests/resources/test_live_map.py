"""Goal: a live map holds what is declared, and tells its follower of each change once (LMAP)."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest

import cocoindex_sim as coco
from cocoindex_sim.resources.live_map import LiveMap
from cocoindex_sim.values import event_name

from ..engine.field import Field, until_told

sub = coco.component_subpath
Entries = dict[Any, Any]


async def snapshot(live_map: LiveMap[Any, Any]) -> Entries:
    return {key: value async for key, value in live_map}


class Pipeline:
    """An app with one map: one producer component for each name in `wanted`, declaring its entries, and one follower.

    `cause` builds a producer again, as an incremental change. Items declare key and value as target states and say
    their values.
    """

    def __init__(self, field: Field, **wanted: Entries) -> None:
        self.field = field
        self.wanted = wanted
        self.map: LiveMap[Any, Any]
        self._operator: Any
        self.follows = True

    async def produce(self, name: str) -> None:
        for key, value in self.wanted[name].items():
            self.map.declare_entry(key, value)

    async def consume(self, value: Any) -> None:
        self.field.say(value)
        coco.declare_target_state(self.field.provider.target_state(repr(value), value))

    async def main(self) -> None:
        self.map = await LiveMap.create()

        async def process_live(operator: Any) -> None:
            await operator.update_full()
            await operator.mark_ready()
            self._operator = operator
            await until_told()

        async def process() -> None:
            for name in self.wanted:
                await coco.mount(sub(name), self.produce, name)

        await (await coco.mount(self.field.live(process_live, process, "Producers"))).ready()
        if self.follows:
            await (await coco.mount_each(sub("items"), self.consume, self.map)).ready()

    def update(self, **options: Any) -> None:
        self.field.update(self.main, **options)

    def begin(self) -> asyncio.Task[Any]:
        task = self.field.begin(self.field.app(self.main))
        self.field.let()
        return task

    def cause(self, *names: str) -> None:
        """Have producers run again, at once; one without entries any more goes."""

        async def again() -> None:
            handles = []
            for name in names:
                if name in self.wanted:
                    handles.append(await self._operator.update(sub(name), self.produce, name))
                else:
                    handles.append(await self._operator.delete(sub(name)))
            for handle in handles:
                await handle.ready()

        self.field.bench.run(again())
        self.field.let()

    def heard(self) -> list[Any]:
        """What items said since the last look."""
        heard = list(self.field.log)
        self.field.log.clear()
        return sorted(heard, key=repr)

    def entries(self) -> Entries:
        """What the map holds."""
        return self.field.bench.run(snapshot(self.map))  # type: ignore[no-any-return]

    def restart(self) -> None:
        self.field.bench.crash()
        self.field.provider = self.field.journal.provider()


def in_component(field: Field, work: Callable[[], Awaitable[None]]) -> None:
    """Run this as a component, to its end."""

    async def main() -> None:
        await work()

    field.update(main)


# -- declaring ------------------------------------------------------------------------------------------------------------


def test_a_map_is_made_in_a_component_only(field: Field) -> None:  # LMAP-01
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        field.bench.run(LiveMap.create())

    async def work() -> None:
        assert await snapshot(await LiveMap.create()) == {}

    in_component(field, work)


def test_a_map_that_was_not_created_takes_no_entries(field: Field) -> None:  # LMAP-01
    async def work() -> None:
        with pytest.raises(RuntimeError, match=r"LiveMap\.create"):
            LiveMap[str, int]().declare_entry("a", 1)

    in_component(field, work)


def test_an_entry_is_there_once_its_component_commits(field: Field) -> None:  # LMAP-02
    async def work() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()

        async def producer() -> None:
            live_map.declare_entry("a", 1)
            await asyncio.sleep(1)
            field.say(await snapshot(live_map))

        handle = await coco.mount(producer)
        field.say(await snapshot(live_map))
        await handle.ready()
        field.say(await snapshot(live_map))

    in_component(field, work)
    assert field.log == [{}, {}, {"a": 1}]


def test_an_entry_of_a_component_that_fails_is_not_there(field: Field) -> None:  # LMAP-02
    async def work() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()

        async def producer() -> None:
            live_map.declare_entry("a", 1)
            raise OSError("no")

        async with coco.exception_handler(field.hear):
            await (await coco.mount(producer)).ready()
        field.say(await snapshot(live_map))

    in_component(field, work)
    assert field.log == [{}]


def test_a_declared_list_is_as_it_was_then(field: Field) -> None:  # LMAP-02
    async def work() -> None:
        live_map: LiveMap[str, list[int]] = await LiveMap.create()

        async def producer() -> None:
            value = [1]
            live_map.declare_entry("a", value)
            value.append(2)

        await (await coco.mount(producer)).ready()
        field.say(await snapshot(live_map))

    in_component(field, work)
    assert field.log == [{"a": [1]}]


def test_an_entry_goes_with_its_declaration_and_with_its_owner(field: Field) -> None:  # LMAP-03
    pipeline = Pipeline(field, p={"a": 1, "b": 2}, q={"c": 3})
    pipeline.begin()
    assert pipeline.entries() == {"a": 1, "b": 2, "c": 3}
    del pipeline.wanted["p"]["a"]
    del pipeline.wanted["q"]
    pipeline.cause("p", "q")
    assert pipeline.entries() == {"b": 2}
    assert field.content == {"2": 2}


def test_keys_are_stable_keys_and_values_need_equality_only(field: Field) -> None:  # LMAP-04
    keys = ["a", 1, True, b"x", None, ("t", 1), uuid.UUID(int=1), coco.Symbol("s")]
    values: list[Any] = [{"dict": []}, None, [1], {1, 2}, "", 0, object(), b""]
    pipeline = Pipeline(field, p={})
    pipeline.follows = False
    wanted = list(zip(keys, values, strict=True))

    class Pairs(dict[Any, Any]):
        def items(self) -> Any:
            return wanted

    pipeline.wanted["p"] = Pairs()

    async def look() -> list[tuple[Any, Any]]:
        return [pair async for pair in pipeline.map]

    pipeline.begin()
    found = field.bench.run(look())
    assert [(type(key), key, value) for key, value in found] == [(type(key), key, value) for key, value in wanted]


def test_a_float_is_no_key(field: Field) -> None:  # LMAP-04
    async def work() -> None:
        live_map: LiveMap[Any, int] = await LiveMap.create()
        with pytest.raises(TypeError, match="Unsupported StableKey"):
            live_map.declare_entry(1.5, 1)

    in_component(field, work)


# -- telling --------------------------------------------------------------------------------------------------------------


def test_the_follower_hears_of_unequal_values_only(field: Field) -> None:  # LMAP-05
    pipeline = Pipeline(field, p={"a": [1], "b": None})
    pipeline.begin()
    assert pipeline.heard() == [None, [1]]
    pipeline.wanted["p"] = {"a": [1], "b": None, "c": 3}
    pipeline.cause("p")
    assert pipeline.heard() == [3]
    pipeline.wanted["p"] = {"a": [2], "b": 0, "c": 3.0}
    pipeline.cause("p")
    assert pipeline.heard() == [0, [2]]
    assert set(field.content) == {"3", "0", "[2]"}


def test_a_failed_item_is_tried_again_when_its_value_changes(field: Field) -> None:  # LMAP-05 EDGE-14
    pipeline = Pipeline(field, p={"a": 1})
    consume = pipeline.consume

    async def failing(value: int) -> None:
        await consume(value)
        if value == 1:
            raise OSError("bad value")

    pipeline.consume = failing  # type: ignore[method-assign]
    pipeline.begin()
    pipeline.cause("p")
    assert pipeline.heard() == [1]
    pipeline.wanted["p"] = {"a": 2}
    pipeline.cause("p")
    assert pipeline.heard() == [2]
    assert field.content == {"2": 2}


@pytest.mark.parametrize(
    ("value", "other"),
    [
        (lambda: math.nan, 1.0),
        (lambda: float("nan"), 1.0),
        (lambda: [float("nan"), (float("nan"), {"x": float("nan")})], [1.0]),
        (lambda: np.array([1.0, float("nan")]), np.array([1.0, 2.0])),
        (lambda: {"vector": np.zeros((2, 2))}, {"vector": np.zeros(4)}),
    ],
    ids=["one NaN", "NaN", "NaN inside", "array", "array inside"],
)
def test_values_with_an_odd_equality_are_compared_by_content(
    field: Field, value: Callable[[], Any], other: Any
) -> None:  # LMAP-05 EDGE-14
    pipeline = Pipeline(field, p={"a": value()})
    pipeline.begin()
    assert len(pipeline.heard()) == 1
    pipeline.wanted["p"] = {"a": value()}
    pipeline.cause("p")
    assert pipeline.heard() == []
    pipeline.wanted["p"] = {"a": other}
    pipeline.cause("p")
    assert len(pipeline.heard()) == 1
    assert field.heard == []


def test_one_component_declares_a_key_once(field: Field) -> None:  # LMAP-06
    async def work() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()

        async def producer() -> None:
            live_map.declare_entry("a", 1)
            live_map.declare_entry("a", 1)

        async with coco.exception_handler(field.hear):
            await (await coco.mount(producer)).ready()
        field.say(await snapshot(live_map))

    in_component(field, work)
    [(path, error, _)] = field.heard
    assert path == "/@producer"
    assert isinstance(error, ValueError)
    assert "already declared" in str(error)
    assert field.log == [{}]


def test_of_two_declarers_the_later_commit_wins(field: Field) -> None:  # LMAP-06
    pipeline = Pipeline(field, p={"a": "p"}, q={})
    pipeline.begin()
    pipeline.wanted["q"] = {"a": "q"}
    pipeline.cause("q")
    assert pipeline.entries() == {"a": "q"}
    pipeline.cause("p")
    assert pipeline.entries() == {"a": "p"}
    del pipeline.wanted["q"]
    pipeline.cause("q")  # what it lost is not its to remove
    assert pipeline.entries() == {"a": "p"}
    assert pipeline.heard() == ["p", "p", "q"]


def test_iterating_gives_the_entries_of_that_moment(field: Field) -> None:  # LMAP-07
    pipeline = Pipeline(field, p={"a": 1, "b": 2})
    pipeline.begin()
    seen: Entries = {}

    async def slowly() -> None:
        async for key, value in pipeline.map:
            await asyncio.sleep(5)
            seen[key] = value

    reading = field.bench.loop.create_task(slowly())
    field.let(0)
    pipeline.wanted["p"] = {"c": 3}
    pipeline.cause("p")
    assert pipeline.entries() == {"c": 3}
    field.bench.run(reading)
    assert seen == {"a": 1, "b": 2}


# -- following ------------------------------------------------------------------------------------------------------------


def test_a_second_follower_at_the_same_time_breaks_what_mounts_it(field: Field) -> None:  # LMAP-08 EDGE-03
    async def item(value: int) -> None: ...

    async def main() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()
        await (await coco.mount_each(sub("one"), item, live_map)).ready()
        await coco.mount_each(sub("two"), item, live_map)

    with pytest.raises(RuntimeError, match="Child component build cancelled") as failed:
        field.update(main, live=True)
    assert str(failed.value.__cause__) == "LiveMap supports a single active watch() at a time."


def test_in_a_catch_up_one_follower_may_come_after_the_other(field: Field) -> None:  # LMAP-08
    async def main() -> None:
        live_map: LiveMap[str, str] = await LiveMap.create()

        async def producer() -> None:
            live_map.declare_entry("a", "x")

        await (await coco.mount(producer)).ready()
        for name in ("one", "two"):

            async def item(value: str, name: str) -> None:
                coco.declare_target_state(field.provider.target_state(name, value))

            await (await coco.mount_each(sub(name), item, live_map, name)).ready()

    field.update(main)
    assert field.content == {"one": "x", "two": "x"}


@pytest.mark.parametrize("awaited", [True, False])
def test_a_catch_up_sees_what_is_there_when_it_scans(field: Field, awaited: bool) -> None:  # LMAP-09
    async def main() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()

        async def producer() -> None:
            await asyncio.sleep(1)
            live_map.declare_entry("a", 1)

        handle = await coco.mount(producer)
        if awaited:
            await handle.ready()
        await coco.mount_each(field.item, live_map, "value")

    field.update(main)
    assert field.content == ({1: "value"} if awaited else {})


def test_live_what_was_declared_after_the_scan_is_told(field: Field) -> None:  # LMAP-09
    async def main() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()

        async def producer() -> None:
            await asyncio.sleep(1)
            live_map.declare_entry("a", 1)

        await coco.mount(producer)
        await coco.mount_each(field.item, live_map, "value")

    field.begin(field.app(main))
    field.let(5)
    assert field.content == {1: "value"}


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("memo", ["component", "call", "creator", "none"])
def test_a_map_is_empty_at_first_and_filled_again_in_each_run(
    field: Field, memo: str, live: bool, restarted: bool
) -> None:  # LMAP-10
    wanted = {"a": 1, "b": 2}
    maps: list[LiveMap[str, int]] = []

    def declare() -> None:
        for key, value in wanted.items():
            maps[-1].declare_entry(key, value)

    def app() -> coco.App[..., Any]:
        @coco.fn(memo=memo == "call")
        def declare_in_call() -> None:
            declare()

        @coco.fn(memo=memo == "component")
        async def producer() -> None:
            declare_in_call()

        @coco.fn(memo=True)
        async def consumer(value: int) -> None:
            field.say(("made", value))
            coco.declare_target_state(field.provider.target_state(value, "made"))

        @coco.fn(memo=memo == "creator")
        async def creator() -> None:
            maps.append(await LiveMap.create())
            field.say(await snapshot(maps[-1]))
            await (await coco.mount(producer)).ready()
            await (await coco.mount_each(sub("items"), consumer, maps[-1])).ready()

        async def main() -> None:
            await (await coco.mount(creator)).ready()

        return field.app(main)

    life = app()

    def run() -> list[Any]:
        nonlocal life
        field.log.clear()
        if live:
            field.begin(life)  # it ends when the next one begins, or the process
            field.let()
        else:
            field.bench.update(life)
        if restarted:
            field.bench.crash()
            field.provider = field.journal.provider()
            life = app()
        return sorted(field.log, key=repr)

    assert run() == [("made", 1), ("made", 2), {}]
    assert run() == [{}]  # filled again, as the items' memos stand
    assert field.content == {1: "made", 2: "made"}
    del wanted["a"]
    assert run() == [{}]
    assert field.content == {2: "made"}


def test_within_one_run_a_memoized_producer_is_reused(field: Field) -> None:  # LMAP-10 LIV-13
    maps: list[LiveMap[str, int]] = []

    @coco.fn(memo=True)
    async def producer() -> None:
        field.say("ran")
        maps[0].declare_entry("a", 1)

    async def process() -> None:
        await coco.mount(producer)

    async def process_live(operator: Any) -> None:
        for _ in range(3):
            await operator.update_full()
            field.say(await snapshot(maps[0]))

    async def main() -> None:
        maps.append(await LiveMap.create())
        await (await coco.mount(field.live(process_live, process))).ready()

    field.update(main, live=True)
    assert field.log == ["ran", {"a": 1}, {"a": 1}, {"a": 1}]


def test_what_makes_a_map_runs_in_each_run(field: Field) -> None:  # LMAP-10
    made: list[LiveMap[str, int]] = []

    @coco.fn(memo=True)
    async def creator() -> None:
        made.append(await LiveMap.create())

    async def producer() -> None:
        made[-1].declare_entry("a", 1)

    async def main() -> None:
        await coco.use_mount(creator)
        await coco.use_mount(producer)
        field.say(await snapshot(made[-1]))

    for _ in range(2):
        field.update(main)
    assert field.log == [{"a": 1}, {"a": 1}]
    assert len(made) == 2


def test_an_entry_of_a_failed_submit_is_settled_by_the_next(field: Field) -> None:  # LMAP-02
    maps: list[LiveMap[str, int]] = []

    @coco.fn(memo=True)
    async def producer() -> None:
        field.say("ran")
        maps[0].declare_entry("a", 1)
        coco.declare_target_state(field.provider.target_state("x", 1))

    async def process() -> None:
        await coco.mount(producer)

    async def process_live(operator: Any) -> None:
        field.journal.fail_before = {"x"}
        await operator.update_full()
        field.journal.fail_before = set()
        for _ in range(3):
            await operator.update_full()

    async def main() -> None:
        maps.append(await LiveMap.create())
        async with coco.exception_handler(field.hear):
            await (await coco.mount(field.live(process_live, process))).ready()

    field.update(main, live=True)
    assert field.log == ["ran", "ran"]
    assert field.content == {"x": 1}


def test_a_map_of_an_earlier_run_is_of_no_use(field: Field) -> None:  # LMAP-10
    pipeline = Pipeline(field, p={"a": 1})
    pipeline.update()

    async def work() -> None:
        with pytest.raises(RuntimeError, match="of an earlier run"):
            pipeline.map.declare_entry("a", 1)
        with pytest.raises(RuntimeError, match="of an earlier run"):
            aiter(pipeline.map)

    in_component(field, work)


def test_a_map_leaves_nothing_that_keeps_a_later_run_from_its_work(field: Field) -> None:  # LMAP-10
    # Killed at any event; then other entries, no entries, no map, and a drop.
    for event in ("pre_committed", "actions_applied", "committed", "component_ready"):
        for nth in range(1, 6):
            pipeline = Pipeline(field, p={"a": 1}, q={"b": 2})
            field.bench.update_until(field.app(pipeline.main), event, nth)
            pipeline.restart()
            pipeline.wanted = {"p": {"b": 2}, "r": {"c": 3}}
            pipeline.update()
            assert field.content == {"2": 2, "3": 3}
            pipeline.wanted = {}
            pipeline.update()
            assert field.content == {}
            pipeline.wanted = {"p": {"a": 1}}
            pipeline.update()
            assert field.content == {"1": 1}
            if nth % 2:

                async def nothing() -> None: ...

                pipeline.restart()
                field.update(nothing)
            else:
                app = field.app(pipeline.main)
                pipeline.restart()
                app = field.app(pipeline.main)
                field.bench.run(app.drop())
            assert field.content == {}


def test_a_change_between_the_begin_of_watching_and_the_scan_is_told_once(field: Field) -> None:  # LMAP-11 FEED-13
    pipeline = Pipeline(field, p={"a": 1}, reader={})
    told: list[Any] = []

    class Subscriber:
        """A follower whose scan begins late and takes its time, and that looks at the map at each change, too."""

        async def update_all(self) -> None:
            await asyncio.sleep(10)
            async for entry in pipeline.map:
                told.append(entry)
                await asyncio.sleep(10)

        async def mark_ready(self) -> None:
            told.append("ready")

        async def update(self, key: Any, value: Any) -> None:
            await snapshot(pipeline.map)
            told.append((key, value))

        async def delete(self, key: Any) -> None:
            told.append((key, None))

    async def read(name: str) -> None:
        await snapshot(pipeline.map)
        await Pipeline.produce(pipeline, name)

    pipeline.produce = read  # type: ignore[method-assign]
    pipeline.follows = False
    pipeline.begin()
    watching = field.bench.loop.create_task(pipeline.map.watch(Subscriber()))  # type: ignore[arg-type]  # as one
    field.let()
    pipeline.wanted["p"] = {"a": 2, "b": 1}
    pipeline.cause("p")
    field.let(10)
    pipeline.wanted["p"] = {"a": 2, "c": 1}
    pipeline.cause("p")
    pipeline.cause("reader")
    field.let(60)
    assert told[:3] == [("a", 2), ("b", 1), "ready"]
    assert sorted(told[3:]) == [("b", None), ("c", 1)]
    pipeline.wanted["p"] = {"a": 3, "c": 2}
    pipeline.cause("p")
    assert sorted(told[5:]) == [("a", 3), ("c", 2)]
    watching.cancel()


def test_each_change_around_a_scan_is_told_once(field: Field) -> None:  # LMAP-11
    # Producers commit before, while and after the follower begins to watch and scans.
    async def item(value: int) -> None:
        field.say(value)

    async def main() -> None:
        live_map: LiveMap[int, int] = await LiveMap.create()

        async def producer(number: int) -> None:
            for _ in range(number):
                await asyncio.sleep(0)
            live_map.declare_entry(number, number)

        for number in range(60):
            await coco.mount(sub(number), producer, number)
        await coco.mount_each(item, live_map)

    field.begin(field.app(main))
    field.let()
    assert sorted(field.log) == list(range(60))


def test_a_burst_of_changes_ends_at_the_last_with_bounded_work(field: Field) -> None:  # LMAP-05 EDGE-22
    pipeline = Pipeline(field, p={"a": 0})
    consume = pipeline.consume

    async def slow(value: int) -> None:
        await asyncio.sleep(1000)
        await consume(value)

    pipeline.consume = slow  # type: ignore[method-assign]
    field.begin(field.app(pipeline.main))
    field.let(1500)
    for number in range(1, 201):
        pipeline.wanted["p"] = {"a": number}
        pipeline.cause("p")
    field.let(5000)
    assert pipeline.heard() == [0, 1, 200]
    assert field.content == {"200": 200}


def test_an_item_that_cannot_be_mounted_is_reported_and_the_others_go_on(field: Field) -> None:  # LMAP-05 FEED-09
    pipeline = Pipeline(field, p={})

    @coco.fn(memo=True)
    async def item(value: Any) -> None:
        field.say(value)

    async def main() -> None:
        async with coco.exception_handler(field.hear):
            await pipeline.main()
            await coco.mount_each(item, pipeline.map)

    pipeline.follows = False
    field.begin(field.app(main))
    field.let()
    pipeline.wanted["p"] = {"a": lambda: None, "b": 1}
    pipeline.cause("p")
    assert [type(error) for _, error, _ in field.heard] == [TypeError]
    assert pipeline.heard() == [1]


# -- others ---------------------------------------------------------------------------------------------------------------


def test_a_map_is_no_argument_of_a_memoized_function(field: Field) -> None:  # LMAP-12
    @coco.fn(memo=True)
    async def memoized(live_map: LiveMap[str, int]) -> None: ...

    async def work() -> None:
        live_map: LiveMap[str, int] = await LiveMap.create()
        with pytest.raises(TypeError, match="Unsupported type for memoization key"):
            await memoized(live_map)
        with pytest.raises(TypeError, match="Unsupported type for memoization key"):
            await coco.mount(memoized, live_map)

    in_component(field, work)


def test_maps_do_not_meet_and_several_producers_may_fill_one(field: Field) -> None:  # LMAP-13
    async def main() -> None:
        one: LiveMap[str, int] = await LiveMap.create()
        two: LiveMap[str, int] = await LiveMap.create()

        async def inner() -> LiveMap[str, int]:
            three: LiveMap[str, int] = await LiveMap.create()
            three.declare_entry("a", 3)
            return three

        async def producer(live_map: LiveMap[str, int], key: str, value: int) -> None:
            live_map.declare_entry(key, value)

        for number, (live_map, key) in enumerate([(one, "a"), (one, "b"), (two, "a")]):
            await (await coco.mount(sub(number), producer, live_map, key, number)).ready()
        three = await coco.use_mount(inner)
        field.log[:] = [await snapshot(live_map) for live_map in (one, two, three)]

    for _ in range(2):
        field.update(main)
        assert field.log == [{"a": 0, "b": 1}, {"a": 2}, {"a": 3}]


def test_a_preview_fills_maps_and_plans_nothing_for_them(field: Field) -> None:  # LMAP-10
    pipeline = Pipeline(field, p={"a": 1, "b": 2})
    pipeline.update()
    assert field.update(pipeline.main, preview=True) == []
    pipeline.wanted["p"] = {"b": 2, "c": 3}
    plan = field.update(pipeline.main, preview=True)
    assert sorted(plan) == [("1", None), ("3", 3)]
    assert field.content == {"1": 1, "2": 2}


def test_a_change_of_a_value_writes_no_records(field: Field) -> None:  # LMAP-02
    pipeline = Pipeline(field, p={"a": 1})
    pipeline.follows = False
    pipeline.begin()
    field.bench.trace.take_events()
    pipeline.wanted["p"] = {"a": 2}
    pipeline.cause("p")
    assert pipeline.entries() == {"a": 2}
    names = [event_name(event) for event in field.bench.trace.take_events()]
    assert names == ["component_started", "pre_committed", "actions_applied", "committed", "component_ready"]
