"""Goal: coroutines written for asyncio run unchanged on the virtual loop, in every order, and leave nothing behind."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import gc
import logging
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

import pytest

from cocoindex_sim.values import FenceError
from cocoindex_sim.world._loop import VirtualLoop
from cocoindex_sim.world._policy import Fifo, Policy, SeededRandom
from cocoindex_sim.world._streams import Streams

SEEDS = range(20)


def run_all(main: Callable[[], Awaitable[Any]]) -> list[Any]:
    """The results under asyncio's order and a handful of others."""
    results = []
    policies: list[Policy] = [Fifo(), *(SeededRandom(Streams(seed).schedule) for seed in SEEDS)]
    for policy in policies:
        loop = VirtualLoop(policy)
        try:
            results.append(loop.run_until_complete(main()))
        finally:
            loop.close()
    return results


def assert_always(main: Callable[[], Awaitable[Any]], expected: object) -> None:
    assert run_all(main) == [expected] * (len(SEEDS) + 1)


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    hooks, collecting = sys.get_asyncgen_hooks(), gc.isenabled()
    yield
    assert asyncio._get_running_loop() is None
    assert sys.get_asyncgen_hooks() == hooks
    assert gc.isenabled() == collecting


# --- what asyncio offers ---


def test_timeout_ends_what_takes_too_long() -> None:
    async def main() -> tuple[str, float]:
        try:
            async with asyncio.timeout(2):
                await asyncio.sleep(3600)
        except TimeoutError:
            return "timed out", asyncio.get_running_loop().time()
        return "never", 0

    assert_always(main, ("timed out", 2.0))


def test_wait_for_gives_the_result_or_cancels() -> None:
    async def main() -> list[object]:
        cancelled = []

        async def slow() -> None:
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                cancelled.append(asyncio.get_running_loop().time())
                raise

        quick = await asyncio.wait_for(asyncio.sleep(1, "done"), 2)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(slow(), 5)
        return [quick, cancelled]

    assert_always(main, ["done", [6.0]])


def test_a_task_group_cancels_the_others_when_one_fails() -> None:
    async def main() -> tuple[list[str], str]:
        log = []

        async def member(name: str) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                log.append(name)

        async def failing() -> None:
            await asyncio.sleep(1)
            raise ValueError("no")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(member("a"))
                group.create_task(failing())
                group.create_task(member("b"))
        except ExceptionGroup as errors:
            return sorted(log), repr(errors.exceptions)
        raise AssertionError

    assert_always(main, (["a", "b"], "(ValueError('no'),)"))


def test_queue_lock_semaphore_condition_and_event_work_together() -> None:
    async def main() -> tuple[list[int], int]:
        queue: asyncio.Queue[int] = asyncio.Queue(3)
        lock, condition, inside, most = asyncio.Lock(), asyncio.Condition(), 0, 0
        taken: list[int] = []

        async def take() -> None:
            nonlocal inside, most
            while True:
                item = await queue.get()
                async with lock:
                    inside += 1
                    most = max(most, inside)
                    await asyncio.sleep(0.01)
                    inside -= 1
                taken.append(item)
                async with condition:
                    condition.notify_all()
                queue.task_done()

        takers = [asyncio.create_task(take()) for _ in range(3)]
        for i in range(10):
            await queue.put(i)
        async with condition:
            await condition.wait_for(lambda: len(taken) == 10)
        await queue.join()
        for taker in takers:
            taker.cancel()
        await asyncio.gather(*takers, return_exceptions=True)
        return sorted(taken), most

    assert_always(main, (list(range(10)), 1))


def test_cancellation_reaches_the_innermost_await_and_can_be_shielded() -> None:
    async def main() -> list[str]:
        log = []

        async def inner() -> None:
            await asyncio.sleep(5)
            log.append("inner ended")

        async def outer() -> None:
            try:
                await asyncio.shield(inner_task)
            except asyncio.CancelledError:
                log.append("outer cancelled")
                raise

        inner_task = asyncio.create_task(inner())
        outer_task = asyncio.create_task(outer())
        await asyncio.sleep(1)
        outer_task.cancel()
        await asyncio.wait([outer_task])
        await inner_task
        return log

    assert_always(main, ["outer cancelled", "inner ended"])


