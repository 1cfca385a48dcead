# Goal: the command in a process of its own: signals end it in good order, a pipe gets plain text, a terminal a display.

import os
import pty
import signal
import subprocess
import sys
from typing import IO

import pytest

from .conftest import PIPELINE, Project

pytestmark = [pytest.mark.real, pytest.mark.skipif(sys.platform == "win32", reason="signals and terminals of POSIX")]

# Waits for a line on stdin, so that no test depends on how long anything takes.
WAITING = (
    PIPELINE.replace("import pathlib\n", "import asyncio\n    import pathlib\n    import sys\n")
    .replace('print("main ran")', 'print("main runs", flush=True)\n        await asyncio.Event().wait()')
    .replace("yield", 'yield\n        print("closed", flush=True)')
)
STUBBORN = WAITING.replace(
    "await asyncio.Event().wait()",
    "try:\n            await asyncio.Event().wait()\n        except asyncio.CancelledError:\n"
    '            print("stays", flush=True)\n            await asyncio.Event().wait()',
)
READING = WAITING.replace("await asyncio.Event().wait()", "await asyncio.to_thread(sys.stdin.readline)")
DEADLINE_S = 30


def lines_until(stream: IO[str] | None, last: str) -> list[str]:
    assert stream is not None
    lines: list[str] = []
    while not lines or lines[-1] != last:
        line = stream.readline()
        assert line, f"{last!r} never came; there were {lines}"
        lines.append(line.rstrip("\n"))
    return lines


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_update_in_good_order(project: Project, number: signal.Signals) -> None:
    # CLI-13
    project.write("waiting.py", WAITING)
    with project.start("update", "waiting.py") as process:
        lines_until(process.stdout, "main runs")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert rest.startswith("\nStopping...\n[Stats] (terminated)\n⠋  main: 1 total, 1 in-flight\n")
    assert rest.endswith("\nclosed\n")
    assert project.run("ls", "--db", "state").exit_code == 0


def test_quiet_stops_without_a_word(project: Project) -> None:
    # CLI-08, CLI-13
    project.write("waiting.py", WAITING)
    with project.start("update", "-q", "waiting.py") as process:
        lines_until(process.stdout, "main runs")
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=DEADLINE_S) == ("closed\n", "")
    assert process.returncode == 0


def test_a_second_signal_kills(project: Project) -> None:
    # CLI-13
    project.write("stubborn.py", STUBBORN)
    with project.start("update", "stubborn.py") as process:
        lines_until(process.stdout, "main runs")
        process.send_signal(signal.SIGINT)
        lines_until(process.stdout, "stays")
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == -signal.SIGINT
    assert "closed" not in rest


DROPPED = """
    import asyncio
    import pathlib

    import cocoindex as coco


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield
        print("closed", flush=True)


    class Handler:
        def reconcile(self, key, desired, prev, prev_may_be_missing, /):
            return coco.TargetReconcileOutput(action=desired, sink=SINK, tracking_record=desired)


    async def apply(context, actions):
        if coco.is_non_existence(actions[0]) and not pathlib.Path("free").exists():
            print("deleting", flush=True)
            await asyncio.Event().wait()


    SINK = coco.TargetActionSink.from_async_fn(apply)
    ROWS = coco.register_root_target_states_provider("rows", Handler())


    async def main():
        coco.declare_target_state(ROWS.target_state("k", 1))


    app = coco.App("Dropped", main)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_drop_in_good_order_and_another_drop_finishes(project: Project, number: signal.Signals) -> None:
    # CLI-13, APP-13
    project.write("dropped.py", DROPPED)
    assert project.run("update", "-q", "dropped.py").exit_code == 0
    with project.start("drop", "-f", "dropped.py") as process:
        lines_until(process.stdout, "deleting")
        process.send_signal(number)
        rest, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert rest == "\nStopping...\nApp 'Dropped' is dropped in part; run the command again for the rest.\nclosed\n"
    assert "states:1:Existing, 2:Deleted" in project.run("show", "-l", "dropped.py").stdout
    project.write("free", "")
    assert "Dropped app 'Dropped'" in project.run("drop", "-f", "dropped.py").stdout
    assert project.run("ls", "--db", "state").stdout == "No persisted apps found in the database.\n"


def test_a_pipe_gets_plain_text(project: Project) -> None:
    # STAT-18
    project.write("reading.py", READING)
    with project.start("update", "reading.py") as process:
        output, errors = process.communicate("\n", timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert "[Stats] (terminated)\n✅ main: 1 total | 1 added\n" in output
    assert "\x1b" not in output


def test_a_reader_that_went_away_does_not_fail_the_update(project: Project) -> None:
    project.write("reading.py", READING.replace('print("closed", flush=True)', "pass"))
    with project.start("update", "reading.py") as process:
        lines_until(process.stdout, "main runs")
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write("\n")
        process.stdin.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_a_terminal_shows_what_is_in_flight_and_then_the_final_counts(project: Project) -> None:
    # STAT-18
    project.write("reading.py", READING)
    reader, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    with project.start("update", "reading.py", stdout=terminal, stderr=subprocess.STDOUT, env=environment) as process:
        os.close(terminal)
        shown = b""
        while b"main: 1 total, 1 in-flight" not in shown:
            shown += os.read(reader, 4096)
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.close()
        try:
            while more := os.read(reader, 4096):
                shown += more
        except OSError:  # Linux's way to say that the other end is closed
            pass
    os.close(reader)
    assert process.returncode == 0
    assert b"\x1b[2K" in shown  # the display redraws itself
    assert "✅ main: 1 total | 1 added" in shown.decode().partition("[Stats] (terminated)")[2]
