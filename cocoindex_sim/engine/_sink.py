"""Applying actions: one call per sink at a time, merged across the components that are waiting (TGT-11..14)."""

from __future__ import annotations

import asyncio
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from ..values import ActionsApplied, ActionsFailed, StablePath
from ._blocking import run_blocking
from ._context_keys import ContextProvider
from ._targets import TargetActionSink

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["SinkQueue"]


class _Waiting(NamedTuple):
    path: StablePath
    actions: list[Any]
    applied: asyncio.Future[None]


class SinkQueue:
    """One sink in one run. While a call is in flight, what other components bring waits and goes out together."""

    __slots__ = ("_context", "_drainer", "_provider", "_run", "_sink", "_waiting")

    def __init__(self, sink: TargetActionSink[Any], run: Run, context: Context) -> None:
        self._sink = sink
        self._run = run
        self._provider: ContextProvider = run.context_provider
        self._context = context  # outside any component: sinks have none (TGT-11)
        self._waiting: list[_Waiting] = []
        self._drainer: asyncio.Task[None] | None = None

    async def apply(self, path: StablePath, actions: list[Any]) -> None:
        """Apply the actions of one component. Raises what the sink raised for them."""
        applied = self._run.loop.create_future()
        self._waiting.append(_Waiting(path, actions, applied))
        if self._drainer is None:
            self._drainer = self._run.spawn(self._drain(), "sink", self._context)
        await applied

    async def _drain(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._apply_batch(batch)
        finally:
            self._drainer = None
            for waiting in self._waiting:  # only when this task was cancelled
                waiting.applied.cancel()

    async def _apply_batch(self, batch: list[_Waiting]) -> None:
        """One call; when it fails, the same in halves until the culprit is alone (TGT-14)."""
        try:
            await self._call([action for waiting in batch for action in waiting.actions])
        except GeneratorExit:  # the loop is gone
            raise
        except BaseException as error:
            if self._run.interrupted and isinstance(error, asyncio.CancelledError):
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._apply_batch(batch[:middle])
                await self._apply_batch(batch[middle:])
                return
            self._end(batch[0], error)
        else:
            for waiting in batch:
                self._end(waiting, None)

    async def _call(self, actions: list[Any]) -> None:
        if self._sink.is_async:
            await self._sink.fn(self._provider, actions)  # type: ignore[misc]  # async, as from_async_fn says
        else:
            call = run_blocking(self._run.loop, self._context.copy(), partial(self._sink.fn, self._provider, actions))
            try:
                await asyncio.shield(call)
            except asyncio.CancelledError:
                if self._run.interrupted:
                    await asyncio.wait([call])  # a thread can't be stopped, and whoever comes next must not meet it
                raise

    def _end(self, waiting: _Waiting, error: BaseException | None) -> None:
        run, count = self._run, len(waiting.actions)
        if run.observed:
            run.emit(
                ActionsApplied(waiting.path, self._sink.name, count)
                if error is None
                else ActionsFailed(waiting.path, self._sink.name, count, repr(error))
            )
        if waiting.applied.done():
            return
        if error is None:
            waiting.applied.set_result(None)
        else:
            waiting.applied.set_exception(error)
