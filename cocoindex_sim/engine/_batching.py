"""Batched functions: callers bring one item each, the body gets them as lists (BAT-01..05)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from functools import partial
from types import MethodType
from typing import Any, TypeAlias, TypeVar

from ._around import runs_around, set_runs_around
from ._blocking import run_blocking
from ._process import _active, current_process

__all__ = [
    "BatchQueue",
    "BatchQueues",
    "Batching",
    "RetryWithSmallerBatch",
    "bare_context",
    "has_receiver",
    "outlast",
]

R = TypeVar("R")
_Body: TypeAlias = Callable[[list[Any]], Awaitable[Any]]


class RetryWithSmallerBatch(Exception):
    """Raise it from a batched body to have the items tried again in two halves.

    `raise RetryWithSmallerBatch() from error` works for any number of items: a single one fails with `error`, or with
    what was being handled, or with this signal when there is neither.
    """


def bare_context() -> Context:
    """A context outside any component, deadline and caller: bodies whose callers share them belong to none of them.

    What stays is which runs wait for the body.
    """
    context = Context()
    context.run(_active.set, current_process())
    context.run(set_runs_around, runs_around())
    return context


def has_receiver(body: Callable[..., Any]) -> bool:
    """Whether the first argument is the object a method is called on.

    By Python's convention, a function in a class body whose first parameter is named `self` or `cls`: a static method
    is called the same way, so its calls don't tell.
    """
    scope = body.__qualname__.rpartition(".")[0]
    if not scope or scope.endswith("<locals>"):
        return False
    return next(iter(inspect.signature(body).parameters), "") in ("self", "cls")


async def call_body(body: Callable[..., Any], is_async: bool, /, *args: Any, **kwargs: Any) -> Any:
    """Call a body; a sync one on a worker thread, which is waited for even when this task is cancelled."""
    if is_async:
        return await body(*args, **kwargs)
    return await outlast(run_blocking(asyncio.get_running_loop(), bare_context(), partial(body, *args, **kwargs)))


async def outlast(call: asyncio.Future[R]) -> R:
    """The result of a call on another thread or in another process; waits for its end also when cancelled meanwhile.

    Such a call can't be stopped, and what comes next must not meet it.
    """
    try:
        return await asyncio.shield(call)
    except asyncio.CancelledError:
        await asyncio.wait([call])
        call.exception()  # nobody is left to be told
        raise


class _Item:
    """One caller's argument, on its way to a result."""

    __slots__ = ("around", "batch", "body", "result", "value")

    def __init__(self, value: Any, body: _Body, result: asyncio.Future[Any]) -> None:
        self.value = value
        self.body = body
        self.result = result
        self.around = runs_around()
        self.batch: _Batch | None = None


class _Batch:
    """Items of one group on their way through the body together."""

    __slots__ = ("items", "task")

    def __init__(self, items: list[_Item]) -> None:
        self.items = items
        self.task: asyncio.Task[None] | None = None


