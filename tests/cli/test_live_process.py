# Goal: a live app in a process of its own: signals end it in good order, and what it had not finished the next one does.

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .conftest import Project
from .test_process import DEADLINE_S, lines_until

pytestmark = [pytest.mark.real, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]

# Its feed are the lines of stdin, so that no test depends on how long anything takes. An item `wait` never ends.
LINES = """
    import asyncio
    import pathlib
    import sys

    import cocoindex as coco
    from cocoindex.connectors import localfs


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield
        print("closed", flush=True)


    @coco.fn
    async def item(text):
        if text == "wait" and not pathlib.Path("free").exists():
            try:
                print("waits", flush=True)
                await asyncio.Event().wait()
            finally:
                print("item ends", flush=True)
        localfs.declare_file(pathlib.Path(text), text)


    class Lines:
        async def watch(self, subscriber):
            loop = asyncio.get_running_loop()
            reader = asyncio.StreamReader()
            await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
            try:
                while line := (await reader.readline()).decode().strip():
                    if line == "ready":
                        await subscriber.mark_ready()
                        print("is ready", flush=True)
                    else:
                        handle = await subscriber.update(line, line)
                        if line != "wait":
                            await handle.ready()
                            print("did", line, flush=True)
            finally:
                await asyncio.sleep(0)  # cleaning up may take a while
                print("watch ends", flush=True)


    async def main():
        await coco.mount_each(item, Lines())


    app = coco.App("Lines", main)
"""


@contextmanager
def live(project: Project, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A live update of the feed of lines, with pipes."""
    project.write("lines.py", LINES)
    with project.start("update", "--live", *options, "lines.py") as process:
        yield process


def tell(process: subprocess.Popen[str], line: str, answer: str) -> None:
    """Send a line to the feed, and read the output up to an answer."""
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    lines_until(process.stdout, answer)


def stopped(process: subprocess.Popen[str], number: signal.Signals) -> tuple[str, str]:
    """What it still prints after a signal. Its stdin stays open: the end of the feed would end it as well."""
    process.send_signal(number)
    assert process.stdout is not None
    assert process.stderr is not None
    limit = threading.Timer(DEADLINE_S, process.kill)
    limit.start()
    try:
        return process.stdout.read(), process.stderr.read()
    finally:
        limit.cancel()


def wait_for_ready_line(process: subprocess.Popen[str]) -> None:
    """Read the output up to the report that the app is ready."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("⏳ Ready (took ") and line.endswith("s) | Watching for changes...\n"):
            return
    raise AssertionError("the app never got ready")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("ready", [False, True])
def test_a_signal_ends_a_live_app_in_good_order(project: Project, number: signal.Signals, ready: bool) -> None:
    # CLI-13, STAT-18, LIV-51
    with live(project) as process:
        tell(process, "a", "did a")
        if ready:
            tell(process, "ready", "is ready")
            wait_for_ready_line(process)
        rest, errors = stopped(process, number)
    assert (process.returncode, errors) == (0, "")
    assert "\nStopping...\nwatch ends\n" in rest
    last = rest.partition("[Stats] (terminated)\n")[2]
    assert "item: 1 total | 1 added\n" in last
    assert ("main: 1 total | 1 added\n" in last) == ("⏳ Ready (took " in last) == ready
    assert rest.endswith("\nclosed\n")
    assert (project.directory / "a").read_text() == "a"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_was_done_is_kept_and_what_was_not_is_done_by_the_next_one(
    project: Project, number: signal.Signals
) -> None:
    # CLI-13, FEED-06, FEED-12
    with live(project, "-q") as process:
        tell(process, "a", "did a")
        tell(process, "wait", "waits")
        rest, errors = stopped(process, number)
    assert (process.returncode, errors) == (0, "")
    assert "item ends\n" in rest
    assert not (project.directory / "wait").exists()
    project.write("free", "")
    with live(project, "-q") as process:
        tell(process, "ready", "is ready")
        assert (project.directory / "a").read_text() == "a"
        assert process.stdin is not None
        process.stdin.write("wait\n\n")
        process.stdin.flush()
        rest, errors = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert sorted(path.name for path in project.directory.iterdir() if path.name in ("a", "wait")) == ["a", "wait"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_kills_a_live_app(project: Project, number: signal.Signals) -> None:
    # CLI-13
    stubborn = LINES.replace("await asyncio.sleep(0)  #", 'print("stays", flush=True); await asyncio.Event().wait()  #')
    project.write("stubborn.py", stubborn)
    with project.start("update", "--live", "stubborn.py") as process:
        tell(process, "ready", "is ready")
        process.send_signal(number)
        lines_until(process.stdout, "stays")
        rest, _ = stopped(process, number)
    assert process.returncode == -number
    assert "closed" not in rest
    with live(project, "-q") as process:  # the directory is free again
        tell(process, "ready", "is ready")
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 0


def test_the_end_of_its_feed_ends_a_live_app(project: Project) -> None:
    # LIV-03
    with live(project) as process:
        tell(process, "ready", "is ready")
        tell(process, "b", "did b")
        rest, errors = process.communicate("\n", timeout=DEADLINE_S)
    assert (process.returncode, errors) == (0, "")
    assert "Stopping" not in rest
    assert (project.directory / "b").read_text() == "b"


def test_listing_and_showing_work_beside_a_live_app(project: Project) -> None:
    # CLI-15, CLI-16, SE-18
    with live(project, "-q") as process:
        tell(process, "a", "did a")
        tell(process, "ready", "is ready")
        assert project.run("ls", "--db", "state").stdout == "./state:\n  Lines\n"
        before = project.run("show", "--db", "state", "--app-name", "Lines").stdout
        assert '  /@item/"a"\n' in before
        tell(process, "b", "did b")
        after = project.run("show", "--db", "state", "--app-name", "Lines", "--target-states").stdout
        assert '  /@cocoindex/localfs/[null,"b"]\n    owner:/@item/"b"\n' in after
        refused = project.run("update", "lines.py")
        assert refused.exit_code == 1
        assert f"is held by another process (process {process.pid})" in refused.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE_S) == 0


SCRIPT = "\n    app.update_blocking(live=True)\n"


@pytest.mark.parametrize("ready", [False, True])
def test_ctrl_c_in_a_script_that_updates_live_raises_promptly(project: Project, ready: bool) -> None:
    # EDGE-04
    script = project.write("script.py", LINES.replace("import cocoindex as", "import cocoindex_sim as") + SCRIPT)
    script.write_text(script.read_text().replace("from cocoindex.", "from cocoindex_sim."))
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, str(script)], text=True, **pipes) as process:  # type: ignore[call-overload]  # pipes
        tell(process, "a", "did a")
        if ready:
            tell(process, "ready", "is ready")
        rest, errors = stopped(process, signal.SIGINT)
    assert process.returncode == -signal.SIGINT
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert "watch ends\n" in rest
