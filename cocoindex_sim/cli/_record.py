"""`coco-sim record`."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from ..engine import current_process
from ..runtime import App, AppTarget, RunInterruptedError, UpdateHandle
from ._apps import APP_TARGET_HELP, described, opened_app, parsed

if TYPE_CHECKING:
    from ._recorded_story import Seen
    from ._witness_files import FileWitness

__all__ = ["record"]

_LOOK_S: Final = 0.005
_GRACE_S: Final = 1.0
"""How long a live update goes on after the last change was seen, so that it has heard of it too."""


@click.command("record", epilog=APP_TARGET_HELP)
@click.argument("target", metavar="APP_TARGET", callback=parsed)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The scenario file to write; default: `recorded.coco.yaml` beside the app's file.",
)
@click.option("--for", "seconds", type=click.FloatRange(min=0), help="End after so many seconds; default: at Ctrl-C.")
@click.option("-f", "--force", is_flag=True, help="Overwrite the file if it is there.")
def record(target: AppTarget, output: Path | None, seconds: float | None, force: bool) -> None:
    """Run an app live, and write what happens meanwhile as a scenario.

    The scenario has the files and Kafka messages that the app found, what was changed while it ran, at these times, and
    the targets as they were in the end. It is run once in the simulation, to see whether it comes to the same.
    """
    if not target.is_file:
        raise click.UsageError(
            f"a scenario names its pipeline by file, as in 'path/main.py'; got {target.reference!r}."
        )
    file = Path(target.reference).resolve()
    path = output or file.parent / "recorded.coco.yaml"
    if not path.name.endswith(".coco.yaml"):
        raise click.UsageError(f"the name of a scenario file ends with '.coco.yaml'; got {str(path)!r}.")
    if path.exists() and not force:
        raise click.ClickException(f"{str(path)!r} is there already; give another name with --output, or --force.")
    # Late: the other commands need neither watches nor the simulation.
    from ._recorded_story import Seen
    from ._witness_files import FileWitness
    from ._witness_kafka import KafkaWitness, witnessed_kafka

    process = current_process()
    files, kafka = FileWitness(process.ports.file_system), KafkaWitness()
    process.ports = replace(process.ports, file_system=files)
    cwd = os.getcwd()
    with witnessed_kafka(kafka), opened_app(target) as (app, environment):
        files.ignore(os.fspath(environment.settings.db_path or ""))
        if app.name in environment.store.spaces():
            raise click.ClickException(
                f"app {app.name!r} has persisted state, and a scenario begins without: run `coco-sim drop` first, or"
                " name another directory in COCOINDEX_DB."
            )
        click.echo(f"Recording {described(app, environment)}")
        click.echo("Change what it reads, then press Ctrl-C." if seconds is None else f"For {seconds:g} s.")
        ready_s, end_s, is_live = _run(app, app.update(live=True), files, seconds)
    seen = Seen(
        given=files.given(),
        changes=files.changes(),
        targets=files.targets(),
        partitions=kafka.partitions,
        messages=kafka.messages(),
        sent=kafka.targets(),
        ready_s=ready_s,
        end_s=end_s,
        is_live=is_live,
    )
    reference = Path(os.path.relpath(file, path.resolve().parent)).as_posix()
    named = f"{reference}:{target.app_name}" if target.app_name else reference
    _write(path, named, seen, cwd)


def _run(
    app: App[..., Any], handle: UpdateHandle[Any], files: FileWitness, seconds: float | None
) -> tuple[float | None, float, bool]:
    """Run until it is told to end: when it was ready, how long it took, and whether it would have gone on."""
    began, told, ended = time.monotonic(), threading.Event(), threading.Event()
    ready_s: list[float] = []
    is_live: list[bool] = []

    def attend() -> None:
        while not ended.wait(_LOOK_S):
            now_s = time.monotonic() - began
            if handle.is_ready and not ready_s:
                ready_s.append(now_s)
            if told.is_set() or (seconds is not None and now_s >= seconds):
                files.stop()
                is_live.append(not ended.wait(_GRACE_S))
                app.interrupt()
                return

    attendant = threading.Thread(target=attend, name="record")
    attendant.start()
    try:
        with _told_by_signals(told):
            app.wait_blocking(handle)
    except RunInterruptedError:
        if not is_live:
            raise
    finally:
        ended.set()
        attendant.join()
        files.stop()
    return (ready_s[0] if ready_s else None), time.monotonic() - began, any(is_live)


@contextmanager
def _told_by_signals(told: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM tells, the second one kills."""
    signals = (signal.SIGINT, signal.SIGTERM)

    def tell(number: int, frame: FrameType | None) -> None:
        told.set()
        for each in signals:
            signal.signal(each, signal.SIG_DFL)
        click.echo("\nStopping...")

    before = {number: signal.signal(number, tell) for number in signals}
    try:
        yield
    finally:
        if not told.is_set():
            for number, handler in before.items():
                signal.signal(number, handler)


def _write(path: Path, app: str, seen: Seen, cwd: str) -> None:
    from ..scenario import read_scenarios, story_text
    from ..world import Case, ExpectationFailed, attempt
    from ._recorded_story import recorded_story

    try:
        story = recorded_story("recorded", app, path.resolve().parent, seen, cwd)
        comment = f"Recorded in {seen.end_s:.1f} s. Say here what it is about."
        path.write_text(story_text(story, comments=[comment]), encoding="utf-8")
    except (ValueError, OSError) as error:
        raise click.ClickException(f"can't write the scenario: {error}") from error
    count = len(seen.changes) + sum(not message.was_there for message in seen.messages)
    click.echo(f"Wrote {count} change{'' if count == 1 else 's'} in {seen.end_s:.1f} s to '{path}'.")
    (again,) = read_scenarios(path)
    failure = attempt(Case(again)).failure
    if failure is None:
        click.echo("In the simulation it ends with the same targets.")
        return
    if isinstance(failure, ExpectationFailed):
        raise click.ClickException(f"in the simulation it ends otherwise: {failure}")
    raise click.ClickException(f"it can't be run in the simulation: {type(failure).__name__}: {failure}")
