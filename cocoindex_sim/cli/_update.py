"""`coco-sim update`."""

from __future__ import annotations

import click

from ..runtime import AppTarget
from ._apps import APP_TARGET_HELP, confirmed, described, opened_app, parsed
from ._preview import preview_lines
from ._stopping import stoppable

__all__ = ["update"]


@click.command("update", epilog=APP_TARGET_HELP)
@click.argument("target", metavar="APP_TARGET", callback=parsed)
@click.option("-f", "--force", is_flag=True, help="Skip the confirmation prompt of --reset.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing, no statistics either.")
@click.option("--reset", is_flag=True, help="Drop the app first, as `coco-sim drop` does.")
@click.option("--full-reprocess", is_flag=True, help="Run every component and memoized function, changed or not.")
@click.option("-L", "--live", is_flag=True, help="Go on with what changes, until stopped: Ctrl-C or SIGTERM.")
@click.option("--preview", is_flag=True, help="Show what would be applied, and apply and remember nothing.")
@click.option("--strict", is_flag=True, help="Exit 1 when a component failed and no exception handler took it.")
def update(
    target: AppTarget,
    force: bool,
    quiet: bool,
    reset: bool,
    full_reprocess: bool,
    live: bool,
    preview: bool,
    strict: bool,
) -> None:
    """Bring an app's target states up to date, and with --live keep them so.

    Failures of single components are logged and counted; without --strict they don't change the exit code.
    """
    if preview and (reset or live):
        raise click.UsageError(f"--preview and {'--reset' if reset else '--live'} cannot be used together.")
    with opened_app(target) as (app, environment):
        if not quiet:
            click.echo(f"Running {described(app, environment)}")
        if reset and not confirmed(f"reset app {app.name!r} (drop existing state)", force=force):
            if not quiet:
                click.echo("Update operation aborted.")
            return
        handle = app.update(full_reprocess=full_reprocess, live=live, preview=preview)
        with stoppable(app, quiet=quiet):
            if reset:
                app.drop_blocking()
            app.wait_blocking(handle, report_to_stdout=not quiet and not preview)
            if preview:
                click.echo("\n".join(preview_lines(handle.plan())))
        failed = len(handle.failures())
    if strict and failed:
        raise click.ClickException(f"{failed} component{'s' if failed > 1 else ''} failed; the errors are above.")
