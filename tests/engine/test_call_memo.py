"""Goal: an inline memoized call runs once per key, component and change; reused, it is as if it had run."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cocoindex_sim as coco
from cocoindex_sim.values import DeserializationError
from cocoindex_sim.world import SeededRandom

from .bench import Bench, Journal


class Ran(list[Any]):
    """What ran since the last look."""

    def take(self) -> list[Any]:
        taken = sorted(self)
        self.clear()
        return taken


class Point(NamedTuple):
    x: int


def test_a_second_run_reuses_values_and_states(bench: Bench) -> None:
    # FN-08, FN-18
    journal = Journal()
    provider = journal.provider()
    inner_ran = []

    @coco.fn(memo=True)
    def inner(x: int) -> None:
        inner_ran.append(x)

    @coco.fn(memo=True)
    def f(x: int) -> Point:
        inner(x)
        coco.declare_target_state(provider.target_state(f"k{x}", x))
        return Point(x)

    def main() -> list[Point]:
        return [f(1), f(2)]

    app = bench.app(main)
    assert bench.update(app) == [Point(1), Point(2)]
    journal.take_asked()
    bench.events()
    assert bench.update(app) == [Point(1), Point(2)]
    assert bench.events("function_started", "function_reused") == ["function_reused /", "function_reused /"]
    assert inner_ran == [1, 2]
    assert journal.take_asked() == []  # not even asked
    assert journal.content == {"k1": 1, "k2": 2}


def test_a_call_that_is_not_made_any_more_takes_its_states_along(bench: Bench) -> None:
    # FN-08, FN-11
    journal = Journal()
    provider = journal.provider()
    ran = []
    wanted = [1, 2]

    @coco.fn(memo=True)
    def f(x: int) -> None:
        ran.append(x)
        coco.declare_target_state(provider.target_state(x, x))

    def main() -> None:
        for x in wanted:
            f(x)

    app = bench.app(main)
    bench.update(app)
    wanted.remove(2)
    bench.update(app)
    assert journal.content == {1: 1}
    wanted.append(2)
    bench.update(app)
    assert journal.content == {1: 1, 2: 2}
    assert ran == [1, 2, 2]  # gone meanwhile, so a miss


def test_within_one_run_equal_calls_give_one_object(bench: Bench) -> None:
    # FN-08
    @coco.fn(memo=True)
    def f(x: int) -> list[int]:
        return [x]

    def main() -> bool:
        return f(1) is f(1) is not f(2)

    app = bench.app(main)
    assert bench.update(app)
    assert bench.update(app)  # decoded once


def test_the_first_run_gives_the_object_itself(bench: Bench) -> None:
    # FN-18
    made = []

    @coco.fn(memo=True)
    def f() -> Any:
        made.append((1, 2))
        return made[-1]

    results = []

    def main() -> None:
        results.append(f())

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert results[0] is made[0]
    assert results[1] == [1, 2]  # MEM-31: not annotated
    assert len(made) == 1


def test_what_is_stored_is_the_value_as_it_was_returned(bench: Bench) -> None:
    # SE-08: changed by the caller afterwards
    @coco.fn(memo=True)
    def f() -> list[int]:
        return [1]

    def main() -> list[int]:
        value = f()
        seen = list(value)
        value.append(2)
        return seen

    app = bench.app(main)
    assert [bench.update(app), bench.update(app)] == [[1], [1]]


def test_components_do_not_share_results(bench: Bench) -> None:
    # FN-07
    ran = []

    @coco.fn(memo=True)
    def f(x: int) -> None:
        ran.append(x)

    async def child() -> None:
        f(1)

    async def main() -> None:
        f(1)
        await coco.mount(coco.component_subpath("a"), child)
        await coco.mount(coco.component_subpath("b"), child)

    app = bench.app(main)
    bench.update(app)
    assert ran == [1, 1, 1]
    bench.update(app)
    assert ran == [1, 1, 1]


@pytest.mark.parametrize("waits", [True, False])
def test_concurrent_equal_calls_run_once(waits: bool) -> None:
    # FN-09
    for seed in range(10):
        bench = Bench(SeededRandom(random.Random(seed)))
        ran = []

        @coco.fn(memo=True)
        async def f(x: int) -> list[int]:
            ran.append(x)  # noqa: B023
            if waits:
                await asyncio.sleep(1)
            return [x]

        async def main() -> list[list[int]]:
            return await asyncio.gather(*[f(x) for x in (1, 2, 1, 1)])

        one, _, *others = bench.update(bench.app(main))
        assert sorted(ran) == [1, 2]
        assert all(other is one for other in others)
        bench.close()


def test_each_waiter_of_a_failed_call_runs_it_again(bench: Bench) -> None:
    # FN-09
    ran = []

    @coco.fn(memo=True)
    async def f() -> int:
        ran.append(1)
        await asyncio.sleep(1)
        if len(ran) < 3:
            raise ValueError(len(ran))
        return len(ran)

    async def main() -> list[Any]:
        return await asyncio.gather(*[f() for _ in range(4)], return_exceptions=True)

    assert [repr(result) for result in bench.update(bench.app(main))] == ["ValueError(1)", "ValueError(2)", "3", "3"]


def test_a_cancelled_waiter_leaves_the_others(bench: Bench) -> None:
    # FN-09
    @coco.fn(memo=True)
    async def f() -> int:
        await asyncio.sleep(5)
        return 1

    async def main() -> list[Any]:
        calls = [asyncio.create_task(f()) for _ in range(3)]
        await asyncio.sleep(1)
        calls[1].cancel()
        return await asyncio.gather(*calls, return_exceptions=True)

    first, cancelled, last = bench.update(bench.app(main))
    assert (first, last) == (1, 1)
    assert isinstance(cancelled, asyncio.CancelledError)


def test_a_cancelled_call_is_run_by_whoever_waited(bench: Bench) -> None:
    # FN-09
    ran = []

    @coco.fn(memo=True)
    async def f() -> int:
        ran.append(1)
        await asyncio.sleep(5)
        return 1

    async def main() -> list[Any]:
        calls = [asyncio.create_task(f()) for _ in range(2)]
        await asyncio.sleep(1)
        calls[0].cancel()
        return await asyncio.gather(*calls, return_exceptions=True)

    assert bench.update(bench.app(main))[1] == 1
    assert ran == [1, 1]


@coco.fn(memo=True)
async def calls_pong(x: int) -> int:
    await asyncio.sleep(1)
    return await calls_ping(x)


@coco.fn(memo=True)
async def calls_ping(x: int) -> int:
    await asyncio.sleep(1)
    return await calls_pong(x)


@coco.fn(memo=True)
async def awaits_tasks(x: int) -> list[int]:
    return await asyncio.gather(asyncio.create_task(awaits_tasks(x)), asyncio.create_task(awaits_tasks(x)))  # type: ignore[return-value]


async def both_at_once(x: int) -> Any:
    return await asyncio.gather(calls_ping(x), calls_pong(x))


@pytest.mark.parametrize("call", [calls_ping, both_at_once, awaits_tasks])
def test_a_call_that_needs_its_own_result_is_an_error(
    bench: Bench, call: Callable[[int], Coroutine[Any, Any, Any]]
) -> None:
    # SE-16, FN-09
    async def main() -> None:
        await call(1)

    with pytest.raises(RuntimeError, match="needs its own result"):
        bench.update(bench.app(main))


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("root_in_thread", [False, True])
@pytest.mark.parametrize("by_way_of", ["itself", "another"])
def test_a_call_in_a_call_that_needs_its_result_is_an_error(
    bench: Bench, is_async: bool, root_in_thread: bool, by_way_of: str
) -> None:  # FN-09, SE-16
    @coco.fn(memo=True)
    def first(n: int) -> int:
        return first(n) if by_way_of == "itself" else second(n)

    @coco.fn(memo=True)
    def second(n: int) -> int:
        return first(n)

    @coco.fn(memo=True)
    async def async_first(n: int) -> int:
        return await (async_first(n) if by_way_of == "itself" else async_second(n))

    @coco.fn(memo=True)
    async def async_second(n: int) -> int:
        return await async_first(n)

    async def main() -> int:
        return await async_first(1) if is_async else first(1)

    def main_in_thread() -> Any:
        return async_first(1) if is_async else first(1)

    with pytest.raises(RuntimeError, match="needs its own result"):
        bench.update(bench.app(main_in_thread if root_in_thread else main))


def test_a_function_may_call_itself_with_other_arguments(bench: Bench) -> None:
    # FN-09
    @coco.fn(memo=True)
    async def fibonacci(n: int) -> int:
        if n < 2:
            return n
        return sum(await asyncio.gather(fibonacci(n - 1), fibonacci(n - 2)))

    async def main() -> int:
        return await fibonacci(30)

    app = bench.app(main)
    assert bench.update(app) == 832040
    assert bench.update(app) == 832040
    assert bench.events("function_started").count("function_started /") == 31


@pytest.mark.parametrize("is_async", [False, True])
def test_a_call_that_raises_stores_nothing(bench: Bench, is_async: bool) -> None:  # FN-10
    ran = Ran()
    failing = [True]

    def body(x: int) -> int:
        ran.append(x)
        if failing:
            raise LookupError(x)
        return x

    @coco.fn(memo=True)
    def call(x: int) -> int:
        return body(x)

    @coco.fn(memo=True)
    async def async_call(x: int) -> int:
        return body(x)

    async def main() -> None:
        for _ in range(2):
            try:
                assert (await async_call(1) if is_async else call(1)) == 1
            except LookupError:
                assert failing

    app = bench.app(main)
    bench.update(app)
    assert ran.take() == [1, 1]
    failing.clear()
    bench.update(app)
    assert ran.take() == [1]
    bench.update(app)
    assert ran.take() == []


@pytest.mark.parametrize("is_async", [False, True])
def test_what_a_call_declared_before_it_raised_stays_declared(bench: Bench, is_async: bool) -> None:
    # FN-10
    journal = Journal()
    provider = journal.provider()
    ran = []

    @coco.fn(memo=True)
    def before(x: int) -> None:
        ran.append(x)
        coco.declare_target_state(provider.target_state("before", x))

    @coco.fn(memo=True)
    def f() -> None:
        before(1)
        coco.declare_target_state(provider.target_state("k", 1))
        raise ValueError

    async def main() -> None:
        with pytest.raises(ValueError):
            await f.as_async() if is_async else f()  # type: ignore[attr-defined]

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert journal.content == {"before": 1, "k": 1}
    assert ran == [1]  # what it called and what did not fail is stored


class Calls:
    """A root that makes a memoized call for each of `items`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.items: list[int] = []
        self.ran = Ran()

        @coco.fn(memo=True)
        def call(x: int) -> None:
            self.ran.append(x)

        async def main() -> None:
            for item in self.items:
                call(item)

        self.app = bench.app(main)

    def update(self, *items: int) -> list[Any]:
        """The items whose body ran."""
        self.items = list(items)
        self.bench.update(self.app)
        return self.ran.take()


