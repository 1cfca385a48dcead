"""Calling users' synchronous code on a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import Context
from typing import TypeVar

__all__ = ["run_blocking"]

R = TypeVar("R")


def run_blocking(
    loop: asyncio.AbstractEventLoop, context: Context, work: Callable[[], R], executor: Executor | None = None
) -> asyncio.Future[R]:
    """Begin a call in this context on a worker thread, of this executor if it has to be a special one."""
    return loop.run_in_executor(executor, context.run, _guarded, work)


def _guarded(work: Callable[[], R]) -> R:
    try:
        return work()
    except StopIteration as error:  # a future can't hold it: Python 3.11 waits for ever, later versions raise this
        raise RuntimeError(f"{work!r} raised StopIteration") from error
