"""From APP_TARGET to an app that is ready to run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..runtime import App, AppTarget, Environment, find_app, load_module, parse_target, stop_blocking
from ._errors import explained

__all__ = ["APP_TARGET_HELP", "confirmed", "described", "opened_app", "parsed"]

APP_TARGET_HELP = (
    "`APP_TARGET`: `path/to/app.py`, `module`, `path/to/app.py:app_name` or `module:app_name`; where environments"
    " share an app's name, `path/to/app.py:app_name@env_name`."
)


def parsed(ctx: click.Context, param: click.Parameter, value: str | None) -> AppTarget | None:
    """Callback of the argument APP_TARGET: takes the text apart; exit code 2 when that fails."""
    if value is None:
        return None
    try:
        return parse_target(value)
    except ValueError as error:
        raise click.BadParameter(str(error), ctx=ctx, param=param) from error


@contextmanager
def opened_app(target: AppTarget) -> Iterator[tuple[App[..., Any], Environment]]:
    """The app of a target and its environment, started; both end with the block. Exceptions come out explained."""
    with explained():
        load_module(target)
        app = find_app(target)
        environment = app.opened_blocking()
        try:
            yield app, environment
        finally:
            stop_blocking()
            environment.close()


def described(app: App[..., Any], environment: Environment) -> str:
    """Which app this is, for the first line of a command's output."""
    return f"app {app.name!r} from environment {app.environment_name!r} (db path: {environment.settings.db_path})"


def confirmed(what: str, *, force: bool) -> bool:
    """Whether the user typed `yes`, or need not."""
    if force:
        return True
    answer: str = click.prompt(f"Type 'yes' to {what}", default="", show_default=False)
    return answer.strip().lower() == "yes"