def test_an_entry_that_a_successful_run_did_not_use_is_gone(bench: Bench) -> None:  # FN-11
    calls = Calls(bench)
    assert calls.update(1, 2) == [1, 2]
    assert calls.update(1) == []
    assert calls.update(1, 2) == [2]
    assert calls.update() == []
    assert calls.update(1, 2) == [1, 2]


def test_a_failed_run_neither_adds_nor_removes_entries(bench: Bench) -> None:
    # FN-11
    ran = []
    wanted, fails = [1, 2], [False]

    @coco.fn(memo=True)
    def f(x: int) -> None:
        ran.append(x)

    def main() -> None:
        for x in wanted:
            f(x)
        if fails[0]:
            raise ValueError("no")

    app = bench.app(main)
    bench.update(app)
    wanted[:], fails[0] = [2, 3], True
    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            bench.update(app)
    wanted[:], fails[0] = [1, 2, 3], False
    bench.update(app)
    assert ran == [1, 2, 3, 3, 3]


def test_a_nested_entry_lives_as_long_as_the_one_around_it_is_used(bench: Bench) -> None:
    # FN-12
    ran: list[Any] = []
    version: list[int | None] = [0]

    @coco.fn(memo=True)
    def inner(x: int) -> int:
        ran.append(("inner", x))
        return x

    @coco.fn(memo=True)
    def middle(x: int) -> int:
        return inner(x)

    @coco.fn(memo=True)
    def outer(version: int | None, x: int) -> int:
        ran.append(("outer", version))
        return middle(x)

    def main() -> None:
        if version[0] is not None:
            outer(version[0], 1)

    app = bench.app(main)
    for version[0] in (0, 0, 0, 1, None, 1):
        bench.update(app)
    assert ran == [("outer", 0), ("inner", 1), ("outer", 1), ("outer", 1), ("inner", 1)]


