"""Running the code of mounted children: many that need not wait in one task, each that waits in a task of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine, Generator
from contextvars import Context
from functools import partial
from types import coroutine
from typing import TYPE_CHECKING, Any

from ._build import Invocation, begin_build
from ._exceptions import report_failure
from ._outcome import Outcome

if TYPE_CHECKING:
    from ._component import Component
    from ._run import Run

__all__ = ["Crew", "Started"]


class Started:
    """A child that has its slot: what it runs and in which context. `ended` is done when it, and all below it, is."""

    __slots__ = ("_child", "_invocation", "_is_background", "context", "ended")

    def __init__(self, child: Component, invocation: Invocation, context: Context, *, is_background: bool) -> None:
        self._child = child
        self._invocation = invocation
        self._is_background = is_background
        self.context = context
        self.ended: asyncio.Future[Outcome[Any]] = child.run.loop.create_future()

    @property
    def processor(self) -> str:
        """What its tasks are called by."""
        return self._child.processor

    async def run(self) -> None:
        """The child's code and what follows on it, in its context."""
        outcome = await begin_build(self._child, self._invocation, self._over)
        if outcome is not None:
            await self._end(outcome)

    def _over(self, outcome: Outcome[Any]) -> None:
        if outcome.error is not None and self._has_to_report(outcome):
            self._child.run.spawn(self._end(outcome), self.processor, self.context)
        else:
            self._let_go(outcome)

    async def _end(self, outcome: Outcome[Any]) -> None:
        try:
            if self._has_to_report(outcome):
                assert outcome.error is not None
                outcome = outcome._replace(unhandled=await report_failure(self._child, outcome.error))
        except BaseException:
            self.ended.cancel()
            raise
        finally:
            self._let_go(outcome)

    def _has_to_report(self, outcome: Outcome[Any]) -> bool:
        error = outcome.error
        return error is not None and self._is_background and not isinstance(error, asyncio.CancelledError)

    def _let_go(self, outcome: Outcome[Any]) -> None:
        child, parent = self._child, self._child.parent
        assert parent is not None
        child.give_up_slot()
        parent.child_ended(child, background=self._is_background)
        if not self.ended.done():
            self.ended.set_result(outcome)


class Crew:
    """The tasks of one run in which children run.

    A task goes on to the next child when the code of one is over. If it has to wait, the task stays with it, and those
    that are still to come get another one. So code sees one task from its beginning to its end.
    """

    __slots__ = ("_at_once", "_at_work", "_run", "_spawned", "_to_come")

    def __init__(self, run: Run, at_once: int) -> None:
        self._run = run
        self._at_once = at_once
        self._to_come: deque[Started] = deque()
        self._spawned: dict[Started, None] = {}  # those that have a task of their own, which has not begun
        self._at_work = 0  # how many tasks have these before them

    def begin(self, started: Started) -> None:
        """Run a child, soon."""
        if self._run.interrupted:
            started.ended.cancel()
        elif self._at_once == 1:
            self._spawned[started] = None
            self._run.spawn(self._run_alone(started), started.processor, started.context)
        else:
            self._to_come.append(started)
            if not self._at_work:
                self._call()

    def dismiss(self) -> None:
        """Those that are still to come never begin: the run was interrupted."""
        for started in (*self._to_come, *self._spawned):
            started.ended.cancel()
        self._to_come.clear()

    async def _run_alone(self, started: Started) -> None:
        del self._spawned[started]
        await started.run()

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        for _ in range(self._at_once):
            if not self._to_come or task.cancelling():  # one that cancels its own task has cancelled only itself
                break
            started = self._to_come.popleft()
            work, context = started.run(), started.context
            try:
                awaited = context.run(work.send, None)
            except StopIteration:
                continue
            # What comes next will have to wait as well, most likely: let all of it begin in one turn of the loop.
            self._leave(len(self._to_come))
            await _rest(work, context, awaited)
            return
        self._leave(1 if self._to_come else 0)

    def _leave(self, others: int) -> None:
        """One task less; have this many."""
        self._at_work -= 1
        while self._at_work < others:
            self._call()

    def _call(self) -> None:
        self._at_work += 1
        self._run.spawn(self._work(), "components")


@coroutine
def _rest(work: Coroutine[Any, Any, None], context: Context, awaited: Any) -> Generator[Any, Any, None]:
    """What is left of some work that awaits something, each step in its context."""
    while True:
        try:
            sent = yield awaited
        except GeneratorExit:  # the loop is gone
            context.run(work.close)
            raise
        except BaseException as error:
            step = partial(work.throw, error)
        else:
            step = partial(work.send, sent)
        try:
            awaited = context.run(step)
        except StopIteration:
            return
