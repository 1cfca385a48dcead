"""Goal: a decorated function stays the function it was, wherever it is called and however it is got hold of."""

from __future__ import annotations

import asyncio
import copy
import functools
import inspect
import pickle
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal

variable: ContextVar[str] = ContextVar("variable", default="unset")


@coco.fn
def add(a: int, *, b: int = 2) -> int:
    """Adds."""
    return a + b


@coco.fn
async def add_later(a: int) -> int:
    await asyncio.sleep(0)
    return a + 1


@coco.fn.as_async
def add_in_thread(a: int) -> tuple[int, str, bool]:
    return a + 1, variable.get(), asyncio._get_running_loop() is None


def decorated(function: Any) -> Any:
    """What type checkers don't know about decorated functions."""
    return function


class Calculator:
    def __init__(self, step: int) -> None:
        self.step = step

    @coco.fn
    def add(self, a: int) -> int:
        """Adds a step."""
        return a + self.step

    @coco.fn
    async def add_later(self, a: int) -> int:
        return a + self.step

    @coco.fn.as_async
    def add_in_thread(self, a: int) -> int:
        return a + self.step

    @staticmethod
    @coco.fn
    def one() -> int:
        return 1

    @classmethod
    @coco.fn
    def name(cls) -> str:
        return cls.__name__


class SubCalculator(Calculator):
    def __init__(self) -> None:
        super().__init__(10)


@pytest.mark.parametrize("function", [add, add_later, add_in_thread])
def test_a_decorated_function_says_what_it_is(function: Any) -> None:
    # FN-01
    body = function.__wrapped__
    assert function.__name__ == body.__name__
    assert function.__qualname__ == body.__qualname__
    assert function.__doc__ == body.__doc__
    assert function.__module__ == __name__
    assert inspect.signature(function) == inspect.signature(body)
    assert not inspect.iscoroutinefunction(function)
    assert repr(function) == f"<coco.fn {__name__}.{body.__name__}>"


def test_outside_components_the_body_runs() -> None:
    # FN-05
    assert add(1) == 3
    assert asyncio.run(add_later(1)) == 2

    async def main() -> Any:
        variable.set("caller's")
        return await add_in_thread(1), await decorated(add).as_async(1, b=5), await decorated(add_later).as_async(1)

    assert asyncio.run(main()) == ((2, "caller's", True), 6, 2)


def test_memoized_functions_outside_components_neither_store_nor_fingerprint() -> None:
    # FN-05
    calls = []

    @coco.fn(memo=True)
    def f(argument: object) -> int:
        calls.append(argument)
        return len(calls)

    lock = threading.Lock()
    assert [f(lock), f(lock)] == [1, 2]


def test_the_kind_of_call_follows_the_function_or_as_async(bench: Bench) -> None:
    # FN-01
    async def main() -> Any:
        variable.set("component's")
        as_async = await decorated(add).as_async(1), await decorated(add_later).as_async(1)
        return add(1), await add_later(1), await add_in_thread(1), *as_async

    assert bench.update(bench.app(main)) == (3, 2, (2, "component's", True), 3, 2)


def test_as_async_is_the_same_function(bench: Bench) -> None:
    # FN-01
    journal = Journal()
    provider = journal.provider()
    ran = []

    @coco.fn(memo=True, version=3)
    def f(x: int) -> int:
        ran.append(x)
        coco.declare_target_state(provider.target_state(x, x))
        return x

    assert f.as_async is f.as_async  # type: ignore[attr-defined]
    assert f.as_async.as_async is f.as_async  # type: ignore[attr-defined]

    async def main() -> list[int]:
        return [f(1), await f.as_async(1), await f.as_async(2), f(2)]  # type: ignore[attr-defined]

    assert bench.update(bench.app(main)) == [1, 1, 2, 2]
    assert ran == [1, 2]
    assert journal.content == {1: 1, 2: 2}


def test_a_twin_outlives_its_function(bench: Bench) -> None:
    # FN-01, LGC-04
    ran = []

    @coco.fn(memo=True)
    def f() -> None:
        ran.append(1)

    g = f.as_async  # type: ignore[attr-defined]
    del f

    async def main() -> None:
        await g()

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert ran == [1]


def test_methods_are_bound_to_their_objects(bench: Bench) -> None:
    # FN-02
    three, ten = Calculator(3), SubCalculator()

    async def main() -> Any:
        return (
            three.add(1),
            ten.add(a=1),
            await three.add_later(1),
            await three.add_in_thread(1),
            await three.add.as_async(1),  # type: ignore[attr-defined]
            Calculator.add(ten, 1),
            (Calculator.one(), ten.one()),
            (Calculator.name(), ten.name()),
        )

    expected = (4, 11, 4, 4, 4, 11, (1, 1), ("Calculator", "SubCalculator"))
    assert bench.update(bench.app(main)) == expected
    assert asyncio.run(main()) == expected


def test_a_bound_method_says_what_it_is() -> None:
    # FN-01, FN-02
    calculator = Calculator(3)
    bound: Any = calculator.add
    assert bound == calculator.add
    assert bound != Calculator(3).add
    assert bound != calculator.add_later
    assert len({bound, calculator.add}) == 1
    assert (bound.__name__, bound.__qualname__, bound.__self__) == ("add", "Calculator.add", calculator)
    assert str(inspect.signature(bound)) == "(a: 'int') -> 'int'"
    assert inspect.signature(bound.as_async) == inspect.signature(bound)
    assert "coco.fn" in repr(bound)
    with pytest.raises(AttributeError):
        _ = bound.nothing


