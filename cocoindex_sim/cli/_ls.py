"""`coco-sim ls`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import click

from ..runtime import AppTarget, apps_of, default_db_path, default_state_directory, load_module, wire_reading
from ._apps import parsed
from ._errors import explained
from ._records import check_exists, stored_apps

__all__ = ["ls"]


class _Listing(NamedTuple):
    """The apps of one environment: those the module has, and those with state."""

    environment: str
    directory: str
    apps: list[str]
    stored: list[str]


@click.command("ls")
@click.argument("target", metavar="[APP_TARGET]", callback=parsed, required=False)
@click.option("--db", help="List the apps with state in this directory; default: what COCOINDEX_DB names.")
def ls(target: AppTarget | None, db: str | None) -> None:
    """List apps.

    With `APP_TARGET` (`path/to/app.py` or `module`): those it defines, by environment. Without: those with state in a
    state directory, also while another process is writing to it.
    """
    with explained():
        if target is not None:
            if db is not None:
                click.echo("Warning: --db is ignored when APP_TARGET is specified.", err=True)
            _list_module(target)
            return
        directory = db or default_db_path()
        if directory is None:
            raise click.ClickException(
                "Please specify either APP_TARGET or --db option (or set COCOINDEX_DB environment variable).\n"
                "  coco-sim ls ./app.py        # List apps from module\n"
                "  coco-sim ls --db ./my_db    # List apps from database"
            )
        _list_directory(directory)


def _list_module(target: AppTarget) -> None:
    wire_reading()
    load_module(target)
    listings = _listings()
    if not listings:
        click.echo(f"No apps are defined in {target.reference!r}.")
        return
    blocks = []
    for environment, directory, apps, stored in listings:
        heading = f"{environment} ({_shown(directory)}):" if environment else f"{_shown(directory)}:"
        blocks.append("\n".join([heading, *(f"  {app}" + ("" if app in stored else " [+]") for app in apps)]))
    if any(app not in listing.stored for listing in listings for app in listing.apps):
        blocks.append("Notes:\n  [+]: Apps present in module, but not yet run (no persisted state).")
    click.echo("\n\n".join(blocks))


def _listings() -> list[_Listing]:
    """One per environment that has apps, the default one last."""
    found: dict[int, _Listing] = {}
    unopened: list[str] = []
    for _, environment, app in apps_of():
        if environment is None:
            unopened.append(app.name)
            continue
        directory, stored = str(environment.settings.db_path), environment.store.spaces()
        listing = found.setdefault(id(environment), _Listing(environment.name, directory, [], stored))
        listing.apps.append(app.name)
    if not unopened:
        return list(found.values())
    # It need not be started: listing asks its lifespan for the directory only.
    directory = default_state_directory()
    return [*found.values(), _Listing("default", directory, unopened, stored_apps(directory))]


def _list_directory(directory: str) -> None:
    check_exists(directory)
    names = stored_apps(directory)
    if not names:
        click.echo("No persisted apps found in the database.")
        return
    click.echo("\n".join([f"{_shown(directory)}:", *(f"  {name}" for name in names)]))


def _shown(directory: str) -> str:
    path, here = Path(os.path.abspath(directory)), Path.cwd()
    return f"./{path.relative_to(here).as_posix()}" if path.is_relative_to(here) else directory
