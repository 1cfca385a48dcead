"""In which order the operations on one live component run (LIV-18, LIV-20..25).

Everything goes by the order of invocation. A complete cycle runs alone. Operations on items run side by side, except
those on the same subpath, or on one above or below it. Of several that wait on the same subpath only the last runs.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any, Protocol, TypeAlias

from ._outcome import NOTHING, Outcome
from ._slots import Slots
from ._subpath import split_parts

__all__ = ["Order", "Work"]

Work: TypeAlias = Callable[[], Awaitable[Outcome[Any]]]


class Spawn(Protocol):
    """Starts a task that outlives its starter."""

    def __call__(self, work: Coroutine[Any, Any, Outcome[Any]], name: str) -> asyncio.Task[Outcome[Any]]: ...


class _Turns:
    """Turns that are either shared or exclusive, given out in the order they were asked for."""

    __slots__ = ("_alone", "_sharing", "_waiting", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._sharing = 0
        self._alone = False
        self._waiting: deque[tuple[bool, asyncio.Future[None]]] = deque()

    def ask_to_share(self) -> asyncio.Future[None] | None:
        """A shared turn: None if it has come already, as for most of many."""
        if self._waiting or self._alone:
            return self.ask(alone=False)
        self._sharing += 1
        return None

    def ask(self, *, alone: bool) -> asyncio.Future[None]:
        """A turn: done once it has come."""
        turn = self.loop.create_future()
        self._waiting.append((alone, turn))
        self._give()
        return turn

    def _give(self) -> None:
        while self._waiting and not self._alone:
            alone, turn = self._waiting[0]
            if not turn.cancelled():
                if alone and self._sharing:
                    return
                self._alone = alone
                self._sharing += not alone
                turn.set_result(None)
            self._waiting.popleft()

    def end(self, turn: asyncio.Future[None] | None, *, alone: bool) -> None:
        """Give a turn back, whether it has come or not."""
        if turn is None:
            self._sharing -= 1
        elif not turn.done():
            turn.cancel()
        elif not turn.cancelled():
            if alone:
                self._alone = False
            else:
                self._sharing -= 1
        self._give()


class _Operation:
    __slots__ = ("_done", "after", "began", "is_over", "is_sealed", "outcome", "path", "takes_slot", "turn", "work")

    def __init__(self, path: bytes, work: Work, after: list[_Operation], turns: _Turns, *, takes_slot: bool) -> None:
        self.path = path
        self.work: Work | None = work  # None: not to be run
        self.takes_slot = takes_slot
        self.after = after
        self.turn = turns.ask_to_share()
        self.is_over = False
        self._done: asyncio.Future[None] | None = None  # made when somebody waits
        self.outcome: asyncio.Future[Outcome[Any]] = turns.loop.create_future()
        self.began = False
        self.is_sealed = False  # something that has to come after it was asked for, so nothing may take its place

    def end(self) -> None:
        """Let those begin that wait for it."""
        self.is_over = True
        if self._done is not None:
            self._done.set_result(None)

    async def wait(self) -> None:
        """Wait until it is over."""
        if not self.is_over:
            if self._done is None:
                self._done = self.outcome.get_loop().create_future()
            await asyncio.shield(self._done)


class Order:
    """The operations on one live component that wait or run."""

    def __init__(self, loop: asyncio.AbstractEventLoop, spawn: Spawn, slots: Slots) -> None:
        self._loop = loop
        self._spawn = spawn
        self._slots = slots
        self._turns = _Turns(loop)
        self._last: dict[bytes, _Operation] = {}  # by subpath, the last one asked for
        self._below: dict[bytes, dict[bytes, None]] = {}  # by the beginning of a subpath, those in `_last` below it
        self._open = 0
        self._all_done: asyncio.Future[None] | None = None

    def alone(self, work: Work) -> asyncio.Task[Outcome[Any]]:
        """Run a complete cycle, after everything asked for before it, and before everything asked for from now on."""
        turn = self._turns.ask(alone=True)
        for operation in self._last.values():
            operation.is_sealed = True
        self._began()
        task = self._spawn(self._perform_alone(turn, work), "update_full")
        task.add_done_callback(partial(self._over_alone, turn))
        return task

    async def _perform_alone(self, turn: asyncio.Future[None], work: Work) -> Outcome[Any]:
        await turn
        return await work()

    def _over_alone(self, turn: asyncio.Future[None], task: asyncio.Task[Outcome[Any]]) -> None:
        self._turns.end(turn, alone=True)
        self._ended()

    def run(self, path: bytes, work: Work, *, takes_slot: bool = False) -> asyncio.Future[Outcome[Any]]:
        """Run an operation on a subpath when it is its turn; the future tells how it ended, or that it was superseded.

        `work` must not raise. `takes_slot`: it begins with a slot, and gives it back itself.
        """
        last = self._last.get(path)
        if last is not None and not (last.began or last.is_sealed):
            superseded, last.work, last.outcome = last.outcome, work, self._loop.create_future()
            last.takes_slot = takes_slot
            superseded.set_result(NOTHING)
            return last.outcome
        before = self._related(path)
        for one in before:
            one.is_sealed = True
        operation = _Operation(path, work, before, self._turns, takes_slot=takes_slot)
        self._last[path] = operation
        for end in split_parts(path)[:-1]:
            self._below.setdefault(path[:end], {})[path] = None
        self._began()
        task = self._spawn(self._perform(operation), "live operation")
        task.add_done_callback(partial(self._over, operation))
        return operation.outcome

    def _related(self, path: bytes) -> list[_Operation]:
        """What was asked for on this subpath, above it and below it."""
        paths = [path[:end] for end in split_parts(path)]
        paths.extend(self._below.get(path, ()))
        return [self._last[one] for one in paths if one in self._last]

    async def _perform(self, operation: _Operation) -> Outcome[Any]:
        for before in operation.after:
            await before.wait()
        if operation.turn is not None:
            await operation.turn
        if operation.work is not None and operation.takes_slot:
            await self._slots.take()  # and meanwhile others may take its place
            if operation.work is None or not operation.takes_slot:
                self._slots.give_back()
        operation.began = True
        operation.after = []
        return NOTHING if operation.work is None else await operation.work()

    def _over(self, operation: _Operation, task: asyncio.Task[Outcome[Any]]) -> None:
        """Also called for what was cancelled before it began, which runs no code of its own."""
        self._forget(operation)
        self._turns.end(operation.turn, alone=False)
        operation.end()
        error = None if task.cancelled() else task.exception()
        if error is not None:
            operation.outcome.set_exception(error)  # a defect of ours
        elif task.cancelled() or operation.work is None or isinstance(task.result().error, asyncio.CancelledError):
            operation.outcome.cancel()  # not superseded, but given up: whoever waits must not take it for done
        else:
            operation.outcome.set_result(task.result())
        self._ended()

    def _forget(self, operation: _Operation) -> None:
        path = operation.path
        if self._last.get(path) is operation:
            del self._last[path]
            for end in split_parts(path)[:-1]:
                below = self._below[path[:end]]
                del below[path]
                if not below:
                    del self._below[path[:end]]

    def drop_waiting(self) -> None:
        """Let nothing begin that has not begun; whoever waits for it gets a CancelledError."""
        chain = list(self._last.values())
        while chain:
            operation = chain.pop()
            if not operation.began:
                operation.work = None
                chain.extend(operation.after)

    def _began(self) -> None:
        self._open += 1

    def _ended(self) -> None:
        self._open -= 1
        if not self._open and self._all_done is not None:
            if not self._all_done.done():
                self._all_done.set_result(None)
            self._all_done = None

    async def all_done(self) -> None:
        """Wait until nothing waits or runs."""
        while self._open:
            if self._all_done is None:
                self._all_done = self._loop.create_future()
            await asyncio.shield(self._all_done)
