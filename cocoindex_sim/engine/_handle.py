"""What mounting gives."""

from __future__ import annotations

import asyncio
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