def test_an_abandoned_async_generator_is_closed_on_the_loop() -> None:
    async def main() -> list[str]:
        log = []

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(1)
                log.append("closed")

        async for _ in numbers():
            break
        await asyncio.sleep(2)
        return log

    assert_always(main, ["closed"])


def test_shutdown_asyncgens_closes_them_in_the_order_they_began() -> None:
    log: list[int] = []

    async def numbers(i: int) -> AsyncIterator[int]:
        try:
            yield i
        finally:
            log.append(i)

    async def main() -> list[AsyncIterator[int]]:
        kept = [numbers(i) for i in range(20)]
        for one in kept:
            await anext(one)
        return kept

    loop = VirtualLoop()
    kept = loop.run_until_complete(main())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()
    assert log == list(range(len(kept)))


def test_asyncio_runner_takes_the_loop() -> None:
    async def main() -> float:
        await asyncio.to_thread(len, "abc")
        await asyncio.sleep(100)
        return asyncio.get_running_loop().time()

    before = time.monotonic()
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == 100
        assert runner.run(main()) == 200
    assert time.monotonic() - before < 10


def test_task_names_count_per_loop() -> None:
    async def main() -> list[str]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(2)]
        named = asyncio.create_task(asyncio.sleep(0), name="mine")
        await asyncio.wait([*tasks, named])
        return [task.get_name() for task in (*tasks, named)]

    assert_always(main, ["Task-2", "Task-3", "mine"])


def test_task_factories_and_contexts_are_honoured() -> None:
    variable = contextvars.ContextVar("variable", default="default")

    async def read() -> str:
        return variable.get()

    async def main() -> list[object]:
        loop = asyncio.get_running_loop()
        variable.set("main")
        empty = contextvars.Context()
        made = []

        def factory(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> asyncio.Task[Any]:
            made.append(coro.__name__)
            return asyncio.Task(coro, loop=loop, **options)

        loop.set_task_factory(factory)
        values = [await loop.create_task(read()), await loop.create_task(read(), context=empty)]
        assert loop.get_task_factory() is factory
        loop.set_task_factory(None)
        called: list[str] = []
        loop.call_soon(lambda: called.append(variable.get()), context=empty)
        loop.call_later(0, lambda: called.append(variable.get()))
        await asyncio.sleep(1)
        return [*values, *called, made]

    assert_always(main, ["main", "default", "default", "main", ["read", "read"]])


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_run_at_once() -> None:
    async def main() -> list[str]:
        log = []

        async def write(text: str) -> None:
            log.append(text)
            await asyncio.sleep(0)
            log.append(text)

        loop = asyncio.get_running_loop()
        loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined, unused-ignore]  # 3.12
        task = loop.create_task(write("eager"))
        log.append("main")
        await task
        return log

    assert_always(main, ["eager", "main", "eager"])


# --- errors nobody awaits ---


def test_an_error_in_a_callback_reaches_the_handler_and_the_loop_goes_on() -> None:
    loop = VirtualLoop()
    seen: list[dict[str, Any]] = []
    log: list[str] = []
    loop.set_exception_handler(lambda _, context: seen.append(context))
    loop.call_soon(int, "x")
    loop.call_soon(log.append, "after")
    loop.settle()
    assert log == ["after"]
    assert [(context["message"], type(context["exception"])) for context in seen] == [
        ("Exception in callback int", ValueError)
    ]


def test_without_a_handler_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    loop = VirtualLoop()
    loop.call_soon(int, "x")
    with caplog.at_level(logging.ERROR, "asyncio"):
        loop.settle()
    assert caplog.records[0].getMessage().startswith("Exception in callback int")


def test_a_failing_handler_is_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    loop = VirtualLoop()
    loop.set_exception_handler(lambda _, context: 1 / 0)
    loop.call_soon(int, "x")
    loop.settle()
    assert caplog.records[0].getMessage().startswith("Unhandled error in exception handler")


