"""Applying actions: one call per sink at a time, merged, and split down to the culprit (TGT-11..15)."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import Process, current_process

from .bench import Bench, Journal

sub = coco.component_subpath


class Slow(Journal):
    """Its calls take a second, so that others pile up behind the first."""

    def __init__(self) -> None:
        super().__init__()
        self.sink = coco.TargetActionSink.from_async_fn(self._apply_slowly)

    async def _apply_slowly(self, context: coco.ContextProvider, actions: Sequence[tuple[Any, Any]]) -> None:
        await asyncio.sleep(1)
        self._apply(context, actions)


def children(provider: Any, declared: dict[Any, list[Any]]) -> Any:
    """A main function that mounts one child for each, declaring these keys."""

    async def child(keys: list[Any]) -> None:
        for key in keys:
            coco.declare_target_state(provider.target_state(key, 1))

    async def main() -> None:
        await coco.mount_each(child, declared.items())

    return main


def test_while_a_call_is_in_flight_others_wait_and_go_together(bench: Bench) -> None:  # TGT-13
    slow = Slow()
    provider = slow.provider()

    async def child(key: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        coco.declare_target_state(provider.target_state(key, 1))

    async def main() -> None:
        for key, seconds in (("a", 0), ("b", 0.2), ("c", 0.4), ("d", 1.5)):
            await coco.mount(sub(key), child, key, seconds)

    bench.update(bench.app(main))
    assert slow.calls == [[("a", 1)], [("b", 1), ("c", 1)], [("d", 1)]]


@pytest.mark.parametrize("bad", ["a", "c", "e", "g"])
@pytest.mark.parametrize("after", [False, True])
def test_a_failed_merged_call_is_split_until_the_culprit_is_alone(
    bench: Bench, bad: str, after: bool
) -> None:  # TGT-14
    slow = Slow()
    (slow.fail_after if after else slow.fail_before).add(bad)
    declared = {"first": ["first"], **{name: [name, name * 2] for name in "abcdefg"}}
    bench.update(bench.app(children(slow.provider(), declared)))
    assert bench.events("actions_failed", "component_failed") == [
        f'actions_failed /@child/"{bad}"',
        f'component_failed /@child/"{bad}"',
    ]
    good = {key for keys in declared.values() for key in keys} - {bad, bad * 2}
    assert set(slow.content) - {bad, bad * 2} == good
    for call in slow.calls:  # along component boundaries
        names = [key for key, _ in call]
        assert all(name * 2 in names for name in names if len(name) == 1)


def test_several_culprits_fail_alone_and_with_their_own_errors(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    slow = Slow()  # TGT-14
    slow.fail_before = {"b", "e"}
    declared = {"first": ["first"], **{name: [name] for name in "abcdef"}}
    app = bench.app(children(slow.provider(), declared))
    bench.update(app)
    assert sorted(slow.content) == ["a", "c", "d", "f", "first"]
    errors = sorted(str(record.exc_info[1]) for record in caplog.records if record.exc_info)
    assert errors == ["b failed before", "e failed before"]
    slow.fail_before.clear()
    bench.update(app)
    assert sorted(slow.content) == ["a", "b", "c", "d", "e", "f", "first"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_whatever_a_sink_raises_stays_with_its_component(bench: Bench, kind: type[BaseException]) -> None:  # TGT-14
    slow = Slow()

    def before_action(key: Any) -> None:
        if key == "b":
            raise kind

    slow.before_action = before_action
    app = bench.app(children(slow.provider(), {name: [name] for name in "abcd"}))
    bench.update(app)
    assert sorted(slow.content) == ["a", "c", "d"]
    slow.before_action = lambda key: None
    bench.update(app)
    assert sorted(slow.content) == ["a", "b", "c", "d"]


def test_a_sink_that_runs_out_of_items_fails_its_component(bench: Bench) -> None:
    journal = Journal()

    def before_action(key: Any) -> None:
        next(iter(()))

    journal.before_action = before_action
    bench.update(bench.app(children(journal.provider(), {"a": ["a"]})))
    assert bench.events("component_failed") == ['component_failed /@child/"a"']


def test_several_sinks_of_a_component_are_applied_in_turn_without_rollback(bench: Bench) -> None:  # TGT-15
    journals = [Journal() for _ in range(3)]
    providers = [journal.provider(f"test/{n}") for n, journal in enumerate(journals)]
    value = [1]

    async def main() -> None:
        for provider in providers:
            coco.declare_target_state(provider.target_state("k", value[0]))

    app = bench.app(main)
    bench.update(app)
    value[0] = 2
    journals[1].fail_before = {"k"}
    with pytest.raises(OSError, match="k failed before"):
        bench.update(app)
    assert [journal.content["k"] for journal in journals] == [2, 1, 1]
    journals[1].fail_before = set()
    for journal in journals:
        journal.take_asked()
    bench.update(app)
    assert [journal.take_asked() for journal in journals] == [[("k", 2, [1, 2], False)]] * 3
    assert [journal.content["k"] for journal in journals] == [2, 2, 2]


# -- identity --------------------------------------------------------------------------------------------------------------


def apply_one(context: Any, actions: Any) -> None: ...


async def apply_async(context: Any, actions: Any) -> None: ...


def rows_of(context: Any, action: Any) -> Any: ...


def test_equal_callbacks_make_one_sink() -> None:  # TGT-12
    sink = coco.TargetActionSink
    one, bound = sink.from_fn(apply_one), Journal()
    assert one == sink.from_fn(apply_one)
    assert len({one, sink.from_fn(apply_one), sink.from_fn(apply_one, child_handler=rows_of)}) == 2
    assert sink.from_fn(bound._apply) == sink.from_fn(bound._apply)
    assert sink.from_fn(lambda context, actions: None) != sink.from_fn(lambda context, actions: None)
    assert sink.from_async_fn(apply_async) != sink.from_fn(apply_async)  # type: ignore[arg-type]  # wrong kind on purpose
    with pytest.raises(TypeError, match="a sink takes a callable"):
        sink.from_fn(("no", "callable"))  # type: ignore[arg-type]  # wrong on purpose


def test_a_sink_wrapped_anew_for_each_action_still_gets_one_call(bench: Bench) -> None:  # TGT-12, TGT-13
    class Wrapping(Journal):
        def reconcile(self, *args: Any) -> coco.TargetReconcileOutput | None:
            output = super().reconcile(*args)
            return output and output._replace(sink=coco.TargetActionSink.from_fn(self._apply))

    journal = Wrapping()
    bench.update(bench.app(children(journal.provider(), {"a": ["x", "y", "z"]})))
    assert journal.calls == [[("x", 1), ("y", 1), ("z", 1)]]


# -- where sinks run -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_async", [False, True])
def test_a_sink_gets_the_context_and_belongs_to_no_component(bench: Bench, is_async: bool) -> None:  # TGT-11, CTX-03
    journal = Journal()
    provider = journal.provider()
    key = coco.ContextKey[str]("test/resource")
    bench.env.context_provider.provide(key, "resource")
    seen: list[Any] = []

    def look(context: coco.ContextProvider, actions: Any) -> None:
        seen.append(context.get(key))
        with pytest.raises(RuntimeError, match="No ComponentContext available"):
            coco.declare_target_state(provider.target_state("late", 1))
        try:
            seen.append(asyncio.get_running_loop() is bench.loop)
        except RuntimeError:
            seen.append("a thread")

    async def look_async(context: coco.ContextProvider, actions: Any) -> None:
        look(context, actions)

    make = coco.TargetActionSink
    journal.sink = make.from_async_fn(look_async) if is_async else make.from_fn(look)
    bench.update(bench.app(children(provider, {"a": ["a"]})))
    assert seen == ["resource", True if is_async else "a thread"]
    assert bench.events("component_failed") == []


def test_a_stopped_update_ends_its_async_sinks_and_bodies(bench: Bench) -> None:  # APP-09
    slow = Slow()
    provider = slow.provider()
    ended = []

    async def declares() -> None:
        coco.declare_target_state(provider.target_state("k", 1))

    async def waits() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            await asyncio.sleep(1)  # its clean-up takes time
            ended.append("waits")

    async def main() -> None:
        await coco.mount(declares)
        await coco.mount(waits)
        await asyncio.sleep(1000)

    app = bench.app(main)

    async def story() -> None:
        update = asyncio.ensure_future(app.update().result())
        await asyncio.sleep(0.5)
        await app.drop()
        with pytest.raises(RuntimeError, match="Operation cancelled"):
            await update

    bench.run(story())
    assert ended == ["waits"]
    assert slow.content == {}
    assert bench.loop.now_ns < 10 * 10**9


def test_an_update_can_be_stopped_before_a_child_has_begun(bench: Bench) -> None:  # APP-09
    async def child() -> None:
        await asyncio.sleep(1000)

    async def main() -> None:
        await coco.mount(child)
        coco.get_component_context().component.run.interrupt()
        await asyncio.sleep(1000)

    with pytest.raises(RuntimeError, match="Operation cancelled"):
        bench.update(bench.app(main))
    assert bench.loop.now_ns == 0


# -- on real threads -------------------------------------------------------------------------------------------------------


def test_whoever_stops_an_update_does_not_meet_a_sync_sink_still_at_work(tmp_path: Path) -> None:  # APP-09
    entered, gate = asyncio.Event(), threading.Event()
    order = []

    loops: list[asyncio.AbstractEventLoop] = []

    class Blocking(Journal):
        def _apply(self, context: coco.ContextProvider, actions: Sequence[tuple[Any, Any]]) -> None:
            order.append("enters")
            loops[0].call_soon_threadsafe(entered.set)
            gate.wait(timeout=60)
            order.append("leaves")

    async def story() -> None:
        loops.append(asyncio.get_running_loop())
        environment = coco.Environment(coco.Settings(db_path=tmp_path / "state"))
        app: coco.App[..., None] = coco.App(
            coco.AppConfig("app", environment), children(Blocking().provider(), {"a": ["a"]})
        )
        update = asyncio.ensure_future(app.update().result())
        await entered.wait()
        drop = asyncio.ensure_future(app.drop())
        for _ in range(2000):  # time enough for the drop to enter, did it not wait
            await asyncio.sleep(0)
        gate.set()
        await drop
        with pytest.raises(RuntimeError, match="Operation cancelled"):
            await update
        environment.close()

    with Process(current_process().ports).active():
        asyncio.run(story())
    assert order == ["enters", "leaves"] * 2


@pytest.mark.parametrize("where", ["body", "sink"])
def test_a_thread_that_runs_out_of_items_does_not_hang_the_update(tmp_path: Path, where: str) -> None:
    class Empty(Journal):
        def _apply(self, context: coco.ContextProvider, actions: Sequence[tuple[Any, Any]]) -> None:
            next(iter(()))

    def main() -> None:
        if where == "body":
            next(iter(()))
        coco.declare_target_state(provider.target_state("k", 1))

    with Process(current_process().ports).active():
        provider = Empty().provider()
        environment = coco.Environment(coco.Settings(db_path=tmp_path / "state"))
        with pytest.raises(RuntimeError, match="StopIteration"):
            coco.App(coco.AppConfig("app", environment), main).update_blocking()
        environment.close()
