"""Goal: children share tasks as long as they need not wait, and no code can tell."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.values import CocoSimError

from .bench import Bench, Journal

seen: ContextVar[str] = ContextVar("seen", default="")


class Tasks:
    """Children that note which task they run in, at their beginning and at their end."""

    def __init__(self, bench: Bench) -> None:
        self.first: dict[str, Any] = {}
        self.last: dict[str, Any] = {}
        self.waits: set[str] = set()

        async def child(name: str) -> None:
            self.first[name] = asyncio.current_task()
            assert seen.get() == "main"
            seen.set(name)
            if name in self.waits:
                await asyncio.sleep(1)
                await asyncio.sleep(0)
            assert seen.get() == name
            self.last[name] = asyncio.current_task()

        async def main() -> None:
            seen.set("main")
            await coco.mount_each(child, [(name, name) for name in "abcde"])

        self.app = bench.app(main)


def test_children_that_need_not_wait_share_a_task(bench: Bench) -> None:
    tasks = Tasks(bench)
    bench.update(tasks.app)
    assert tasks.first == tasks.last
    assert len(set(tasks.first.values())) == 1


def test_code_stays_in_one_task_and_one_context_from_its_beginning_to_its_end(bench: Bench) -> None:
    tasks = Tasks(bench)
    tasks.waits = {"b", "d"}
    bench.update(tasks.app)
    assert tasks.first == tasks.last
    assert tasks.first["b"] != tasks.first["d"]
    assert tasks.first["c"] != tasks.first["b"]


def test_each_child_has_a_task_of_its_own_where_the_loop_is_to_decide(bench: Bench) -> None:
    bench.process.ports = replace(bench.process.ports, bodies_at_once=1)
    tasks = Tasks(bench)
    bench.update(tasks.app)
    assert len(set(tasks.first.values())) == 5


def test_many_children_leave_turns_to_other_tasks(bench: Bench) -> None:
    bench.process.ports = replace(bench.process.ports, bodies_at_once=3)
    tasks = Tasks(bench)
    bench.update(tasks.app)
    assert len(set(tasks.first.values())) == 2


def test_a_deadline_of_asyncio_holds_for_one_child_alone(bench: Bench) -> None:
    ended: list[str] = []

    async def child(name: str) -> None:
        if name == "slow":
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1):
                    await asyncio.sleep(10)
        ended.append(name)

    async def main() -> None:
        await coco.mount_each(child, [(name, name) for name in ("slow", "b", "c")])

    bench.update(bench.app(main))
    assert sorted(ended) == ["b", "c", "slow"]


def test_a_child_that_cancels_its_own_task_ends_no_other(bench: Bench) -> None:  # CMP-23
    ended: list[str] = []

    async def child(name: str) -> None:
        if name == "b":
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
        else:
            await asyncio.sleep(0)
        ended.append(name)

    async def main() -> None:
        await coco.mount_each(child, [(name, name) for name in "abcd"])

    bench.update(bench.app(main))
    assert sorted(ended) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("at_once", [1, 1024])
def test_what_has_not_begun_when_a_run_is_interrupted_never_begins(bench: Bench, at_once: int) -> None:
    bench.process.ports = replace(bench.process.ports, bodies_at_once=at_once)
    began: list[str] = []
    told: list[BaseException | None] = []

    async def child(name: str) -> None:
        began.append(name)

    async def main() -> None:
        for name in "abc":
            handle = await coco.mount(coco.component_subpath(name), child, name)
            handle.when_ready(told.append)
        app.interrupt()
        await asyncio.sleep(1)

    app = bench.app(main)

    async def first() -> None:
        await coco.mount(coco.component_subpath("a"), child, "a")

    with pytest.raises(CocoSimError, match="Operation cancelled"):
        bench.update(app)
    assert len(told) == 3
    assert all(isinstance(one, asyncio.CancelledError) for one in told[len(began) :])


@pytest.mark.parametrize("moment", ["pre_committed", "actions_applied"])
def test_a_run_that_is_interrupted_on_the_way_of_its_components_ends_and_the_next_one_converges(
    bench: Bench, moment: str
) -> None:  # DUR-03
    journal = Journal()
    target = coco.register_root_target_states_provider("t", journal)
    told: list[BaseException | None] = []

    @coco.fn(memo=True)
    async def child(name: str) -> None:
        coco.declare_target_state(target.target_state(name, name))

    async def main() -> None:
        for name in "abc":
            handle = await coco.mount(coco.component_subpath(name), child, name)
            handle.when_ready(told.append)

    app = bench.app(main)

    class Interrupting:
        def on_event(self, one: Any) -> None:
            if moment.replace("_", "") in type(one).__name__.lower() and not told:
                app.interrupt()
                told.append(None)

    watcher = Interrupting()
    bench.process.observers.append(watcher)
    with pytest.raises(CocoSimError, match="Operation cancelled"):
        bench.update(app)
    assert len(told) == 4  # nobody waits in vain
    bench.process.observers.remove(watcher)
    bench.update(app)
    assert journal.content == {"a": "a", "b": "b", "c": "c"}
