"""What mounting gives."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ._deadline import check_deadline
from ._outcome import Outcome

__all__ = ["ComponentMountHandle", "Mounted"]

MOUNTED_KEPT: Final = 2_000
"""How many children are remembered before those that are ready are forgotten. About as many may be in flight."""


class Mounted:
    """The children of one mount that a handle has to wait for, or to raise for.

    Of a million, all but those in flight are ready when the last one is mounted: their tasks would take gigabytes.
    """

    __slots__ = ("_kept_max", "futures")

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[Outcome[Any]]] = []
        self._kept_max = MOUNTED_KEPT

    def add(self, future: asyncio.Future[Outcome[Any]]) -> None:
        """One more child."""
        self.futures.append(future)
        if len(self.futures) >= self._kept_max:
            self.futures = [future for future in self.futures if not _is_ready(future)]
            self._kept_max = max(MOUNTED_KEPT, 2 * len(self.futures))


def _is_ready(future: asyncio.Future[Outcome[Any]]) -> bool:
    return future.done() and _ended(future) is None


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