def test_functions_and_methods_are_pickled_by_name() -> None:
    # MEM-06
    assert pickle.loads(pickle.dumps(add)) is add
    assert copy.deepcopy(add_later) is add_later
    bound = pickle.loads(pickle.dumps(Calculator(5).add))
    assert bound(1) == 6


def test_tracked_methods_are_memo_arguments() -> None:
    # MEM-06
    fingerprints = [coco.memo_fingerprint(one) for one in (add, add_later, Calculator(1).add, Calculator(2).add)]
    assert len(set(fingerprints)) == 4
    assert coco.memo_fingerprint(Calculator(1).add) == fingerprints[2]


def test_bound_methods_are_mounted_and_used_as_main(bench: Bench) -> None:
    # APP-03, FN-02
    class Pipeline:
        @coco.fn
        def sync_main(self) -> str:
            return "sync"

        @coco.fn(memo=True)
        async def child(self, x: int) -> int:
            return x

        def __coco_memo_key__(self) -> object:
            return 1

        @coco.fn
        async def main(self) -> Any:
            return await coco.use_mount(self.child, 1), await coco.use_mount(self.sync_main)

    app = bench.app(Pipeline().main)
    assert bench.update(app) == (1, "sync")
    bench.events()
    assert bench.update(app) == (1, "sync")
    assert bench.events("component_reused") == ["component_reused /@child"]


def test_generators_are_given_back_unstarted(bench: Bench) -> None:
    # FN-02
    @coco.fn
    def numbers() -> Iterator[int]:
        yield from (1, 2)

    @coco.fn
    async def later_numbers() -> AsyncIterator[int]:
        for number in (3, 4):
            yield number

    async def main() -> list[int]:
        return [*numbers(), *[number async for number in later_numbers()]]

    assert bench.update(bench.app(main)) == [1, 2, 3, 4]


def test_lambdas_of_one_module_do_not_share_results(bench: Bench) -> None:
    # FN-07: they share a name, so what they do tells them apart
    increase, scale = coco.fn(memo=True)(lambda x: x + 1), coco.fn(memo=True)(lambda x: x * 10)

    def main() -> Any:
        return increase(5), scale(5)

    app = bench.app(main)
    assert [bench.update(app), bench.update(app)] == [(6, 50), (6, 50)]


def test_what_can_not_be_decorated() -> None:
    # FN-02
    with pytest.raises(TypeError, match="builtin"):
        coco.fn(len)
    for thing in (functools.partial(print, 1), Calculator(1), 3):
        with pytest.raises(AttributeError):
            coco.fn(thing)  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"batching": True}, {"max_batch_size": 3}, {"runner": object()}])
def test_batching_needs_as_async(options: Any) -> None:
    # FN-03
    async def body(items: list[int]) -> list[int]:
        return items

    with pytest.raises(ValueError, match=r"@coco\.fn\.as_async"):
        coco.fn(**options)(body)


def test_options_are_checked_when_decorating() -> None:
    # FN-04
    with pytest.raises(ValueError, match="deps need logic tracking"):
        coco.fn(deps=1, logic_tracking=None)(lambda: None)
    assert coco.fn(deps=1, logic_tracking="self")(lambda: 1)() == 1
    for deps in (threading.Lock(), lambda: 0, [coco.Symbol("s")]):
        with pytest.raises(TypeError, match="Unsupported type for memoization key"):
            coco.fn(deps=deps)(lambda: None)
    with pytest.raises(TypeError, match="unexpected keyword argument 'memoize'"):
        coco.fn(memoize=True)  # type: ignore[call-overload]


@pytest.mark.parametrize("options", [{"logic_tracking": "other"}, {"version": "two"}, {"version": 1.5}])
def test_other_values_of_logic_tracking_and_version_work(bench: Bench, options: Any) -> None:  # FN-04
    ran = []

    @coco.fn(memo=True, **options)
    def call(x: int) -> int:
        ran.append(x)
        return x

    async def main() -> int:
        return call(1)

    app = bench.app(main)
    assert [bench.update(app), bench.update(app)] == [1, 1]
    assert ran == [1]


def test_undecorated_functions_are_mounted_but_never_stored(bench: Bench) -> None:
    # FN-06
    ran = []

    async def child() -> None:
        ran.append("child")

    async def main() -> None:
        await coco.mount(child)

    app = bench.app(main)
    bench.update(app)
    bench.update(app)
    assert ran == ["child", "child"]


def test_a_component_that_is_over_takes_no_calls(bench: Bench) -> None:
    # CMP-22
    async def main() -> asyncio.Task[int]:
        async def late() -> int:
            await asyncio.sleep(1)
            return add(1)

        return asyncio.create_task(late())

    task = bench.update(bench.app(main))
    with pytest.raises(RuntimeError, match="already finished"):
        bench.run(task)


@pytest.mark.parametrize("error", [StopIteration, StopAsyncIteration])
def test_what_a_body_in_a_thread_raises_arrives(bench: Bench, error: Callable[[str], BaseException]) -> None:
    # FN-01: no exception may end the loop or be lost in a future
    @coco.fn.as_async
    def body() -> None:
        raise error("raised")

    async def main() -> str:
        try:
            await body()
        except BaseException as caught:
            return repr(caught)
        return "nothing"

    assert "raised" in bench.update(bench.app(main))
