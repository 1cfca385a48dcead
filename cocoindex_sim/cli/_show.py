"""`coco-sim show`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from ..ports import StateSpace
from ..runtime import AppTarget, component_paths, parse_target, stable_paths
from ..values import StablePath
from ._apps import APP_TARGET_HELP
from ._errors import explained
from ._long import component_lines, fingerprint_text
from ._records import records_of_app, records_of_name
from ._spelling import find_path
from ._tree import path_tree_lines, target_lines, target_owners, target_tree_lines

__all__ = ["show"]

_NOTHING_GIVEN = (
    "Please specify APP_TARGET, or --db and --app-name.\n"
    "  coco-sim show ./app.py                         # from module\n"
    "  coco-sim show --db ./my_db --app-name MyApp    # from database"
)


@click.command("show", epilog=APP_TARGET_HELP)
@click.argument("target", metavar="[APP_TARGET]", required=False)
@click.argument("path", metavar="[STABLE_PATH]", required=False)
@click.option("--db", help="Read this state directory, without loading a module; goes with --app-name.")
@click.option("--app-name", help="The app to show, by the name its state is kept under; goes with --db.")
@click.option("--tree", is_flag=True, help="Show all paths, or all target states, as a tree.")
@click.option("-l", "--long", "detailed", is_flag=True, help="Show what is on record about each path.")
@click.option("-r", "--recursive", is_flag=True, help="Show all that is below STABLE_PATH, too.")
@click.option("-p", "--parents", is_flag=True, help="Show all that is above STABLE_PATH, too.")
@click.option("--fingerprints", is_flag=True, help="Show paths of target states as they are stored.")
@click.option("--target-states", is_flag=True, help="List the target states and which components own them.")
def show(
    target: str | None,
    path: str | None,
    db: str | None,
    app_name: str | None,
    tree: bool,
    detailed: bool,
    recursive: bool,
    parents: bool,
    fingerprints: bool,
    target_states: bool,
) -> None:
    """Show what is on record about an app: its components, the directories between them, and its target states.

    Of the app APP_TARGET, or with --db and --app-name of one whose module is not at hand; also while another process
    is writing. STABLE_PATH is one of the paths as they are printed; the quotes of a string may be left out.
    """
    lone = db and app_name and path is None
    if lone and target is not None and target.startswith("/") and not Path(target).is_file():
        target, path = None, target
    if path is None and (recursive or parents):
        raise click.ClickException("-r/--recursive and -p/--parents require a stable_path argument.")
    if target_states and (path is not None or detailed):
        raise click.ClickException("--target-states cannot be combined with stable_path, -l, -r or -p.")
    text = fingerprint_text if fingerprints else str
    with explained(), _records(target, db, app_name) as space:
        if target_states:
            click.echo("\n".join(["Target states:", *_target_states(space, text, tree=tree)]))
            return
        paths = stable_paths(space)
        if path is not None:
            chosen = find_path(path, paths)
            paths = [
                each
                for each in paths
                if each == chosen
                or (recursive and each.is_at_or_below(chosen))
                or (parents and chosen.is_at_or_below(each))
            ]
        click.echo("Stable paths:")
        if path is not None or detailed:
            for each in paths:
                click.echo("\n".join(component_lines(space, each, text)) + "\n")
        elif tree:
            click.echo("\n".join(path_tree_lines(paths, component_paths(space))))
        else:
            for each in paths:
                click.echo(f"  {each}")


def _records(target: str | None, db: str | None, app_name: str | None) -> AbstractContextManager[StateSpace]:
    if target is not None:
        if db is not None or app_name is not None:
            click.echo("Warning: --db/--app-name are ignored when APP_TARGET is specified.", err=True)
        return records_of_app(_parsed(target))
    if db is None and app_name is None:
        raise click.ClickException(_NOTHING_GIVEN)
    if not db or not app_name:
        raise click.ClickException("Both --db and --app-name are required when APP_TARGET is not specified.")
    return records_of_name(db, app_name)


def _parsed(target: str) -> AppTarget:
    try:
        return parse_target(target)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="APP_TARGET") from error


def _target_states(space: StateSpace, text: Callable[[StablePath], str], *, tree: bool) -> list[str]:
    owners = target_owners(space)
    if not owners:
        return ["  (none)"]
    return list(target_tree_lines(owners, text) if tree else target_lines(owners, text))
