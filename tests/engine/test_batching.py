"""Goal: batches are made of what waits, in the order it came, and every caller gets what belongs to its item."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine._batching import Batching

from .bench import Bench


class Body:
    """An async batched body that writes down its batches and ends them when told to."""

    def __init__(self, bench: Bench, *, held: bool = False, **options: Any) -> None:
        self.batches: list[list[Any]] = []
        self.ended: list[list[Any]] = []
        self.gate = asyncio.Event()
        if not held:
            self.gate.set()

        async def body(items: list[Any], factor: int = 1, *, note: Any = None) -> list[Any]:
            self.batches.append(items)
            await self.gate.wait()
            self.ended.append(items)
            return [item * factor for item in items]

        self.call = coco.fn.as_async(batching=True, **options)(body)


def gathered(bench: Bench, *calls: Any) -> list[Any]:
    async def all_calls() -> list[Any]:
        return await asyncio.gather(*calls, return_exceptions=True)

    return bench.run(all_calls())


def queues(call: Any) -> int:
    assert isinstance(call._shared, Batching)
    return len(call._shared.queues)


def test_the_first_call_goes_alone_and_the_next_batch_is_all_that_came_meanwhile(bench: Bench) -> None:
    # BAT-01
    body = Body(bench)
    assert gathered(bench, *(body.call(n) for n in range(5))) == [0, 1, 2, 3, 4]
    assert body.batches == [[0], [1, 2, 3, 4]]


def test_a_batch_that_is_full_does_not_wait_for_the_one_in_flight(bench: Bench) -> None:
    # BAT-01
    body = Body(bench, held=True, max_batch_size=2)

    async def story() -> None:
        calls = [asyncio.ensure_future(body.call(n)) for n in range(6)]
        await asyncio.sleep(1)
        assert body.batches == [[0], [1, 2], [3, 4]]
        body.gate.set()
        await asyncio.gather(*calls)

    bench.run(story())
    assert body.batches == [[0], [1, 2], [3, 4], [5]]


def test_calls_of_different_components_share_a_batch(bench: Bench) -> None:
    # BAT-01
    body = Body(bench)

    @coco.fn
    async def one(n: int) -> int:
        return await body.call(n)

    async def main() -> None:
        await coco.mount_each(one, [(n, n) for n in range(4)])

    bench.update(bench.app(main))
    assert [len(batch) for batch in body.batches] == [1, 3]


def test_a_sync_body_runs_on_a_worker_thread_and_the_next_batch_after_it() -> None:
    # BAT-01, FN-01
    threads: list[str] = []
    running: list[int] = []

    @coco.fn.as_async(batching=True)
    def call(items: list[int]) -> list[int]:
        assert not running
        running.append(1)
        threads.append(threading.current_thread().name)
        running.pop()
        return items

    async def story() -> list[int]:
        return await asyncio.gather(*(call(n) for n in range(4)))

    assert asyncio.run(story()) == [0, 1, 2, 3]  # outside any component, and on a loop of its own
    assert len(threads) == 2
    assert threading.main_thread().name not in threads
    assert asyncio.run(story()) == [0, 1, 2, 3]


def test_other_arguments_split_batches(bench: Bench) -> None:
    # BAT-02
    body = Body(bench)
    calls = [body.call(1), body.call(2, 10), body.call(3), body.call(4, 10), body.call(5, note="x"), body.call(6)]
    assert gathered(bench, *calls) == [1, 20, 3, 40, 5, 6]
    assert body.batches == [[1], [2], [5], [3, 6], [4]]


def test_arguments_that_are_equal_but_not_the_same_split_batches(bench: Bench) -> None:
    # BAT-02
    seen: list[tuple[list[int], object]] = []

    @coco.fn.as_async(batching=True)
    async def call(items: list[int], note: object) -> list[int]:
        seen.append((items, note))
        return items

    gathered(bench, call(0, 1), call(1, 1), call(2, True), call(3, 1.0))
    assert [(items, repr(note)) for items, note in seen] == [([0], "1"), ([2], "True"), ([3], "1.0"), ([1], "1")]


def test_a_further_argument_must_be_hashable(bench: Bench) -> None:
    # BAT-02
    body = Body(bench)
    with pytest.raises(TypeError, match="unhashable type: 'list'"):
        bench.run(body.call(1, note=[]))
    assert body.batches == []


@pytest.mark.parametrize("arguments", [{}, {"items": 1}])
def test_the_item_is_given_by_position(bench: Bench, arguments: dict[str, Any]) -> None:
    # BAT-02
    with pytest.raises(ValueError, match="Expected at least one input argument"):
        bench.run(Body(bench).call(**arguments))


class Model:
    def __init__(self, name: str, seen: list[tuple[str, list[int]]]) -> None:
        self.name = name
        self.seen = seen

    @coco.fn.as_async(batching=True)
    async def by_self(self, items: list[int]) -> list[int]:
        self.seen.append((self.name, items))
        return items

    @classmethod
    @coco.fn.as_async(batching=True)
    async def by_class(cls, items: list[int]) -> list[str]:
        return [f"{cls.__name__} {items}"] * len(items)

    @staticmethod
    @coco.fn.as_async(batching=True)
    async def by_nobody(items: list[int]) -> list[str]:
        return [str(items)] * len(items)


def test_each_object_has_batches_of_its_own(bench: Bench) -> None:
    # BAT-02
    seen: list[tuple[str, list[int]]] = []
    a, b = Model("a", seen), Model("b", seen)
    results = gathered(bench, a.by_self(1), b.by_self(2), a.by_self(3), b.by_self(4), Model.by_self(a, 5))
    assert results == [1, 2, 3, 4, 5]
    assert seen == [("a", [1]), ("b", [2]), ("a", [3, 5]), ("b", [4])]


def test_methods_of_classes_and_static_methods_are_batched(bench: Bench) -> None:
    # BAT-02, FN-02
    a = Model("a", [])
    assert gathered(bench, a.by_class(1), Model.by_class(2)) == ["Model [1]", "Model [2]"]
    assert gathered(bench, a.by_nobody(1), Model.by_nobody(2), a.by_nobody(3)) == ["[1]", "[2, 3]", "[2, 3]"]


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (lambda items: [], RuntimeError, "Batched output length mismatch: expected 2 outputs, got 0"),
        (lambda items: [1, 2, 3], RuntimeError, "expected 2 outputs, got 3"),
        (lambda items: None, TypeError, "got a NoneType"),
        (iter, TypeError, "got a list_iterator"),
        (set, TypeError, "got a set"),
        (dict.fromkeys, TypeError, "got a dict"),
        (lambda items: "ab", TypeError, "got a str"),
    ],
)
def test_a_result_that_is_no_sequence_of_the_same_length_fails_every_caller(
    bench: Bench, make: Callable[[list[int]], Any], kind: type[Exception], text: str
) -> None:
    # BAT-03
    call = coco.fn.as_async(batching=True)(lambda items: list(items) if items == [0] else make(items))
    first, *others = gathered(bench, call(0), call(1), call(2))
    assert first == 0
    for error in others:
        assert type(error) is kind
        assert text in str(error)


@pytest.mark.parametrize("give", [tuple, lambda items: range(len(items)), lambda items: bytes(len(items))])
def test_any_sequence_will_do(bench: Bench, give: Callable[[list[int]], Sequence[int]]) -> None:
    # BAT-03
    call = coco.fn.as_async(batching=True)(give)
    assert gathered(bench, call(0), call(0)) == [0, 0]


@pytest.mark.parametrize("error", [KeyError("boom"), KeyboardInterrupt(), SystemExit(3), asyncio.CancelledError("x")])
def test_an_exception_reaches_every_caller_of_its_batch(bench: Bench, error: BaseException) -> None:
    # BAT-03
    @coco.fn.as_async(batching=True)
    async def call(items: list[int]) -> list[int]:
        if items != [0]:
            raise error
        return items

    async def caught(n: int) -> Any:
        try:
            return await call(n)
        except BaseException as reason:
            return reason

    assert gathered(bench, caught(0), caught(1), caught(2)) == [0, error, error]
    assert gathered(bench, caught(0)) == [0]


def test_stop_iteration_is_an_error_like_others(bench: Bench) -> None:
    # BAT-03
    @coco.fn.as_async(batching=True)
    def call(items: list[int]) -> list[int]:
        raise StopIteration

    (error,) = gathered(bench, call(1))
    assert isinstance(error, RuntimeError)


def retrying(bad: set[int], signal: Callable[[], None]) -> tuple[Any, list[list[int]]]:
    batches: list[list[int]] = []

    @coco.fn.as_async(batching=True)
    def call(items: list[int]) -> list[int]:
        batches.append(items)
        if bad & set(items):
            signal()
        return items

    return call, batches


def signal_with_cause() -> None:
    raise coco.RetryWithSmallerBatch() from ValueError("too large")


def signal_in_handler() -> None:
    try:
        raise ValueError("too large")
    except ValueError:
        raise coco.RetryWithSmallerBatch  # noqa: B904  # the point of the test


def signal_alone() -> None:
    raise coco.RetryWithSmallerBatch("too large")


@pytest.mark.parametrize(
    ("signal", "kind"),
    [(signal_with_cause, ValueError), (signal_in_handler, ValueError), (signal_alone, coco.RetryWithSmallerBatch)],
)
def test_a_batch_is_halved_until_the_culprit_is_alone_and_gets_the_cause(
    bench: Bench, signal: Callable[[], None], kind: type[Exception]
) -> None:
    # BAT-04
    call, batches = retrying({3}, signal)
    results = gathered(bench, *(call(n) for n in range(8)))
    assert [n for n in results if isinstance(n, int)] == [0, 1, 2, 4, 5, 6, 7]
    assert type(results[3]) is kind
    assert str(results[3]) == "too large"
    assert batches == [[0], [1, 2, 3, 4, 5, 6, 7], [1, 2, 3], [1], [2, 3], [2], [3], [4, 5, 6, 7]]


def test_another_error_after_a_split_stays_in_its_half(bench: Bench) -> None:
    # BAT-04
    @coco.fn.as_async(batching=True)
    def call(items: list[int]) -> list[int]:
        if len(items) > 4:
            raise coco.RetryWithSmallerBatch
        if 3 in items:
            raise KeyError("boom")
        return items

    results = gathered(bench, *(call(n) for n in range(8)))
    assert [repr(result) for result in results] == ["0", *["KeyError('boom')"] * 3, "4", "5", "6", "7"]


def test_a_body_belongs_to_no_component_and_has_no_deadline(bench: Bench) -> None:
    # BAT-05, TMO-04
    async def no_context(items: list[int]) -> list[str]:
        coco.check_cancellation()
        await asyncio.sleep(10)
        coco.check_cancellation()
        try:
            coco.get_component_context()
        except RuntimeError as error:
            return [str(error)[:30]] * len(items)
        return ["a context"] * len(items)

    call = coco.fn.as_async(batching=True)(no_context)

    async def main() -> list[Any]:
        with coco.timeout(timedelta(seconds=5)):
            hurried = asyncio.ensure_future(call(1))
        patient = await call(2)
        return [*await asyncio.gather(hurried, return_exceptions=True), patient]

    late, patient = bench.update(bench.app(main))
    assert patient == "No ComponentContext available:"
    assert isinstance(late, coco.DeadlineExceededError)  # the body was not hurried, its caller was


def test_only_misses_reach_the_body_and_equal_items_reach_it_once(bench: Bench) -> None:
    # BAT-05, FN-08, FN-09
    batches: list[list[str]] = []

    @coco.fn.as_async(memo=True, batching=True)
    async def shout(items: list[str]) -> list[str]:
        batches.append(items)
        return [item.upper() for item in items]

    wanted = ["a", "b", "b", "c"]

    async def main() -> list[str]:
        return await asyncio.gather(*map(shout, wanted))

    app = bench.app(main)
    assert bench.update(app) == ["A", "B", "B", "C"]
    assert batches == [["a"], ["b", "c"]]
    wanted.append("d")
    assert bench.update(app) == ["A", "B", "B", "C", "D"]
    assert batches == [["a"], ["b", "c"], ["d"]]


def test_a_stored_item_is_read_as_one_of_the_annotated_results(bench: Bench) -> None:
    # FN-18, MEM-31
    @coco.fn.as_async(memo=True, batching=True)
    async def doubled(items: list[int]) -> list[tuple[int, ...]]:
        return [(item, item) for item in items]

    async def main() -> tuple[int, ...]:
        return await doubled(1)

    app = bench.app(main)
    assert [bench.update(app), bench.update(app)] == [(1, 1), (1, 1)]


def test_a_batched_function_can_be_mounted(bench: Bench) -> None:
    # BAT-06
    batches: list[list[int]] = []

    @coco.fn.as_async(batching=True)
    async def call(items: list[int]) -> list[int]:
        batches.append(items)
        return items

    async def main() -> int:
        await (await coco.mount_each(call, [(n, n) for n in range(3)])).ready()
        return await coco.use_mount(coco.component_subpath("alone"), call, 7)

    assert bench.update(bench.app(main)) == 7
    assert batches == [[0], [1, 2], [7]]


def test_a_caller_that_gives_up_takes_its_item_back(bench: Bench) -> None:
    body = Body(bench, held=True)

    async def story() -> list[Any]:
        calls = [asyncio.ensure_future(body.call(n)) for n in range(4)]
        await asyncio.sleep(1)
        calls[2].cancel()
        await asyncio.sleep(1)
        body.gate.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = bench.run(story())
    assert results[:2] == [0, 1]
    assert isinstance(results[2], asyncio.CancelledError)
    assert body.batches == [[0], [1, 3]]
    assert queues(body.call) == 0


def test_a_body_goes_on_as_long_as_one_caller_waits_for_it(bench: Bench) -> None:
    body = Body(bench, held=True)

    async def story() -> list[Any]:
        calls = [asyncio.ensure_future(body.call(n)) for n in range(3)]
        await asyncio.sleep(1)
        calls[0].cancel()  # the only one of its batch: the next batch begins
        await asyncio.sleep(1)
        assert body.batches == [[0], [1, 2]]
        calls[1].cancel()
        await asyncio.sleep(1)
        body.gate.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = bench.run(story())
    assert [type(result) for result in results] == [asyncio.CancelledError, asyncio.CancelledError, int]
    assert body.ended == [[1, 2]]
    assert queues(body.call) == 0


def test_a_thread_that_nobody_waits_for_ends_before_the_next_batch_begins() -> None:
    entered, leave = threading.Event(), threading.Event()
    log: list[str] = []

    @coco.fn.as_async(batching=True)
    def call(items: list[int]) -> list[int]:
        log.append(f"begin {items}")
        if items == [0]:
            entered.set()
            leave.wait()
        log.append(f"end {items}")
        return items

    async def story() -> int:
        first = asyncio.ensure_future(call(0))
        await asyncio.to_thread(entered.wait)
        first.cancel()
        second = asyncio.ensure_future(call(1))
        for _ in range(5):
            await asyncio.sleep(0)
        assert log == ["begin [0]"]
        leave.set()
        return await second

    assert asyncio.run(story()) == 1
    assert log == ["begin [0]", "end [0]", "begin [1]", "end [1]"]


def test_a_queue_is_gone_when_nothing_waits_in_it(bench: Bench) -> None:
    body = Body(bench)

    async def story() -> int:
        calls = [asyncio.ensure_future(body.call(n, n % 3)) for n in range(9)]
        await asyncio.sleep(0)
        busy = queues(body.call)
        await asyncio.gather(*calls)
        return busy

    assert bench.run(story()) == 3
    assert queues(body.call) == 0


def test_a_loop_that_ended_in_the_middle_leaves_no_queue_behind(bench: Bench) -> None:
    body = Body(bench, held=True)

    async def main() -> None:
        await body.call(1)

    bench.halt_at(bench.app(main).update().result(), "component_started")
    bench.loop.run_until(lambda: bool(body.batches))
    bench.crash()
    assert gathered(bench, Body(bench).call(2)) == [2]
    body.gate = asyncio.Event()
    body.gate.set()
    assert gathered(bench, body.call(3)) == [3]
    assert queues(body.call) == 0


def test_the_size_of_a_batch_is_one_or_more() -> None:
    for size in (0, -1, 1.5):
        with pytest.raises(ValueError, match=f"max_batch_size must be a whole number of items, 1 or more, got {size}"):
            coco.fn.as_async(batching=True, max_batch_size=size)(lambda items: items)


def test_batching_needs_the_async_interface() -> None:
    # FN-03
    for options in ({"batching": True}, {"max_batch_size": 3}, {"runner": coco.GPU}):
        with pytest.raises(ValueError, match=r"use @coco\.fn\.as_async"):
            coco.fn(**options)
