"""What is on record, read beside whoever may be writing it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from ..ports import StateSpace
from ..runtime import AppTarget, apps_of, default_state_directory, find_app, load_module, wire_reading
from ..store import open_for_reading

__all__ = ["check_exists", "records_of_app", "records_of_name", "stored_apps"]


def check_exists(directory: str) -> None:
    """ClickException unless there is something at the path."""
    if not os.path.exists(directory):
        raise click.ClickException(f"Database path does not exist: {directory}")


def stored_apps(directory: str) -> list[str]:
    """The names of the apps with state in a directory."""
    with closing(open_for_reading(directory)) as store:
        return store.spaces()


@contextmanager
def records_of_name(directory: str, name: str) -> Iterator[StateSpace]:
    """The records under an app's name in a directory; none if it is unknown."""
    check_exists(directory)
    with closing(open_for_reading(directory)) as store:
        yield store.space(name)


@contextmanager
def records_of_app(target: AppTarget) -> Iterator[StateSpace]:
    """The records of the app that a target means."""
    wire_reading()
    load_module(target)
    app = find_app(target)
    for _, environment, known in apps_of():
        if known is app and environment is not None:
            with closing(environment):
                yield environment.store.space(app.name)
            return
    with closing(open_for_reading(default_state_directory())) as store:
        yield store.space(app.name)
