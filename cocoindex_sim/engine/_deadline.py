"""Cooperative deadlines: set for a block, checked where work begins and where results are handed over (TMO)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import TypeVar

from ._process import current_process

__all__ = [
    "DeadlineExceededError",
    "check_cancellation",
    "check_deadline",
    "current_deadline_ns",
    "in_time",
    "set_deadline_ns",
    "timeout",
]

T = TypeVar("T")


class DeadlineExceededError(TimeoutError):
    """The deadline of an enclosing `timeout` has passed."""


# In nanoseconds of the process's monotonic clock. A contextvar, so that calls and tasks inherit it.
_deadline_ns: ContextVar[int | None] = ContextVar("coco_deadline", default=None)


@contextmanager
def timeout(duration: timedelta) -> Iterator[None]:
    """Give the work in the block this long. The earlier of nested deadlines counts.

    Nothing is interrupted: `check_cancellation`, calls of tracked functions, mounts and `map` raise
    DeadlineExceededError once the time is over. TypeError unless given a timedelta, ValueError for a negative one.
    """
    if not isinstance(duration, timedelta):
        raise TypeError(f"timeout takes a timedelta, got {duration!r}")
    if duration < timedelta(0):
        raise ValueError(f"timeout takes a duration of zero or more, got {duration!r}")
    own_ns = current_process().ports.clock.monotonic_ns() + duration // timedelta(microseconds=1) * 1_000
    outer_ns = _deadline_ns.get()
    token = _deadline_ns.set(own_ns if outer_ns is None else min(own_ns, outer_ns))
    try:
        yield
    finally:
        _deadline_ns.reset(token)


def check_cancellation() -> None:
    """DeadlineExceededError when the deadline has passed; CancelledError when the task was asked to end."""
    check_deadline()
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a worker thread
        return
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def check_deadline() -> None:
    """DeadlineExceededError when the deadline has passed: strictly later than it (TMO-01)."""
    deadline_ns = _deadline_ns.get()
    if deadline_ns is not None and current_process().ports.clock.monotonic_ns() > deadline_ns:
        raise DeadlineExceededError("the deadline of an enclosing coco.timeout() has passed")


def in_time(result: T) -> T:
    """A result, unless it comes too late to be delivered (TMO-03)."""
    if _deadline_ns.get() is not None:
        check_deadline()
    return result


def current_deadline_ns() -> int | None:
    """The deadline that work begun here inherits, on the process's monotonic clock."""
    return _deadline_ns.get()


def set_deadline_ns(deadline_ns: int | None) -> None:
    """Begin work with this deadline, or with none, whatever whoever asked for it has (TMO-04)."""
    _deadline_ns.set(deadline_ns)
