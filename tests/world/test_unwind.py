"""Goal: a loop that is closed abruptly ends everything, runs nothing more, and nobody hears of it afterwards."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from cocoindex_sim.world._loop import VirtualLoop
from cocoindex_sim.world._policy import SeededRandom
from cocoindex_sim.world._streams import Streams


@pytest.fixture(autouse=True)
def nobody_hears_of_it(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    heard: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", heard.append)
    yield
    gc.collect()
    assert heard == []
    assert caplog.records == []
    assert asyncio._get_running_loop() is None


def start(loop: VirtualLoop, *coroutines: Any) -> list[asyncio.Task[Any]]:
    tasks = [loop.create_task(coroutine) for coroutine in coroutines]
    loop.settle()
    return tasks


def test_every_coroutine_is_closed_oldest_first_and_asyncio_forgets_the_tasks() -> None:
    log: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        try:
            await asyncio.sleep(seconds)
            log.append("never")
        finally:
            log.append(name)

    loop = VirtualLoop()
    tasks = start(loop, *(wait(name, 1) for name in "abc"))
    tasks += [loop.create_task(wait("not started", 1))]
    loop.close_abruptly()
    assert log == ["a", "b", "c"]
    assert loop.is_closed()
    assert asyncio.all_tasks(loop) == set()
    assert loop.pending_tasks() == []
    loop.close_abruptly()
    loop.close()


def test_finally_blocks_may_use_the_loop_but_nothing_they_queue_runs() -> None:
    log: list[str] = []

    async def later() -> None:
        log.append("never")

    async def unwind() -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_future()
        finally:
            loop.call_soon(log.append, "never")
            loop.call_later(0, log.append, "never")
            loop.run_in_executor(None, log.append, "never")
            asyncio.create_task(later())  # noqa: RUF006  to be lost is the point
            log.append("unwound")

    loop = VirtualLoop()
    start(loop, unwind())
    loop.close_abruptly()
    assert log == ["unwound"]


def test_finally_blocks_that_wait_are_thrown_out_of_every_wait() -> None:
    log: list[str] = []

    async def stubborn() -> None:
        try:
            await asyncio.sleep(1)
        finally:
            for i in range(3):
                try:
                    await asyncio.sleep(1)
                finally:
                    log.append(str(i))

    loop = VirtualLoop()
    start(loop, stubborn())
    loop.close_abruptly()
    assert log == ["0"]


def test_errors_while_unwinding_are_dropped() -> None:
    async def failing(kind: type[BaseException]) -> None:
        try:
            await asyncio.sleep(1)
        finally:
            raise kind("while unwinding")

    loop = VirtualLoop()
    start(loop, *(failing(kind) for kind in (ValueError, RuntimeError, SystemExit, asyncio.CancelledError)))
    loop.close_abruptly()
    assert loop.is_closed()


def test_a_group_a_timeout_a_lock_and_a_queue_in_use_do_not_complain() -> None:
    async def busy(queue: asyncio.Queue[int], lock: asyncio.Lock, condition: asyncio.Condition) -> None:
        async def wait() -> None:
            async with lock, asyncio.timeout(50), condition:
                await asyncio.gather(queue.get(), asyncio.wait_for(queue.get(), 10), asyncio.to_thread(print))

        async with asyncio.TaskGroup() as group:
            for _ in range(3):
                group.create_task(wait())

    for seed in range(20):
        loop = VirtualLoop(SeededRandom(Streams(seed).schedule))
        loop.create_task(busy(asyncio.Queue(), asyncio.Lock(), asyncio.Condition()))
        for _ in range(seed):
            loop.step()
        loop.close_abruptly()


def test_an_async_generator_is_closed_and_one_that_waits_inside_is_dropped() -> None:
    log: list[str] = []

    async def numbers(name: str, wait: bool) -> AsyncIterator[int]:
        try:
            yield 1
            if wait:
                await asyncio.sleep(10)
            yield 2
        finally:
            log.append(name)
            await asyncio.sleep(1)
            log.append("never")

    held = numbers("held", wait=False)

    async def read(numbers: AsyncIterator[int]) -> None:
        await anext(numbers)

    async def read_all(numbers: AsyncIterator[int]) -> None:
        async for _ in numbers:
            pass

    loop = VirtualLoop()
    start(loop, read(held), read_all(numbers("waiting", wait=True)))
    loop.close_abruptly()
    assert "held" in log
    assert "never" not in log


def test_an_unretrieved_exception_and_a_coroutine_nobody_awaited_stay_silent() -> None:
    async def fail() -> None:
        raise ValueError("lost")

    async def hold() -> None:
        coroutine = fail()
        task = asyncio.create_task(fail())
        await asyncio.sleep(1)
        await coroutine
        await task

    loop = VirtualLoop()
    start(loop, hold())
    loop.close_abruptly()


def test_nothing_keeps_the_loop_alive() -> None:
    loop = VirtualLoop()
    start(loop, asyncio.sleep(1))
    loop.close_abruptly()
    ref = weakref.ref(loop)
    del loop
    gc.collect()
    assert ref() is None


def test_a_crash_in_the_middle_of_a_step() -> None:
    log: list[str] = []

    async def crash() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        try:
            loop.halt()
            log.append("the step goes on")
            await asyncio.sleep(0)
            log.append("never")
        finally:
            log.append("closed")

    async def other() -> None:
        log.append("never")

    loop = VirtualLoop()
    loop.create_task(crash())
    loop.create_task(other())
    loop.run_until(lambda: False)
    assert log == ["the step goes on"]
    loop.close_abruptly()
    assert log == ["the step goes on", "closed"]


def test_the_successor_goes_on_where_the_dead_loop_stopped() -> None:
    async def three() -> None:
        await asyncio.gather(*(asyncio.sleep(1) for _ in range(3)))

    loop = VirtualLoop(SeededRandom(Streams(1).schedule), start_ns=5, steps_max=1000, time_ns_max=10**12)
    loop.create_task(three())
    loop.advance(10**9)
    loop.close_abruptly()
    following = loop.successor()
    assert (following.now_ns, following.steps) == (10**9 + 5, loop.steps)
    assert (following.steps_max, following.time_ns_max, following.policy) == (1000, 10**12, loop.policy)
    before = len(loop.choices)
    following.run_until_complete(three())
    assert following.choices is loop.choices
    assert len(loop.choices) > before > 0
