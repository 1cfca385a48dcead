"""How some work ended, as a value that can be handed on."""

from __future__ import annotations

import asyncio
from typing import Any, Final, Generic, NamedTuple, TypeVar

__all__ = ["NOTHING", "Outcome", "tell"]

T = TypeVar("T")


class Outcome(NamedTuple, Generic[T]):
    """What came of some work: a value, or the exception it raised.

    asyncio gives some exceptions a meaning of its own: a KeyboardInterrupt or SystemExit that a task raises ends its
    event loop, and a CancelledError becomes another one on the way to another thread. `unhandled`: of a background
    child, what the last of its exception handlers raised.
    """

    value: T | None
    error: BaseException | None
    unhandled: BaseException | None = None

    def get(self) -> T:
        """The value, or raise the exception."""
        if self.error is not None:
            try:
                raise self.error
            finally:
                del self  # a frame that the traceback leads to must not lead back to the exception
        return self.value  # type: ignore[return-value]  # a T, as there was no error


NOTHING: Final = Outcome[Any](None, None)
"""It went well and gave None, as most does."""


def tell(waiter: asyncio.Future[None], error: BaseException | None) -> None:
    """Pass on to whoever waits, if anybody still does, what went wrong, or None."""
    if waiter.done():
        return
    if error is None:
        waiter.set_result(None)
    else:
        waiter.set_exception(error)