def test_many_equal_calls_inside_one_store_one_reference(bench: Bench) -> None:
    @coco.fn(memo=True)
    def inner() -> None:
        pass

    @coco.fn(memo=True)
    def outer() -> None:
        for _ in range(1000):
            inner()

    bench.update(bench.app(outer))
    space = bench.env.store.space("app")
    (record,) = [record for _, record in space.scan("memo", coco.ROOT_PATH)]
    assert record.calls == ()  # type: ignore[union-attr]


@pytest.mark.parametrize("mounts", ["mount", "use_mount"])
@pytest.mark.parametrize("directly", [True, False])
def test_an_inline_memoized_call_may_not_mount(bench: Bench, mounts: str, directly: bool) -> None:  # FN-13
    journal = Journal()
    provider = journal.provider()
    ran: list[str] = []
    inline = [True]

    async def child() -> None:
        ran.append("child")
        coco.declare_target_state(provider.target_state("child", 1))

    @coco.fn
    async def callee() -> None:
        await (coco.mount if mounts == "mount" else coco.use_mount)(coco.component_subpath("c"), child)

    @coco.fn(memo=True)
    async def call() -> str:
        if directly:
            await (coco.mount if mounts == "mount" else coco.use_mount)(coco.component_subpath("c"), child)
        else:
            await callee()
        ran.append("body ended")
        return "value"

    async def main() -> Any:
        if not inline:
            return await coco.use_mount(coco.component_subpath("component"), call)
        with pytest.raises(ValueError, match="memo=True mounted child components") as caught:
            await call()
        return str(caught.value)

    app = bench.app(main)
    assert "call" in bench.update(app)
    assert sorted(ran) == ["body ended", "child"]
    assert journal.content == {"child": 1}
    ran.clear()
    inline.clear()
    assert bench.update(app) == "value"
    assert sorted(ran) == ["body ended", "child"]


