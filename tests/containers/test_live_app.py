"""Goal: a live app keeps up with files that change on the other side of a container's wall, by native events and by polling."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from .conftest import ROOT, Start, output_of

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = [pytest.mark.real, pytest.mark.container]

EDITOR = str(ROOT / "tests" / "real")
EXAMPLE = ROOT / "examples" / "markdown_to_html"
COCO_SIM = ["-c", "from cocoindex_sim.cli import main; main()"]
FIRST_PAGES = 120
BEGIN = f"""
for page in $(seq {FIRST_PAGES}); do
    part=docs/part$((page % 10))
    mkdir -p $part
    echo "# Page $page" > $part/page$page.md
done
"""
EDIT = ["python3", "/edit/edit_markdown.py", "docs", "1", "8"]


@pytest.fixture(params=["native", "polling"])
def watching(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment of an app that watches in this way."""
    return {"WATCHFILES_FORCE_POLLING": "1"} if request.param == "polling" else {}


@pytest.fixture
def volume(engine: DockerClient) -> Iterator[str]:
    volume = engine.volumes.create(f"cocoindex-sim-{uuid.uuid4().hex}")
    yield volume.name
    volume.remove()


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, f"not within a minute: {what}"
        time.sleep(0.2)


def test_an_app_in_a_container_follows_what_another_writes_to_their_volume(
    volume: str, start: Start, packages: pathlib.Path, watching: dict[str, str]
) -> None:
    writer = start(["sleep", "600"], volume, reads={EDITOR: "/edit"})
    output_of(writer, "sh", "-c", BEGIN)

    command = ["python3", *COCO_SIM, "update", "/example/main.py"]
    reads = {str(packages): "/packages", str(EXAMPLE): "/example"}
    app = start([*command, "--live"], volume, reads=reads, env={"PYTHONPATH": "/packages", **watching})
    wait_until(
        lambda: output_of(app, "sh", "-c", "find html -name '*.html' | wc -l") == f"{FIRST_PAGES}\n", "the first pages"
    )
    # Who polls asks the kernel for no events.
    watches = output_of(app, "sh", "-c", "cat /proc/[0-9]*/fdinfo/* 2>/dev/null | grep -c ^inotify || true")
    assert (int(watches) > 0) == (not watching)

    assert int(output_of(writer, *EDIT)) > 20
    output_of(app, "sh", "-c", 'mkdir fresh && cp -r docs fresh && cd fresh && "$@"', "sh", *command)
    # Files alone: a live app leaves the directories it made.
    listed = 'cd "$0" && find . -type f -exec sha256sum {} + | sort'
    fresh = output_of(app, "sh", "-c", listed, "fresh/html")
    wait_until(lambda: output_of(app, "sh", "-c", listed, "html") == fresh, "what a fresh catch-up makes")

    stopped = app.get_wrapped_container()
    stopped.stop(timeout=30)
    assert stopped.wait()["StatusCode"] == 0, app.get_logs()


def pages(root: pathlib.Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_an_app_here_follows_what_a_container_writes(
    start: Start, tmp_path: pathlib.Path, watching: dict[str, str]
) -> None:
    user = f"{os.getuid()}:{os.getgid()}"
    writer = start(["sleep", "600"], str(tmp_path), reads={EDITOR: "/edit"}, user=user)
    output_of(writer, "sh", "-c", BEGIN)

    command = [sys.executable, *COCO_SIM, "update", str(EXAMPLE / "main.py")]
    html, fresh = tmp_path / "html", tmp_path / "fresh"
    with subprocess.Popen([*command, "--live"], cwd=tmp_path, env={**os.environ, **watching}) as app:
        try:
            wait_until(lambda: len(pages(html)) == FIRST_PAGES, "the first pages")
            assert int(output_of(writer, *EDIT)) > 20
            shutil.copytree(tmp_path / "docs", fresh / "docs")
            subprocess.run(command, cwd=fresh, check=True)
            wait_until(lambda: pages(html) == pages(fresh / "html"), "what a fresh catch-up makes")
            app.send_signal(signal.SIGTERM)
            assert app.wait(30) == 0
        finally:
            app.kill()
