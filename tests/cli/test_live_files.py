# Goal: a live app over a directory that is stopped, started and changed all the while ends at what is on disk.

import random
import signal
import sys
import time
from pathlib import Path

import pytest

from .conftest import Project
from .test_process import DEADLINE_S, lines_until

pytestmark = [pytest.mark.real, pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")]

COPY = """
    import pathlib

    import cocoindex as coco
    from cocoindex.connectors import localfs


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    @coco.fn(memo=True)
    async def copy(file, output):
        name = file.file_path.path.relative_to("in").as_posix()
        output.declare_file(name, await file.read(), create_parent_dirs=True)


    @coco.fn
    async def main():
        print("running", flush=True)
        output = await localfs.mount_dir_target(pathlib.Path("out"))
        await coco.mount_each(copy, localfs.walk_dir("in", live=True, recursive=True).items(), output)


    app = coco.App("Copy", main)
"""


def content(directory: Path) -> dict[str, bytes]:
    """The files below a directory; one that goes meanwhile is left out."""
    found = {}
    for path in sorted(directory.rglob("*")):
        try:
            if path.is_file():
                found[path.relative_to(directory).as_posix()] = path.read_bytes()
        except OSError:
            continue
    return found


def change(source: Path, draw: random.Random, number: int) -> None:
    """One of the things that happen to files."""
    directory = source / draw.choice(["", "a", "b", "a/c"])
    file = directory / f"{draw.randrange(8)}.txt"
    match draw.choice(["write", "write", "write", "replace", "delete", "move"]):
        case "write":
            directory.mkdir(parents=True, exist_ok=True)
            file.write_text(f"content {number}")
        case "replace":
            directory.mkdir(parents=True, exist_ok=True)
            new = directory.with_name(f"{directory.name}.new")
            new.write_text(f"replaced {number}")
            new.replace(file)
        case "delete":
            file.unlink(missing_ok=True)
        case "move" if directory != source and directory.is_dir():
            other = source / draw.choice(["a", "b", "d"])
            if not other.exists():
                directory.rename(other)


@pytest.mark.parametrize("seed", [1, 2])
def test_what_happens_while_it_stops_is_down_and_starts_is_not_lost(project: Project, seed: int) -> None:
    # CLI-13, EDGE-21, FS-30
    project.write("mirror.py", COPY)
    source, output = project.directory / "in", project.directory / "out"
    source.mkdir()
    draw = random.Random(seed)
    number = 0

    def changes(count: int) -> None:
        nonlocal number
        for _ in range(count):
            number += 1
            change(source, draw, number)
            time.sleep(draw.choice([0, 0, 0.001, 0.01]))

    changes(20)
    for turn in range(4):
        with project.start("update", "--live", "-q", "mirror.py") as process:
            changes(10)  # while it starts
            lines_until(process.stdout, "running")
            changes(30)  # while it scans and works
            if turn == 3:
                deadline = time.monotonic() + DEADLINE_S
                while content(output) != content(source) and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert content(output) == content(source)
            process.send_signal(draw.choice([signal.SIGINT, signal.SIGTERM]))
            changes(10)  # while it stops
            process.communicate(timeout=DEADLINE_S)
        assert process.returncode == 0
        changes(10)  # while it is down
    result = project.run("update", "mirror.py")
    assert result.exit_code == 0, result.output
    assert content(output) == content(source)
    assert "1 reprocessed\n" in project.run("update", "mirror.py").stdout  # main; all else is unchanged
    assert content(output) == content(source)
