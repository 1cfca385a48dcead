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
    """The traceback of an exception, beginning in the user's code."""
    shown = _from_user_code(error.__traceback__)
    if shown is None and not isinstance(error, SyntaxError):
        shown = error.__traceback__
    return "".join(traceback.format_exception(type(error), error, shown)).rstrip("\n")


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


def _from_user_code(frames: TracebackType | None) -> TracebackType | None:
    while frames is not None:
        code = frames.tb_frame.f_code
        module = str(frames.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] not in _MACHINERY and not code.co_filename.startswith("<frozen "):
            break
        frames = frames.tb_next
    return frames
