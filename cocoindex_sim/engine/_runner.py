"""Runners: what decides where the bodies of tracked functions run (BAT-06)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from types import MethodType
from typing import Any, ParamSpec, TypeVar

from ._batching import BatchQueues, bare_context, has_receiver

__all__ = ["Runner", "RunnerCalls"]

P = ParamSpec("P")
R = TypeVar("R")


class Runner(ABC):
    """Where bodies run: `@coco.fn.as_async(runner=...)`.

    Both methods get the body, bound if it is a method, and its arguments; in a batched function a list of items in
    place of the item. They are awaited outside any component, without deadline. Batches of all functions with the same
    runner wait for each other.
    """

    @abstractmethod
    async def run(self, fn: Callable[P, Coroutine[Any, Any, R]], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run an async body."""

    @abstractmethod
    async def run_sync_fn(self, fn: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a sync body, without blocking the event loop."""

    def get_queue(self) -> BatchQueues:
        """The items that wait for a batch on this runner."""
        queues: BatchQueues | None = self.__dict__.get("_batch_queues")  # subclasses need not call our constructor
        if queues is None:
            queues = self.__dict__["_batch_queues"] = BatchQueues()
        return queues


class RunnerCalls:
    """How the calls of one function that is not batched reach its runner: one by one, as they come."""

    def __init__(self, body: Callable[..., Any], *, is_async: bool, runner: Runner) -> None:
        self._body = body
        self._has_receiver = has_receiver(body)
        self._start: Callable[..., Coroutine[Any, Any, Any]] = runner.run if is_async else runner.run_sync_fn

    async def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """One call through the runner. Cancelled with its caller."""
        body = self._body
        if self._has_receiver and args:
            body, args = MethodType(body, args[0]), args[1:]
        work = _settled(partial(self._start, body, *args, **kwargs))
        value, error = await asyncio.get_running_loop().create_task(work, name="runner", context=bare_context())
        if error is not None:
            raise error
        return value


async def _settled(start: Callable[[], Awaitable[Any]]) -> tuple[Any, BaseException | None]:
    try:
        return await start(), None
    except (GeneratorExit, asyncio.CancelledError):
        raise
    except BaseException as error:  # a task that ends with KeyboardInterrupt takes its loop along
        return None, error
