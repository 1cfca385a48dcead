"""Goal: the code index keeps its promises over the running Python's own standard library, on a real disk."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
from typing import Any

import pytest

pytestmark = pytest.mark.real

MAIN = pathlib.Path(__file__).parents[2] / "examples" / "code_index" / "main.py"
DRIVE = pathlib.Path(__file__).parent / "drive.py"


def start(directory: pathlib.Path, what: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "CODE_INDEX_SOURCE": "src"}
    command = [sys.executable, str(DRIVE), what, str(MAIN)]
    return subprocess.Popen(command, cwd=directory, env=environment, text=True, stdout=-1, stderr=-1)


def run(directory: pathlib.Path, what: str = "update") -> dict[str, Any]:
    process = start(directory, what)
    out, err = process.communicate(timeout=1200)
    assert process.returncode == 0, err[-4000:]
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def output(directory: pathlib.Path) -> dict[str, bytes]:
    root = directory / "index"
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def written(directory: pathlib.Path) -> dict[str, int]:
    root = directory / "index"
    return {path.relative_to(root).as_posix(): path.stat().st_mtime_ns for path in root.rglob("*") if path.is_file()}


def document(name: str) -> str:
    return f"files/{name}.json"


@pytest.fixture(scope="module")
def standard_library(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    directory = tmp_path_factory.mktemp("standard_library")
    shutil.copytree(
        sysconfig.get_path("stdlib"),
        directory / "src",
        ignore=shutil.ignore_patterns("site-packages", "__pycache__", "*.so", "*.pyc"),
        symlinks=False,
    )
    return directory


def test_a_code_index_of_the_standard_library(standard_library: pathlib.Path, tmp_path: pathlib.Path) -> None:
    source = standard_library / "src"
    names = sorted(path.relative_to(source).as_posix() for path in source.rglob("*.py"))
    assert len(names) > 1_000

    # Cold.
    cold = run(standard_library)
    index_file = cold["stats"]["index_file"]
    indexed = index_file["num_adds"]
    assert indexed + index_file["num_errors"] == len(names)
    everything = output(standard_library)
    assert len(everything) == indexed + 1
    summary = json.loads(everything["summary.json"])
    assert summary["totals"]["files"] == indexed
    assert len(summary["failed"]) == index_file["num_errors"]

    # Nothing changed: no memoized body that succeeded runs again, no file is written.
    before = written(standard_library)
    again = run(standard_library)
    assert again["stats"]["index_file"]["num_unchanged"] == indexed
    assert again["stats"]["index_file"]["num_adds"] == again["stats"]["index_file"]["num_reprocesses"] == 0
    assert again["events"].get("function_started", 0) == 0
    assert again["events"]["operations"] == 1  # the directory itself, asserted every run (FS-37)
    assert written(standard_library) == before

    # Three edited, two deleted, one renamed: only those are touched, and the summary.
    by_size = [name for name in names if document(name) in everything]
    edited, deleted, renamed = by_size[:3], by_size[3:5], by_size[5]
    for name in edited:
        with (source / name).open("a") as file:
            file.write("\n\ndef added_by_the_test():\n    pass\n")
    for name in deleted:
        (source / name).unlink()
    (source / renamed).rename(source / "renamed_by_the_test.py")
    changed = run(standard_library)["stats"]["index_file"]
    assert (changed["num_reprocesses"], changed["num_adds"], changed["num_deletes"]) == (3, 1, 3)
    assert changed["num_unchanged"] == indexed - 6
    after = written(standard_library)
    assert {name for name in after if after[name] != before.get(name)} == {
        *map(document, edited), document("renamed_by_the_test.py"), "summary.json"
    }  # fmt: skip
    assert before.keys() - after.keys() == {*map(document, deleted), document(renamed)}

    # kill -9 in the middle of a cold run.
    killed = tmp_path / "killed"
    killed.mkdir()
    (killed / "src").symlink_to(source)
    process = start(killed, "update")
    deadline = time.monotonic() + 120
    while len(output(killed)) < indexed // 5:
        assert process.poll() is None, process.communicate()[1][-4000:]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    survivors = output(killed)
    complete = output(standard_library)
    partial = {name for name in survivors if name in complete and survivors[name] != complete[name]}
    assert partial <= {"summary.json"}
    assert 0 < len(survivors) < len(complete)
    run(killed)
    assert output(killed) == complete  # nothing lost, nothing half-written, nothing left over

    # drop removes exactly what was declared; directories made on the way stay (FS-33).
    (killed / "index" / "mine.txt").write_text("mine")
    directories = {path for path in (killed / "index").rglob("*") if path.is_dir()}
    run(killed, "drop")
    assert output(killed) == {"mine.txt": b"mine"}
    assert {path for path in (killed / "index").rglob("*") if path.is_dir()} == directories
    assert run(killed)["stats"]["index_file"]["num_adds"] == indexed - 2