class BatchQueue:
    """Items of one event loop that wait for each other.

    An item that finds nothing in flight goes alone and at once. Others wait, by group, in the order they came: until
    their group is as large as a batch may be, or until nothing is in flight.
    """

    __slots__ = ("_dropped", "_in_flight", "_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop, dropped: Callable[[], object]) -> None:
        self._loop = loop
        self._dropped = dropped  # called when nothing waits and nothing is in flight
        self._in_flight = 0
        self._waiting: dict[Hashable, list[_Item]] = {}

    async def submit(self, group: Hashable, value: Any, body: _Body, size_max: int | None) -> Any:
        """The result for one item. Raises what the body raised for its batch."""
        item = _Item(value, body, self._loop.create_future())
        if not self._in_flight:
            self._start([item])
        else:
            waiting = self._waiting.setdefault(group, [])
            waiting.append(item)
            if size_max is not None and len(waiting) >= size_max:
                self._start(self._waiting.pop(group))
        try:
            return await item.result
        except asyncio.CancelledError:
            self._leave(group, item)
            raise

    def _leave(self, group: Hashable, item: _Item) -> None:
        """A caller gives up: its item is taken back, and a body that nobody waits for any more is cancelled."""
        if item.batch is None:
            waiting = self._waiting[group]
            waiting.remove(item)
            if not waiting:
                del self._waiting[group]
        elif item.batch.task is not None and all(one.result.done() for one in item.batch.items):
            item.batch.task.cancel()

    def _start(self, items: list[_Item]) -> None:
        batch = _Batch(items)
        for item in items:
            item.batch = batch
        self._in_flight += 1
        context = bare_context()
        context.run(set_runs_around, tuple(dict.fromkeys(run for item in items for run in item.around)))
        batch.task = self._loop.create_task(_run(items), name="batch", context=context)
        batch.task.add_done_callback(lambda task: self._end(batch), context=context)

    def _end(self, batch: _Batch) -> None:
        # A callback rather than the end of the task: a task that is cancelled before its first step has none.
        batch.task = None
        for item in batch.items:
            if not item.result.done():
                item.result.cancel()
        self._in_flight -= 1
        if self._in_flight:
            return
        if self._waiting:
            self._start(self._waiting.pop(next(iter(self._waiting))))
        else:
            self._dropped()


class BatchQueues:
    """The queues of one batched function, or of one runner, that are in use."""

    def __init__(self) -> None:
        self._by_loop: dict[asyncio.AbstractEventLoop, dict[Hashable, BatchQueue]] = {}

    def queue(self, name: Hashable) -> BatchQueue:
        """The queue of this name on the running loop."""
        loop = asyncio.get_running_loop()
        queues = self._by_loop.get(loop)
        if queues is None:
            for other in list(self._by_loop):  # loops that ended with bodies in flight
                if other.is_closed():
                    del self._by_loop[other]
            queues = self._by_loop[loop] = {}
        queue = queues.get(name)
        if queue is None:
            queue = queues[name] = BatchQueue(loop, lambda: self._drop(loop, name))
        return queue

    def _drop(self, loop: asyncio.AbstractEventLoop, name: Hashable) -> None:
        queues = self._by_loop[loop]
        del queues[name]
        if not queues:
            del self._by_loop[loop]

    def __len__(self) -> int:
        return sum(map(len, self._by_loop.values()))


class Batching:
    """How the calls of one batched function become batches."""

    def __init__(
        self, body: Callable[..., Any], *, is_async: bool, size_max: int | None = None, runner: Any = None
    ) -> None:
        if size_max is not None and (not isinstance(size_max, int) or size_max < 1):
            raise ValueError(f"max_batch_size must be a whole number of items, 1 or more, got {size_max!r}")
        self._body = body
        self._is_async = is_async
        self._size_max = size_max
        self._runner = runner
        self._has_receiver = has_receiver(body)
        self.queues = BatchQueues()

    async def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One item through the body. ValueError without a positional item, TypeError for an unhashable argument."""
        body, rest, receiver = self._body, args, None
        if self._has_receiver and args:
            receiver, rest = args[0], args[1:]
            body = MethodType(body, receiver)
        if not rest:
            raise ValueError(
                f"Expected at least one input argument: the item of {self._body.__qualname__}, by position"
            )
        value, further = rest[0], rest[1:]
        # With types, for 1 == True. The receiver is kept alive by the items, and so its id is.
        group = (
            self,
            id(receiver),
            tuple((type(one), one) for one in further),
            tuple((name, type(kwargs[name]), kwargs[name]) for name in sorted(kwargs)),
        )
        hash(group)
        queues, name = (self.queues, group) if self._runner is None else (self._runner.get_queue(), None)

        def run(values: list[Any]) -> Awaitable[Any]:
            if self._runner is None:
                return call_body(body, self._is_async, values, *further, **kwargs)
            start = self._runner.run if self._is_async else self._runner.run_sync_fn
            work: Awaitable[Any] = start(body, values, *further, **kwargs)
            return work

        return await queues.queue(name).submit(group, value, run, self._size_max)


async def _run(items: list[_Item]) -> None:
    """Items through the body; in halves, front first, as often as it asks for that (BAT-04)."""
    items = [item for item in items if not item.result.done()]
    if not items:
        return
    split: BaseException | None = None
    try:
        results = _checked(await items[0].body([item.value for item in items]), len(items))
    except GeneratorExit:  # the loop is gone
        raise
    except RetryWithSmallerBatch as signal:
        split = signal
    except BaseException as error:  # a task that ends with KeyboardInterrupt takes its loop along
        _fail(items, error)
        return
    if split is None:
        for item, result in zip(items, results, strict=True):
            if not item.result.done():
                item.result.set_result(result)
    elif len(items) == 1:
        _fail(items, split.__cause__ or split.__context__ or split)
    else:  # not inside the handler, or the errors of the halves would have the signal as their context
        middle = len(items) // 2
        await _run(items[:middle])
        await _run(items[middle:])


def _checked(results: Any, count: int) -> Sequence[Any]:
    if not isinstance(results, Sequence) or isinstance(results, str):
        raise TypeError(
            f"a batched function must return a sequence with one result per item, got a {type(results).__qualname__}"
        )
    if len(results) != count:
        raise RuntimeError(f"Batched output length mismatch: expected {count} outputs, got {len(results)}")
    return results


def _fail(items: list[_Item], error: BaseException) -> None:
    for item in items:
        if item.result.done():
            continue
        if isinstance(error, StopIteration):  # a future can't hold it
            wrapped = RuntimeError(f"a batched function raised {error!r}")
            wrapped.__cause__ = error
            item.result.set_exception(wrapped)
        else:
            item.result.set_exception(error)
