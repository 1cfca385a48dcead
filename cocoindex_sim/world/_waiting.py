"""Who waits where: one line per pending task, for deadlocks and reports."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import PurePath
from types import CodeType
from typing import Any

__all__ = ["waiting_text"]

_ASYNCIO_DIRECTORY = str(PurePath(asyncio.__file__).parent)
_TASKS_MAX = 50


def _suspended_frames(awaitable: Any) -> list[tuple[CodeType, int]]:
    """The code and line of each suspended frame, outermost first."""
    frames = []
    while awaitable is not None:
        for prefix, inner in (("cr", "cr_await"), ("gi", "gi_yieldfrom"), ("ag", "ag_await")):
            if hasattr(awaitable, f"{prefix}_frame"):
                frame = getattr(awaitable, f"{prefix}_frame")
                if frame is not None:
                    frames.append((frame.f_code, frame.f_lineno))
                awaitable = getattr(awaitable, inner)
                break
        else:
            return frames  # a future, or one step of an async generator, which does not say whose it is
    return frames


def _where(task: asyncio.Task[Any]) -> str:
    """File and line of the innermost frame outside asyncio, and what it called there."""
    frames = _suspended_frames(task.get_coro())
    if not frames:
        return "not started"
    called = ""
    while len(frames) > 1 and frames[-1][0].co_filename.startswith(_ASYNCIO_DIRECTORY):
        called = f" in {frames.pop()[0].co_qualname}"
    code, line = frames[-1]
    return f"{PurePath(code.co_filename).name}:{line}{called}"


def waiting_text(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """One line per task, in the given order: its name, its coroutine and where it waits.

    At most 50 lines; the last one then says how many are left out.
    """
    tasks = [task for task in tasks if not task.done()]
    lines = [
        f"  {task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')}): {_where(task)}"
        for task in tasks[:_TASKS_MAX]
    ]
    if len(tasks) > _TASKS_MAX:
        lines.append(f"  and {len(tasks) - _TASKS_MAX} more")
    return "\n".join(lines)
