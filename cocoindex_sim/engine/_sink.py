"""Applying actions: one call per sink at a time, merged across the components that are waiting (TGT-11..14)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextvars import Context
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeAlias

from msgspec import Struct

from ..values import ActionsApplied, ActionsFailed, StablePath
from ._blocking import run_blocking
from ._child_forms import ChildSlot, handlers_returned
from ._context_keys import ContextProvider
from ._targets import TargetActionSink, TargetHandler

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Handlers", "SinkQueue"]


Handlers: TypeAlias = dict[int, TargetHandler[Any, Any, Any]]
"""Handlers of rows that a sink callback handed over, by the index of the container's action."""


Applied: TypeAlias = "Callable[[Handlers | BaseException], object]"
"""Called once with what came of some actions: handlers of rows, or what the sink raised."""


class _Waiting(Struct, frozen=True):
    path: StablePath
    actions: list[Any]
    containers: Collection[int]  # the indices of actions whose states have rows
    applied: Applied


class SinkQueue:
    """One sink in one run. While a call is in flight, what other components bring waits and goes out together."""

    __slots__ = ("_context", "_drainer", "_provider", "_run", "_waiting", "sink")

    def __init__(self, sink: TargetActionSink[Any], run: Run, context: Context) -> None:
        self.sink = sink
        self._run = run
        self._provider: ContextProvider = run.context_provider
        self._context = context  # outside any component: sinks have none (TGT-11)
        self._waiting: list[_Waiting] = []
        self._drainer: asyncio.Task[None] | None = None

    def apply(self, path: StablePath, actions: list[Any], containers: Collection[int] = ()) -> asyncio.Future[Handlers]:
        """Apply the actions of one component; the handlers of rows that came back in one of the deprecated ways.

        `containers`: the indices of actions whose states were declared with a child. Raises what the sink raised.
        """
        applied: asyncio.Future[Handlers] = self._run.loop.create_future()
        self.hand_over(path, actions, containers, partial(_tell, applied))
        return applied

    def hand_over(self, path: StablePath, actions: list[Any], containers: Collection[int], applied: Applied) -> None:
        """As `apply`, and have this called at once when it is done. It must not raise."""
        self._waiting.append(_Waiting(path, actions, containers, applied))
        if self._drainer is None:
            self._drainer = self._run.spawn(self._drain(), "sink", self._context)

    async def _drain(self) -> None:
        try:
            while self._waiting and not self._run.interrupted:
                batch, self._waiting = self._waiting, []
                await self._apply_batch(batch)
        finally:
            self._drainer = None
            self.dismiss()  # there is something only when this task was cancelled

    def dismiss(self) -> None:
        """What waits is never applied: the run was interrupted."""
        waiting, self._waiting = self._waiting, []
        _give_up(waiting)

    async def _apply_batch(self, batch: list[_Waiting]) -> None:
        """One call; when it fails, the same in halves until the culprit is alone (TGT-14)."""
        if self._run.interrupted:
            _give_up(batch)
            return
        try:
            handlers = await self._call(batch)
        except GeneratorExit:  # the loop is gone
            raise
        except BaseException as error:
            if self._run.interrupted and isinstance(error, asyncio.CancelledError):
                _give_up(batch)
                return
            if len(batch) > 1:
                middle = len(batch) // 2
                await self._apply_batch(batch[:middle])
                await self._apply_batch(batch[middle:])
                return
            self._end(batch[0], error)
        else:
            first = 0
            for waiting in batch:
                last = first + len(waiting.actions)
                own = (
                    {index - first: handlers[index] for index in handlers if first <= index < last} if handlers else {}
                )
                self._end(waiting, own)
                first = last

    async def _call(self, batch: list[_Waiting]) -> Handlers:
        actions = [action for waiting in batch for action in waiting.actions]
        if not self.sink.takes_slots:
            return handlers_returned(await self._call_fn(actions), self.sink.name)
        firsts = accumulate((len(waiting.actions) for waiting in batch), initial=0)
        slots: dict[int, ChildSlot[Any]] = {
            first + index: ChildSlot()
            for first, waiting in zip(firsts, batch, strict=False)
            for index in waiting.containers
        }
        await self._call_fn(actions, slots)
        return {index: slot.handler for index, slot in slots.items() if slot.handler is not None}

    async def _call_fn(self, *arguments: Any) -> Any:
        fn: Any = self.sink.fn
        if self.sink.is_async:
            return await fn(self._provider, *arguments)
        else:
            call = run_blocking(self._run.loop, self._context.copy(), partial(fn, self._provider, *arguments))
            try:
                return await asyncio.shield(call)
            except asyncio.CancelledError:
                if self._run.interrupted:
                    await asyncio.wait([call])  # a thread can't be stopped, and whoever comes next must not meet it
                raise

    def _end(self, waiting: _Waiting, outcome: Handlers | BaseException) -> None:
        run = self._run
        if run.observers:
            error, count = outcome if isinstance(outcome, BaseException) else None, len(waiting.actions)
            run.emit(
                ActionsApplied(waiting.path, self.sink.name, count)
                if error is None
                else ActionsFailed(waiting.path, self.sink.name, count, repr(error))
            )
        waiting.applied(outcome)


def _give_up(batch: list[_Waiting]) -> None:
    for waiting in batch:
        waiting.applied(asyncio.CancelledError())


def _tell(applied: asyncio.Future[Handlers], outcome: Handlers | BaseException) -> None:
    if applied.done():
        return
    if isinstance(outcome, asyncio.CancelledError):
        applied.cancel()
    elif isinstance(outcome, BaseException):
        applied.set_exception(outcome)
    else:
        applied.set_result(outcome)
