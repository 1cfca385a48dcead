"""Pipelines with a bug planted in them, a story for each, and an oracle of our own."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from cocoindex_sim.world import (
    Advance,
    Expect,
    ExpectationFailed,
    Place,
    RemoveFiles,
    Settle,
    Step,
    Story,
    TargetExpectation,
    Update,
    World,
    WriteFiles,
)

FILE = Path("x.coco.yaml")

_BEGIN = """
import asyncio
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs

@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield
"""

# Two that read, wait and write: the one that wakes last wins, and in asyncio's order that is the last in the alphabet.
LOST_UPDATE = (
    _BEGIN
    + """
best = {}

@coco.fn
async def consider(file, output):
    text = await file.read_text()
    before = best.get("best", "")
    await asyncio.sleep(0)
    if text > before:
        best["best"] = text
    output.declare_file(file.file_path.name, text)

async def main():
    best.clear()
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    handle = await coco.mount_each(consider, localfs.walk_dir(pathlib.Path("in")).items(), target)
    await handle.ready()
    target.declare_file("best.txt", best.get("best", ""))

app = coco.App("Best", main)
"""
)

# Counts outside of the engine what it has done: when the process dies before that is remembered, twice.
COUNTS_TWICE = (
    _BEGIN
    + """
from cocoindex_sim.engine import current_process

@coco.fn(memo=True)
async def keep(file, output):
    text = await file.read_text()
    files = current_process().ports.file_system
    count = f"counts/{file.file_path.name}-{text}"
    try:
        before = files.read(count, -1).decode()
    except FileNotFoundError:
        before = ""
    files.replace_content(count, (before + "x").encode())
    output.declare_file(file.file_path.name, text)

async def main():
    current_process().ports.file_system.mkdir("counts")
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(keep, localfs.walk_dir(pathlib.Path("in")).items(), target)

app = coco.App("Counts", main)
"""
)


def at(line: int) -> Place:
    return Place(FILE, line, 1)


def story_of(project: Path, pipeline: str, *steps: Step) -> Story:
    """The story of these steps, the first on line 2, with one file `in/a` at the beginning."""
    (project / "main.py").write_text(pipeline)
    return Story("planted", at(1), "main.py", at(1), project, steps, (("in/a", b"a"),), watch="perfect")


def write(line: int, **files: str) -> WriteFiles:
    return WriteFiles(at(line), tuple((f"in/{name}", text.encode()) for name, text in files.items()))


def long_story(project: Path, pipeline: str, *more: Step) -> Story:
    """Ten steps, of which few matter."""
    return story_of(
        project,
        pipeline,
        Update(at(2)),
        write(3, b="b"),
        Settle(at(4)),
        Update(at(5)),
        write(6, c="c"),
        Advance(at(7), timedelta(seconds=1)),
        RemoveFiles(at(8), ("in/a",)),
        write(9, b="bb"),
        Update(at(10)),
        *more,
    )


def expect(line: int, **files: TargetExpectation) -> Expect:
    return Expect(at(line), targets=tuple((f"out/{name}", content) for name, content in files.items()))


class Oracle:
    """Attends runs, and asks after one more update what is wrong."""

    name = "convergence"

    def attend(self, world: World) -> Oracle:
        self.world = world
        return self

    def source_changed(self) -> None:
        pass

    def ending(self) -> None:
        pass

    def judge(self, *, supervised: bool) -> None:
        self.world.update()
        wrong = self.wrong(self.world)
        if wrong:
            failure = ExpectationFailed(f"{self.name}: {wrong}", place=at(1))
            failure.oracle = self.name
            raise failure

    def wrong(self, world: World) -> str:
        raise NotImplementedError


class BestIsTheGreatest(Oracle):
    """`out/best.txt` is the greatest of the files in `in`."""

    def wrong(self, world: World) -> str:
        directory = f"{world.files.cwd}/in"
        texts = [world.files.read(f"{directory}/{entry.name}") for entry in world.files.scandir(directory)]
        best = world.target_files().get("out/best.txt")
        return "" if best == max(texts, default=b"") else f"{best!r} is not the greatest of {texts!r}"


class CountedOnce(Oracle):
    """No file in `counts` is longer than one character."""

    name = "idempotence"

    def wrong(self, world: World) -> str:
        more = {
            path: text for path, text in world.target_files().items() if path.startswith("counts/") and len(text) > 1
        }
        return f"counted more than once: {more}" if more else ""
