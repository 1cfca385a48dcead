"""Goal: the Markdown example in live mode keeps up with another process that edits 300 files for a minute.

At the end its pages are those of a fresh catch-up update. Twenty times, each with another seed:
`LIVE_MARKDOWN_RUNS=20 pytest -m real tests/real/test_live_markdown.py`
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.real

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "markdown_to_html" / "main.py"
EDITOR = pathlib.Path(__file__).with_name("edit_markdown.py")
RUNS = int(os.environ.get("LIVE_MARKDOWN_RUNS", "1"))
EDITED_S = float(os.environ.get("LIVE_MARKDOWN_SECONDS", "60"))
CATCH_UP_S = 30.0


def coco_sim(directory: pathlib.Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from cocoindex_sim.cli import main; main()", "update", *arguments, "main.py"]
    return subprocess.Popen(command, cwd=directory, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def pages(directory: pathlib.Path) -> dict[str, bytes]:
    root = directory / "html"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def of_a_fresh_update(directory: pathlib.Path, docs: pathlib.Path) -> dict[str, bytes]:
    directory.mkdir()
    shutil.copy(EXAMPLE, directory)
    shutil.copytree(docs, directory / "docs")
    process = coco_sim(directory)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return pages(directory)


def differences(found: dict[str, bytes], expected: dict[str, bytes]) -> list[str]:
    return [
        *(f"missing: {name}" for name in sorted(expected.keys() - found.keys())),
        *(f"left over: {name}" for name in sorted(found.keys() - expected.keys())),
        *(f"stale: {name}" for name in sorted(found.keys() & expected.keys()) if found[name] != expected[name]),
    ]


def wait_until(condition: object, seconds: float) -> None:
    ends = time.monotonic() + seconds
    while not condition() and time.monotonic() < ends:  # type: ignore[operator]  # a function
        time.sleep(0.05)


@pytest.mark.parametrize("seed", range(RUNS))
def test_live_pages_follow_their_sources(tmp_path: pathlib.Path, seed: int) -> None:
    live, docs = tmp_path / "live", tmp_path / "live" / "docs"
    for number in range(300):
        path = docs / f"part{number % 10}" / f"chapter{number % 30}" / f"page{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# Page {number}\n\ntext\n")
    shutil.copy(EXAMPLE, live)
    process = coco_sim(live, "--live")
    try:
        wait_until(lambda: len(pages(live)) == 300, CATCH_UP_S)
        assert len(pages(live)) == 300
        command = [sys.executable, str(EDITOR), str(docs), str(seed), str(EDITED_S)]
        edited = subprocess.run(command, text=True, capture_output=True, timeout=EDITED_S + 60, check=False)
        assert edited.returncode == 0, edited.stderr
        assert int(edited.stdout) > EDITED_S
        expected = of_a_fresh_update(tmp_path / "fresh", docs)
        wait_until(lambda: not differences(pages(live), expected), CATCH_UP_S)
        assert differences(pages(live), expected) == []
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=30)
        assert process.returncode == 0, out
        # A file may go after it was told of and before it is read; nothing else may fail.
        assert set(re.findall(r"^(?:\w+\.)*(\w+(?:Error|Exception)): ", out, re.MULTILINE)) <= {"FileNotFoundError"}, (
            out
        )
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
