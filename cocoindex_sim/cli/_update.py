"""`coco-sim update`."""

from __future__ import annotations

import click

from ..runtime import AppTarget
from ._apps import APP_TARGET_HELP, confirmed, described, opened_app, parsed
from ._stopping import stoppable

__all__ = ["update"]


@click.command("update", epilog=APP_TARGET_HELP)
@click.argument("target", metavar="APP_TARGET", callback=parsed)
@click.option("-f", "--force", is_flag=True, help="Skip the confirmation prompt of --reset.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing, no statistics either.")
@click.option("--reset", is_flag=True, help="Drop the app first, as `coco-sim drop` does.")
@click.option("--full-reprocess", is_flag=True, help="Run every component and memoized function, changed or not.")
@click.option("-L", "--live", is_flag=True, hidden=True)
@click.option("--preview", is_flag=True, hidden=True)
def update(
    target: AppTarget, force: bool, quiet: bool, reset: bool, full_reprocess: bool, live: bool, preview: bool
) -> None:
    """Bring an app's target states up to date.

    Failures of single components are logged and counted, and don't change the exit code.
    """
    if live:
        raise click.UsageError("--live is planned for 0.3; without it, an update catches up once and ends.")
    if preview:
        raise click.UsageError("--preview is planned for 0.2.")
    with opened_app(target) as (app, environment):
        if not quiet:
            click.echo(f"Running {described(app, environment)}")
        if reset and not confirmed(f"reset app {app.name!r} (drop existing state)", force=force):
            if not quiet:
                click.echo("Update operation aborted.")
            return
        with stoppable(app, quiet=quiet):
            if reset:
                app.drop_blocking()
            app.update_blocking(report_to_stdout=not quiet, full_reprocess=full_reprocess)
