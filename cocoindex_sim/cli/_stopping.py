"""Ctrl-C: the first one ends a run in good order, the second one kills."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

import click

from ..runtime import App, RunInterruptedError

__all__ = ["stoppable"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def stoppable(app: App[..., Any], *, quiet: bool) -> Iterator[None]:
    """For the length of a run of the app: let SIGINT and SIGTERM end it, and the block with it (CLI-13).

    Once one came, both have their default effect until the process ends.
    """
    requested = False

    def request(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        requested = True
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
        if not quiet:
            click.echo("\nStopping...")
        app.interrupt()

    before = {number: signal.signal(number, request) for number in _SIGNALS}
    try:
        yield
    except RunInterruptedError:
        if not requested:
            raise
    finally:
        if not requested:
            for number, handler in before.items():
                signal.signal(number, handler)