def test_an_exception_never_retrieved_is_reported_when_its_task_goes() -> None:
    async def fail() -> None:
        raise ValueError("lost")

    async def main() -> None:
        asyncio.create_task(fail())  # noqa: RUF006  to be lost is the point
        await asyncio.sleep(1)

    loop = VirtualLoop()
    seen: list[str] = []
    loop.set_exception_handler(lambda _, context: seen.append(context["message"]))
    loop.run_until_complete(main())
    assert seen == ["Task exception was never retrieved"]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_leaving_the_program_goes_through_the_loop(kind: type[BaseException]) -> None:
    async def leave() -> None:
        await asyncio.sleep(1)
        raise kind

    loop = VirtualLoop()
    with pytest.raises(kind):
        loop.run_until_complete(leave())
    assert not loop.is_running()
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.close()


# --- where a loop may not be used ---


def test_a_running_loop_is_not_entered_again_nor_another_inside_it() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        assert loop.is_running()
        for call in (loop.settle, loop.step, loop.run_forever):
            with pytest.raises(RuntimeError, match="already running"):
                call()
        with pytest.raises(RuntimeError, match="another loop is running"):
            VirtualLoop().settle()
        with pytest.raises(RuntimeError, match="Cannot close"):
            loop.close()
        with pytest.raises(RuntimeError, match=r"halt\(\)"):
            loop.close_abruptly()

    VirtualLoop().run_until_complete(main())


def test_a_closed_loop_refuses_everything_but_close() -> None:
    loop = VirtualLoop()
    loop.close()
    loop.close()
    assert loop.is_closed()
    coroutine = asyncio.sleep(0)
    for call in (
        lambda: loop.call_soon(print),
        lambda: loop.call_later(1, print),
        lambda: loop.call_soon_threadsafe(print),
        lambda: loop.create_task(coroutine),
        lambda: loop.run_in_executor(None, print),
        loop.settle,
    ):
        with pytest.raises(RuntimeError, match="Event loop is closed"):
            call()
    coroutine.close()


FENCED = [
    name
    for name in dir(asyncio.AbstractEventLoop)
    if not name.startswith("_")
    and name.startswith(("sock_", "create_", "connect_", "add_", "remove_", "subprocess_", "send", "start_", "get"))
    and name not in {"create_future", "create_task", "get_debug", "get_exception_handler", "get_task_factory"}
]


@pytest.mark.parametrize("name", FENCED)
def test_what_leaves_the_simulation_raises_and_names_the_call(name: str) -> None:
    assert len(FENCED) >= 29
    with pytest.raises(FenceError, match=rf"loop\.{name}\(\) leaves the simulation"):
        getattr(VirtualLoop(), name)()


def test_no_method_of_the_interface_is_missing() -> None:
    missing = [
        name
        for name in dir(asyncio.AbstractEventLoop)
        if not name.startswith("_") and getattr(VirtualLoop, name) is getattr(asyncio.AbstractEventLoop, name)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "leave",
    [
        lambda: asyncio.open_connection("localhost", 80),
        lambda: asyncio.start_server(print, "localhost", 0),
        lambda: asyncio.create_subprocess_exec("true"),
        lambda: asyncio.create_subprocess_shell("true"),
    ],
)
def test_asyncio_calls_that_need_an_outside_raise(leave: Callable[[], Awaitable[object]]) -> None:
    async def main() -> None:
        with pytest.raises(FenceError):
            await leave()

    VirtualLoop().run_until_complete(main())


def test_a_real_thread_is_fenced_by_name() -> None:
    loop, seen = VirtualLoop(), []
    turn = threading.Lock()
    turn.acquire()

    def outside() -> None:
        with turn:
            try:
                loop.call_soon_threadsafe(print)
            except FenceError as error:
                seen.append(str(error))

    thread = threading.Thread(target=outside, name="stranger")
    thread.start()

    async def main() -> list[str]:
        turn.release()
        thread.join()
        return seen

    (text,) = loop.run_until_complete(main())
    assert "'stranger'" in text
    assert "print" in text


# --- executors ---


def test_to_thread_runs_at_a_step_without_a_running_loop_but_with_the_callers_context() -> None:
    variable = contextvars.ContextVar("variable", default="default")

    def body() -> tuple[str, bool, str]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        seen = variable.get()
        variable.set("inside")
        return seen, threading.current_thread() is threading.main_thread(), variable.get()

    def plain_body() -> str:
        return variable.get()

    async def main() -> tuple[object, ...]:
        variable.set("caller")
        return (
            *await asyncio.to_thread(body),
            variable.get(),
            await asyncio.get_running_loop().run_in_executor(None, plain_body),
        )

    assert_always(main, ("caller", True, "inside", "caller", "default"))


