"""What can stand in the loop's queue: handles that know their name and whether the policy may choose them."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from ._schedule import Schedule

__all__ = ["Body", "Callback", "TaskStep", "Timer", "function_name"]


def function_name(function: Any) -> str:
    """The qualified name of a callable, without addresses; a partial is seen through, `to_thread`'s too."""
    while isinstance(function, functools.partial):
        inner = function.func
        if isinstance(getattr(inner, "__self__", None), contextvars.Context) and function.args:
            inner = function.args[0]
        function = inner
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _nothing() -> None:
    pass


class Callback(asyncio.Handle):
    """A plain `call_soon` callback.

    `asyncio.Handle` in type and API only: its constructor, which asks the loop for its debug mode, is not called.
    """

    __slots__ = ()
    choosable: ClassVar[bool] = False
    task: asyncio.Task[Any] | None = None

    _context: contextvars.Context  # typeshed leaves this one out

    def __init__(self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False

    @property
    def label(self) -> str:
        """The kind and the function's name."""
        return f"{type(self).__name__.lower()} {function_name(self._callback)}"

    @property
    def actor(self) -> object:
        """One for all of these: they keep their order, as the steps of a task do."""
        return Callback

    def cancel(self) -> None:
        """Make it never run."""
        self._cancelled = True
        self._callback, self._args = _nothing, ()

    def __repr__(self) -> str:
        return f"<{self.label}{' cancelled' if self._cancelled else ''}>"


class TaskStep(Callback):
    """The next step of a task."""

    __slots__ = ("task",)
    choosable = True
    task: asyncio.Task[Any]

    def __init__(
        self,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
        task: asyncio.Task[Any],
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False
        self.task = task

    @property
    def label(self) -> str:
        """The task's name."""
        return self.task.get_name()

    @property
    def actor(self) -> object:
        """The task."""
        return self.task


class Body(Callback):
    """A function given to `run_in_executor`."""

    __slots__ = ("function",)
    choosable = True
    function: Callable[..., object]

    @property
    def label(self) -> str:
        """The kind and the name of the function given to the executor."""
        return f"body {function_name(self.function)}"

    @property
    def actor(self) -> object:
        """Itself."""
        return self


class Timer(Callback, asyncio.TimerHandle):
    """A callback for a time; in the queue once that time has come."""

    __slots__ = ("loop",)
    choosable = True

    def __init__(
        self,
        when_ns: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        context: contextvars.Context,
        loop: Schedule,
    ) -> None:
        self._callback = callback
        self._args = args
        self._context = context
        self._cancelled = False
        self._when = when_ns / 1e9
        self._scheduled = True
        self.loop = loop

    @property
    def actor(self) -> object:
        """Itself."""
        return self

    def cancel(self) -> None:
        """Make it never run."""
        if not self._cancelled:
            if self._scheduled:
                self.loop.forget_timer()
            self._cancelled = True
            self._callback, self._args = _nothing, ()
