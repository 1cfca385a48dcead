"""Goal: a runner decides where bodies run, and sees the calls of all its functions."""

import asyncio
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench


class Noting(coco.Runner):
    """Runs bodies on the loop and writes down what it was given. Does not call the constructor of its base."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, tuple[Any, ...], dict[str, Any]]] = []

    async def run(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(("run", fn.__name__, args, kwargs))
        return await fn(*args, **kwargs)

    async def run_sync_fn(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        self.seen.append(("run_sync_fn", fn.__name__, args, kwargs))
        return fn(*args, **kwargs)


def gathered(bench: Bench, *calls: Any) -> list[Any]:
    async def all_calls() -> list[Any]:
        return await asyncio.gather(*calls, return_exceptions=True)

    return bench.run(all_calls())


def test_a_runner_has_to_say_how_both_kinds_of_bodies_run() -> None:
    # BAT-06
    with pytest.raises(TypeError, match=r"abstract methods '?run'?, '?run_sync_fn"):
        coco.Runner()  # type: ignore[abstract]
    with pytest.raises(TypeError, match=r"runner must be a coco\.Runner, got 'gpu'"):
        coco.fn.as_async(runner="gpu")(lambda x: x)


def test_a_runner_gets_the_function_and_its_arguments(bench: Bench) -> None:
    # BAT-06
    runner = Noting()

    @coco.fn.as_async(runner=runner)
    def plain(x: int, *, y: int = 0) -> int:
        return x + y

    @coco.fn.as_async(runner=runner)
    async def waiting(x: Any) -> Any:
        await asyncio.sleep(1)
        return x

    class Model:
        @coco.fn.as_async(runner=runner)
        def method(self, x: int) -> int:
            return x

    assert gathered(bench, plain(1, y=2), waiting([3]), Model().method(4)) == [3, [3], 4]
    assert runner.seen == [
        ("run_sync_fn", "plain", (1,), {"y": 2}),
        ("run", "waiting", ([3],), {}),
        ("run_sync_fn", "method", (4,), {}),
    ]


def test_a_batched_body_reaches_the_runner_with_a_list_of_items(bench: Bench) -> None:
    # BAT-06
    runner = Noting()

    @coco.fn.as_async(runner=runner, batching=True)
    def scaled(items: list[int], factor: int = 1) -> list[int]:
        return [item * factor for item in items]

    assert gathered(bench, scaled(1), scaled(2), scaled(3, factor=10)) == [1, 2, 30]
    assert [args for _, _, args, _ in runner.seen] == [([1],), ([2],), ([3],)]
    assert runner.seen[2][3] == {"factor": 10}


def test_batches_of_functions_with_one_runner_wait_for_each_other_first_come_first_served(bench: Bench) -> None:
    # BAT-06
    runner, log = Noting(), []

    def make(name: str) -> Any:
        @coco.fn.as_async(runner=runner, batching=True)
        async def body(items: list[int]) -> list[int]:
            log.append(f"{name} begins {items}")
            await asyncio.sleep(1)
            log.append(f"{name} ends")
            return items

        return body

    a, b = make("a"), make("b")
    assert gathered(bench, a(1), b(2), a(3), b(4), a(5)) == [1, 2, 3, 4, 5]
    assert log == ["a begins [1]", "a ends", "b begins [2, 4]", "b ends", "a begins [3, 5]", "a ends"]
    assert len(runner.get_queue()) == 0


def test_without_batching_bodies_do_not_wait_for_each_other(bench: Bench) -> None:
    # BAT-06
    running: list[int] = []

    @coco.fn.as_async(runner=Noting())
    async def body(x: int) -> int:
        running.append(x)
        await asyncio.sleep(1)
        return len(running)

    assert gathered(bench, body(1), body(2)) == [2, 2]


def test_a_body_with_a_runner_belongs_to_no_component(bench: Bench) -> None:
    # BAT-06
    @coco.fn.as_async(runner=Noting())
    def body() -> None:
        coco.get_component_context()

    async def main() -> str:
        with pytest.raises(RuntimeError, match="No ComponentContext available"):
            await body()
        return "asked"

    assert bench.update(bench.app(main)) == "asked"


@pytest.mark.parametrize("error", [KeyError("boom"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError("x")])
def test_what_a_body_raises_reaches_its_caller(bench: Bench, error: BaseException) -> None:
    @coco.fn.as_async(runner=Noting())
    async def body() -> None:
        raise error

    async def caught() -> BaseException | None:
        try:
            await body()
        except BaseException as reason:
            return reason
        return None

    assert type(bench.run(caught())) is type(error)


def test_a_body_is_cancelled_with_its_caller(bench: Bench) -> None:
    log: list[str] = []

    @coco.fn.as_async(runner=Noting())
    async def body() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            log.append("cleaned up")

    async def story() -> None:
        call = asyncio.ensure_future(body())
        await asyncio.sleep(1)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        assert log == ["cleaned up"]

    bench.run(story())


def test_a_function_with_a_runner_can_be_mounted_and_memoized(bench: Bench) -> None:
    # BAT-06, FN-14
    runner = Noting()

    @coco.fn.as_async(runner=runner, memo=True)
    def body(x: int) -> int:
        return x

    async def main() -> int:
        return await coco.use_mount(body, 1) + await body(2)

    app = bench.app(main)
    assert [bench.update(app), bench.update(app)] == [3, 3]
    assert len(runner.seen) == 2