def test_a_body_is_delayed_past_other_tasks_by_some_seeds() -> None:
    async def main() -> tuple[str, ...]:
        log: list[str] = []

        async def other() -> None:
            log.append("task")

        await asyncio.gather(asyncio.to_thread(log.append, "body"), other())
        return tuple(log)

    assert set(run_all(main)) == {("body", "task"), ("task", "body")}


def test_what_a_body_raises_reaches_the_caller() -> None:
    class Odd(BaseException):
        pass

    def throw(error: BaseException) -> None:
        raise error

    async def main() -> None:
        for error in (ValueError("v"), Odd(), asyncio.CancelledError("c")):
            with pytest.raises(type(error)):
                await asyncio.to_thread(throw, error)
        with pytest.raises(asyncio.CancelledError, match="from futures"):
            await asyncio.to_thread(throw, concurrent.futures.CancelledError("from futures"))
        with pytest.raises(RuntimeError, match="StopIteration interacts badly") as caught:
            await asyncio.to_thread(next, iter([]))
        assert isinstance(caught.value.__cause__, StopIteration)

    run_all(main)


def test_a_body_runs_although_its_future_was_cancelled() -> None:
    async def main() -> list[str]:
        log: list[str] = []
        future = asyncio.get_running_loop().run_in_executor(None, log.append, "ran")
        future.cancel()
        with pytest.raises(asyncio.CancelledError):
            await future
        await asyncio.sleep(1)
        return log

    assert_always(main, ["ran"])


def test_an_executor_with_one_worker_keeps_the_order_and_drops_what_was_cancelled_before_it_began() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as executor:

        async def main() -> list[int]:
            log: list[int] = []
            loop = asyncio.get_running_loop()
            futures = [loop.run_in_executor(executor, log.append, i) for i in range(6)]
            futures[3].cancel()
            await asyncio.wait(futures)
            await asyncio.gather(*(future for future in futures if not future.cancelled()))
            return log

        assert_always(main, [0, 1, 2, 4, 5])


def test_executors_that_can_not_be_simulated_are_fenced() -> None:
    loop = VirtualLoop()
    with pytest.raises(FenceError, match="ProcessPoolExecutor"):
        loop.run_in_executor(concurrent.futures.ProcessPoolExecutor(1), print)
    with pytest.raises(FenceError, match="initializer"):
        loop.run_in_executor(concurrent.futures.ThreadPoolExecutor(1, initializer=print), print)
    with pytest.raises(TypeError, match="ThreadPoolExecutor"):
        loop.set_default_executor(concurrent.futures.ProcessPoolExecutor(1))
    stopped = concurrent.futures.ThreadPoolExecutor(1)
    stopped.shutdown()
    with pytest.raises(RuntimeError, match="after shutdown"):
        loop.run_in_executor(stopped, print)


def test_the_default_executor_finishes_its_work_and_then_refuses() -> None:
    async def main() -> list[int]:
        log: list[int] = []
        loop = asyncio.get_running_loop()
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(2))
        for i in range(5):
            loop.run_in_executor(None, log.append, i)
        await loop.shutdown_default_executor()
        with pytest.raises(RuntimeError, match="shutdown"):
            loop.run_in_executor(None, print)
        return sorted(log)

    assert_always(main, [0, 1, 2, 3, 4])


def test_a_body_may_call_back_but_not_wait_for_the_loop() -> None:
    async def main() -> list[str]:
        log: list[str] = []
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)

        def body() -> None:
            loop.call_soon_threadsafe(log.append, "called back")
            coroutine = asyncio.sleep(0)
            with pytest.raises(FenceError, match="run_coroutine_threadsafe"):
                asyncio.run_coroutine_threadsafe(coroutine, loop)
            coroutine.close()
            with pytest.raises(FenceError, match="run the loop"):
                loop.settle()

        await asyncio.to_thread(body)
        await asyncio.sleep(0)
        return log

    assert_always(main, ["called back"])