def test_the_innermost_call_that_mounts_is_the_one_that_fails(bench: Bench) -> None:
    # FN-13
    ran = []

    async def child() -> None:
        ran.append("child")

    @coco.fn(memo=True)
    async def inner() -> None:
        await coco.mount(child)

    @coco.fn(memo=True)
    async def outer() -> None:
        await inner()
        ran.append("outer")

    async def main() -> None:
        with pytest.raises(ValueError, match=r"inner.*memo=True mounted child components"):
            await outer()

    bench.update(bench.app(main))
    assert ran == ["child"]


@pytest.mark.parametrize("is_async", [False, True])
def test_an_unserialisable_result_fails_before_anything_is_applied(bench: Bench, is_async: bool) -> None:
    # FN-19, SE-08
    journal = Journal()
    provider = journal.provider()

    @coco.fn(memo=True)
    def f() -> object:
        return object()

    async def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))
        await f.as_async() if is_async else f()  # type: ignore[attr-defined]

    with pytest.raises(NotImplementedError, match="Cannot serialize <object"):
        bench.update(bench.app(main))
    assert journal.content == {}


def test_a_stored_value_that_no_longer_fits_is_an_error_until_the_logic_changes(bench: Bench) -> None:
    # FN-20
    def make(annotation: Any, version: int) -> Any:
        def f() -> Any:
            return "text"

        f.__annotations__["return"] = annotation
        decorated = coco.fn(memo=True, version=version)(f)

        def main() -> Any:
            return decorated()

        return bench.app(main)

    assert bench.update(make(str, 1)) == "text"
    for _ in range(2):
        bench.crash()
        with pytest.raises(DeserializationError, match="can't be read as <class 'int'>") as caught:
            bench.update(make(int, 1))
        assert "stored result of <coco.fn" in caught.value.__notes__[0]
    bench.crash()
    assert bench.update(make(int, 2)) == "text"


