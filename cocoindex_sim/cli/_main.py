"""The command `coco-sim`: what holds for all of its commands."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import dotenv

from .. import alias
from ._drop import drop
from ._errors import user_traceback
from ._init import init
from ._ls import ls
from ._record import record
from ._schema import schema
from ._show import show
from ._update import update

__all__ = ["cli", "main"]


@click.group(
    commands=[drop, init, ls, record, schema, show, update], context_settings={"help_option_names": ["--help"]}
)
@click.version_option(version("cocoindex-sim"), "-V", "--version", message="cocoindex-sim version %(version)s")
@click.option(
    "-e",
    "--env-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Load environment variables from this file; without it, from the nearest `.env` at or above the current"
    " directory. Variables that are set already stay.",
)
@click.option(
    "-d", "--app-dir", default="", help="Import the app's modules from this directory; default: the current one."
)
@click.pass_context
def cli(ctx: click.Context, env_file: Path | None, app_dir: str) -> None:
    """Run CocoIndex pipelines with cocoindex-sim."""
    _load_variables(env_file)
    ctx.with_resource(_logging_to_stderr())
    sys.path.insert(0, os.path.abspath(app_dir))
    try:
        alias.install()
    except RuntimeError as error:
        raise click.ClickException(str(error)) from error


def main() -> None:
    """Run the command line of this process."""
    cli(prog_name="coco-sim")


def _load_variables(given: Path | None) -> None:
    found = given or dotenv.find_dotenv(usecwd=True)
    if not found:
        return
    path = os.path.abspath(found)
    try:
        dotenv.load_dotenv(path)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"can't load environment variables from {path!r}: {error}") from error
    click.echo(f"Loaded environment variables from: {path}\n", err=True)


@contextmanager
def _logging_to_stderr() -> Iterator[None]:
    """Log at COCOINDEX_LOG_LEVEL to stderr, for the length of the command."""
    name = os.environ.get("COCOINDEX_LOG_LEVEL") or "WARNING"
    level = logging.getLevelNamesMapping().get(name.upper())
    if level is None:
        raise click.ClickException(
            f"environment variable COCOINDEX_LOG_LEVEL must be DEBUG, INFO, WARNING, ERROR or CRITICAL, got {name!r}"
        )
    handler = _ToStderr()
    handler.setFormatter(_Formatter("%(asctime)s %(levelname)-5s %(name)s: %(message)s"))
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


class _Formatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # logging keeps the traceback as the first formatter made it; this one is for this handler alone.
        kept, record.exc_text = record.exc_text, None
        try:
            return super().format(record)
        finally:
            record.exc_text = kept

    def formatException(self, ei: Any) -> str:  # logging's name
        return user_traceback(ei[1])


class _ToStderr(logging.Handler):
    """Looks stderr up for each record: the live display puts itself in its place, to print above itself."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(self.format(record), file=sys.stderr)
        except Exception:
            self.handleError(record)
