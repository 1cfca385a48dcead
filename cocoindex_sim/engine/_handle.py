"""What mounting gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ._deadline import check_deadline
from ._outcome import Outcome

__all__ = ["ComponentMountHandle"]


class ComponentMountHandle:
    """Lets a parent wait for what it mounted."""

    __slots__ = ("_tasks",)

    def __init__(self, tasks: list[asyncio.Future[Outcome[Any]]]) -> None:
        self._tasks = tasks

    async def ready(self) -> None:
        """Wait until the target states of the subtree are applied.

        Returns also when the child failed, unless its exception handlers raised: then the last exception (CMP-11).
        CancelledError for an operation on a live component that was not done, as the component or the run was ended.
        """
        check_deadline()
        for task in self._tasks:
            outcome = await asyncio.shield(task)
            check_deadline()
            if outcome.unhandled is not None:
                raise outcome.unhandled

    def when_ready(self, call: Callable[[BaseException | None], object]) -> None:
        """Have `call` called when `ready` would return, with None, or raise, with what it raises.

        For sources with many operations in flight, to which a waiting task each is too much. Not in CocoIndex.
        """
        if len(self._tasks) != 1:
            raise RuntimeError("when_ready is for the handle of a single operation")
        self._tasks[0].add_done_callback(lambda task: call(_ended(task)))


def _ended(task: asyncio.Future[Outcome[Any]]) -> BaseException | None:
    if task.cancelled():
        return asyncio.CancelledError()
    return task.exception() or task.result().unhandled
