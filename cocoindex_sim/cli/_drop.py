"""`coco-sim drop`."""

from __future__ import annotations

import click

from ..runtime import AppTarget
from ._apps import APP_TARGET_HELP, confirmed, described, opened_app, parsed
from ._stopping import stoppable

__all__ = ["drop"]


@click.command("drop", epilog=APP_TARGET_HELP)
@click.argument("target", metavar="APP_TARGET", callback=parsed)
@click.option("-f", "--force", is_flag=True, help="Skip the confirmation prompt.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but the confirmation prompt.")
def drop(target: AppTarget, force: bool, quiet: bool) -> None:
    """Delete all target states of an app, and forget everything about it."""

    def say(text: str) -> None:
        if not quiet:
            click.echo(text)

    with opened_app(target) as (app, environment):
        say(f"Preparing to drop {described(app, environment)}")
        if app.name not in environment.store.spaces():
            say(f"App {app.name!r} has no persisted state. Nothing to drop.")
            return
        if not confirmed(f"drop app {app.name!r} and all its target states", force=force):
            say("Drop operation aborted.")
            return
        dropped = False
        with stoppable(app, quiet=quiet):
            app.drop_blocking()
            dropped = True
        if dropped:
            say(f"Dropped app {app.name!r} from environment {app.environment_name!r} and reverted its target states.")
        else:
            say(f"App {app.name!r} is dropped in part; run the command again for the rest.")