def test_full_reprocess_runs_every_call_once(bench: Bench) -> None:
    # APP-12
    ran = []

    @coco.fn(memo=True)
    def f() -> int:
        ran.append(1)
        return len(ran)

    def main() -> list[int]:
        return [f(), f()]

    app = bench.app(main)
    bench.update(app)
    assert bench.update(app, full_reprocess=True) == [2, 2]
    assert bench.update(app) == [2, 2]


def test_a_call_whose_sink_failed_runs_again(bench: Bench) -> None:
    # DUR-03, TGT-15
    journal = Journal()
    provider = journal.provider()
    ran = []
    value = [1]

    @coco.fn(memo=True)
    def f(x: int) -> None:
        ran.append(x)
        coco.declare_target_state(provider.target_state("k", x))

    def main() -> None:
        f(value[0])

    app = bench.app(main)
    bench.update(app)
    value[0] = 2
    journal.fail_after.add("k")
    with pytest.raises(OSError, match="k failed after"):
        bench.update(app)
    journal.fail_after.clear()
    value[0] = 1
    bench.update(app)  # what was stored for 1 says nothing about what is there now
    assert journal.content == {"k": 1}
    assert ran == [1, 2, 1]


def test_calls_of_attached_threads_are_calls_of_the_component(bench: Bench) -> None:
    # STA-09
    ran = []

    @coco.fn(memo=True)
    def f(x: int) -> None:
        ran.append(x)

    async def main() -> None:
        context = coco.get_component_context()

        def bare() -> None:
            with context.attach():
                f(1)

        await asyncio.get_running_loop().run_in_executor(None, bare)
        await asyncio.to_thread(f, 1)

    bench.update(bench.app(main))
    assert ran == [1]


# --- real threads ---


class Threads:
    """An app on real threads and a real state directory."""

    def __init__(self, directory: Path) -> None:
        self.env = coco.Environment(coco.Settings(db_path=directory / "db"))

    def update(self, main: Callable[[], Any]) -> Any:
        return coco.App(coco.AppConfig("app", self.env), main).update_blocking()


@pytest.fixture
def threads(tmp_path: Path) -> Threads:
    return Threads(tmp_path)


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # threads set no event of the loop
        await asyncio.sleep(0)


def waiting_calls() -> int:
    """How many calls of this component wait for an equal one."""
    wakers = coco.get_component_context().component.run.call_waits.wakers
    return sum(map(len, list(wakers.values())))  # a copy: threads add to it meanwhile


