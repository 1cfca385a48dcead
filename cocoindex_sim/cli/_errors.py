"""How a command fails: a sentence for what the user can put right, a traceback for what the user's code raised."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import IO, Any, Final

import click

from ..runtime import AppNotFoundError, ModuleLoadError, SettingsError
from ..values import StateError

__all__ = ["explained", "user_traceback"]

_MACHINERY: Final = {"asyncio", "click", "cocoindex_sim", "concurrent", "contextlib", "importlib", "threading"}


class _UserCodeError(click.ClickException):
    """What the user's code raised; ends the command with the traceback and exit code 1."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(user_traceback(self.error), file=file, err=True)


def user_traceback(error: BaseException) -> str:
    """The traceback of an exception, and of those that caused it, each beginning in the user's code.

    Of those that never were in it, only the first cause shows where it was raised.
    """
    shown = traceback.TracebackException.from_exception(error, compact=True)
    _begin_in_user_code(shown, error)
    return "".join(shown.format()).rstrip("\n")


def _begin_in_user_code(shown: traceback.TracebackException, error: BaseException) -> None:
    causes = [
        (part, cause)
        for part, cause in ((shown.__cause__, error.__cause__), (shown.__context__, error.__context__))
        if part is not None and cause is not None
    ]
    for part, cause in causes:
        _begin_in_user_code(part, cause)
    if isinstance(error, BaseExceptionGroup):
        for part, cause in zip(shown.exceptions or (), error.exceptions, strict=False):
            _begin_in_user_code(part, cause)
    machinery = _frames_before_user_code(error.__traceback__)
    if machinery < len(shown.stack) or causes or isinstance(error, SyntaxError):
        del shown.stack[:machinery]


@contextmanager
def explained() -> Iterator[None]:
    """Turn the exceptions of a block into what click shows."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except (AppNotFoundError, ModuleLoadError, SettingsError, StateError) as error:
        raise click.ClickException(str(error)) from error
    except Exception as error:
        raise _UserCodeError(error) from error


def _frames_before_user_code(frames: TracebackType | None) -> int:
    before = 0
    for frame, _ in traceback.walk_tb(frames):
        module = str(frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in _MACHINERY and not frame.f_code.co_filename.startswith("<frozen "):
            break
        before += 1
    return before
