"""Closing what a dead process leaves suspended, without an event loop to help."""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator
from typing import Any, Final

__all__ = ["UNWIND_ATTEMPTS_MAX", "close_async_generator", "close_coroutine"]

UNWIND_ATTEMPTS_MAX: Final = 100
"""How many awaits in `finally` blocks are thrown out of before a coroutine is left to the garbage collector."""


def close_coroutine(coroutine: Any) -> None:
    """Throw GeneratorExit into a suspended coroutine until it ends; its errors are dropped."""
    for _ in range(UNWIND_ATTEMPTS_MAX):  # a finally block that awaits makes close() fail, one await further on
        try:
            if inspect.iscoroutine(coroutine) and inspect.getcoroutinestate(coroutine) == inspect.CORO_CREATED:
                # close() would keep the arguments; a coroutine among them would complain when it is collected.
                coroutine.throw(GeneratorExit)
            coroutine.close()
            return
        except KeyboardInterrupt:
            raise
        except BaseException:
            if not inspect.iscoroutine(coroutine) or inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED:
                return


def close_async_generator(generator: AsyncGenerator[Any, Any]) -> None:
    """The same for an async generator; one that waits inside can't be closed and is left."""
    closing = generator.aclose()
    try:
        closing.send(None)
        for _ in range(UNWIND_ATTEMPTS_MAX):
            closing.throw(GeneratorExit)
    except KeyboardInterrupt:
        raise
    except BaseException:
        return  # StopIteration: closed; anything else: closed with an error, or never to be