def test_equal_calls_of_several_threads_run_once(threads: Threads) -> None:
    # FN-09
    ran = []
    others_wait = threading.Event()

    @coco.fn(memo=True)
    def f(x: int) -> list[int]:
        ran.append(x)
        assert others_wait.wait(10)
        return [x]

    async def main() -> bool:
        calls = [asyncio.create_task(asyncio.to_thread(f, 1)) for _ in range(4)]
        await until(lambda: waiting_calls() == 3)
        others_wait.set()
        results = await asyncio.gather(*calls)
        return all(result is results[0] for result in results)

    assert threads.update(main)
    assert ran == [1]


def test_threads_that_fail_let_the_next_one_run(threads: Threads) -> None:
    # FN-09
    ran = []

    @coco.fn(memo=True)
    def f() -> int:
        ran.append(1)
        if len(ran) < 3:
            raise ValueError
        return len(ran)

    async def main() -> list[Any]:
        return await asyncio.gather(*[asyncio.to_thread(f) for _ in range(6)], return_exceptions=True)

    results = threads.update(main)
    assert len([result for result in results if isinstance(result, ValueError)]) == 2
    assert {result for result in results if isinstance(result, int)} == {3}


def test_many_threads_store_what_one_would(threads: Threads) -> None:
    # FN-09
    ran = []
    journal = Journal()
    provider = coco.register_root_target_states_provider("test/many_threads", journal)

    @coco.fn(memo=True)
    def leaf(x: int) -> int:
        ran.append(x)
        coco.declare_target_state(provider.target_state(x, x))
        return x

    @coco.fn(memo=True)
    def f(x: int) -> int:
        return leaf(x % 20)

    async def main() -> int:
        return sum(await asyncio.gather(*[asyncio.to_thread(f, x % 50) for x in range(400)]))

    expected = sum(x % 50 % 20 for x in range(400))
    assert threads.update(main) == expected
    assert threads.update(main) == expected
    assert sorted(ran) == list(range(20))
    assert journal.content == {x: x for x in range(20)}


def test_a_thread_that_needs_its_own_result_is_an_error(threads: Threads) -> None:
    # SE-16: by way of a call in another thread
    both_run, met = threading.Barrier(2), threading.Event()

    def meet() -> None:
        if not met.is_set():
            both_run.wait(10)
            met.set()

    @coco.fn(memo=True)
    def ping() -> None:
        meet()
        pong()

    @coco.fn(memo=True)
    def pong() -> None:
        meet()
        ping()

    async def main() -> Any:
        return await asyncio.gather(asyncio.to_thread(ping), asyncio.to_thread(pong), return_exceptions=True)

    for result in threads.update(main):
        assert "needs its own result" in repr(result)


def test_async_callers_wait_for_a_call_in_a_thread(threads: Threads) -> None:
    # FN-09
    ran = []
    others_wait = threading.Event()

    @coco.fn(memo=True)
    def f() -> list[int]:
        ran.append(1)
        assert others_wait.wait(10)
        return [1]

    async def main() -> bool:
        in_thread = asyncio.create_task(asyncio.to_thread(f))
        await until(lambda: bool(ran))
        waiting = asyncio.create_task(f.as_async())  # type: ignore[attr-defined]
        await until(lambda: waiting_calls() == 1)
        others_wait.set()
        return await in_thread is await waiting

    assert threads.update(main)
    assert ran == [1]


def test_a_call_on_the_loop_does_not_wait_for_a_thread_that_may_need_it(threads: Threads) -> None:
    # FN-09: it is made twice instead
    ran = []
    called = threading.Event()

    @coco.fn(memo=True)
    def f() -> int:
        ran.append(1)
        if len(ran) == 1:
            assert called.wait(10)
        return 1

    async def main() -> list[int]:
        in_thread = asyncio.create_task(asyncio.to_thread(f))
        await until(lambda: bool(ran))
        result = f()
        called.set()
        return [result, await in_thread]

    assert threads.update(main) == [1, 1]
    assert ran == [1, 1]
