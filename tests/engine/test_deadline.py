"""Goal: a deadline stops work from beginning and results from being delivered, and reaches only what it should (TMO)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal

SECOND = timedelta(seconds=1)


@coco.fn
async def sleeps(seconds: float = 0) -> str:
    await asyncio.sleep(seconds)
    return "slept"


@coco.fn
def instant() -> str:
    return "now"


def run_root(bench: Bench, body: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    @coco.fn
    async def main() -> Any:
        return await body()

    return bench.update(bench.app(main), **options)


def test_a_timeout_takes_a_duration_of_zero_or_more(bench: Bench) -> None:  # TMO-01
    with pytest.raises(TypeError, match="takes a timedelta, got 5"), coco.timeout(5):  # type: ignore[arg-type]
        pass
    with pytest.raises(ValueError, match="zero or more"), coco.timeout(-SECOND):
        pass
    with coco.timeout(timedelta(0)):
        coco.check_cancellation()  # expired means strictly later


def test_the_earlier_of_nested_deadlines_counts_and_the_outer_one_comes_back(bench: Bench) -> None:  # TMO-01
    async def body() -> None:
        with coco.timeout(3 * SECOND):
            with coco.timeout(SECOND), coco.timeout(9 * SECOND):
                await asyncio.sleep(2)
                with pytest.raises(coco.DeadlineExceededError):
                    coco.check_cancellation()
            coco.check_cancellation()
            await asyncio.sleep(2)
            with pytest.raises(TimeoutError, match="deadline"):
                coco.check_cancellation()
        coco.check_cancellation()

    run_root(bench, body)


async def call_in_thread() -> None:
    await asyncio.to_thread(instant)


CALLS: dict[str, Callable[[], Awaitable[Any]]] = {
    "async function": sleeps,
    "sync function": lambda: asyncio.sleep(0, instant()),
    "sync function on a thread": call_in_thread,
    "mount": lambda: coco.mount(coco.component_subpath("a"), sleeps),
    "use_mount": lambda: coco.use_mount(coco.component_subpath("a"), sleeps),
    "mount_each": lambda: coco.mount_each(coco.component_subpath("a"), sleeps, []),
    "map": lambda: coco.map(sleeps, []),
}


@pytest.mark.parametrize("call", CALLS)
def test_nothing_begins_once_the_time_is_over(bench: Bench, call: str) -> None:  # TMO-02
    async def body() -> None:
        with coco.timeout(SECOND):
            await asyncio.sleep(2)
            with pytest.raises(coco.DeadlineExceededError):
                await CALLS[call]()

    run_root(bench, body)
    assert not bench.events("component_mounted")


def test_ready_does_not_wait_beyond_the_deadline_it_begins_after(bench: Bench) -> None:  # TMO-02
    async def body() -> None:
        handle = await coco.mount(coco.component_subpath("a"), sleeps)
        with coco.timeout(SECOND):
            await asyncio.sleep(2)
            with pytest.raises(coco.DeadlineExceededError):
                await handle.ready()

    run_root(bench, body)


LATE: dict[str, Callable[[], Awaitable[Any]]] = {
    "function": lambda: sleeps(2),
    "use_mount": lambda: coco.use_mount(coco.component_subpath("a"), sleeps, 2),
    "map": lambda: coco.map(sleeps, [0, 2]),
}


@pytest.mark.parametrize("call", LATE)
def test_a_result_that_comes_too_late_is_not_delivered(bench: Bench, call: str) -> None:  # TMO-03
    async def body() -> None:
        with coco.timeout(SECOND), pytest.raises(coco.DeadlineExceededError):
            await LATE[call]()
        with coco.timeout(3 * SECOND):
            await sleeps(2)

    run_root(bench, body)


def test_background_children_sinks_and_later_calls_do_not_inherit_it(bench: Bench) -> None:  # TMO-04
    journal = Journal()
    provider = journal.provider()
    ran: list[str] = []

    @coco.fn
    async def child(name: str) -> None:
        await asyncio.sleep(2)
        coco.check_cancellation()
        ran.append(name)
        coco.declare_target_state(provider.target_state(name, 1))

    async def body() -> None:
        with coco.timeout(SECOND):
            await coco.mount(coco.component_subpath("mounted"), child, "mounted")
            await coco.mount_each(child, [("each", "each")])
            with pytest.raises(coco.DeadlineExceededError):
                await coco.use_mount(coco.component_subpath("used"), child, "used")

    run_root(bench, body)
    assert sorted(ran) == ["each", "mounted"]
    assert journal.content == {"mounted": 1, "each": 1}


def test_the_root_inherits_the_deadline_of_whoever_called_update(bench: Bench) -> None:  # TMO-04
    journal = Journal()
    provider = journal.provider()

    @coco.fn
    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))
        await asyncio.sleep(2)

    app = bench.app(main)
    with coco.timeout(SECOND):
        handle = app.update()
    with pytest.raises(coco.DeadlineExceededError):
        bench.run(handle.result())
    assert journal.calls == []  # TMO-05: an overrun body applies nothing
    bench.update(app)
    assert journal.content == {"k": 1}


def test_an_overrun_in_the_sinks_raises_and_the_commit_stands(bench: Bench) -> None:  # TMO-05
    class Slow(Journal):
        def __init__(self) -> None:
            super().__init__()
            self.sink = coco.TargetActionSink.from_async_fn(self._slowly)

        async def _slowly(self, context: coco.ContextProvider, actions: Any) -> None:
            coco.check_cancellation()
            await asyncio.sleep(2)
            self._apply(context, actions)

    journal = Slow()
    provider = journal.provider()

    @coco.fn
    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))

    app = bench.app(main)
    with coco.timeout(SECOND):
        handle = app.update()
    with pytest.raises(coco.DeadlineExceededError):
        bench.run(handle.result())
    assert journal.content == {"k": 1}
    bench.update(app)
    assert len(journal.calls) == 1


def test_a_child_whose_parent_gave_up_waiting_finishes(bench: Bench) -> None:  # TMO-05
    ran: list[str] = []

    @coco.fn
    async def child() -> None:
        await asyncio.sleep(2)
        ran.append("child")

    async def body() -> None:
        handle = await coco.mount(coco.component_subpath("a"), child)
        with coco.timeout(SECOND), pytest.raises(coco.DeadlineExceededError):
            await handle.ready()

    run_root(bench, body)
    assert ran == ["child"]


def test_a_task_that_was_asked_to_end_notices(bench: Bench) -> None:
    async def worker() -> None:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            coco.check_cancellation()

    async def scenario() -> None:
        task = asyncio.ensure_future(worker())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    bench.run(scenario())
