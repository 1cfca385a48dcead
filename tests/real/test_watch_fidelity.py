# Goal: the scripted watch called inotify tells, operation by operation, what inotify tells through watchfiles.

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.connectors.localfs._disk import Disk
from cocoindex_sim.fakes.filesystem import FakeFileSystem, FileKernel, Watching
from cocoindex_sim.ports import FileWatch
from cocoindex_sim.world import VirtualLoop

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="inotify is a part of Linux"),
]

Told = frozenset[tuple[str, str]]
Op = tuple[str, str, str]


def replaced(path: Path, content: str) -> None:
    """As editors save: beside it, then renamed; from outside, so that only the renaming is seen."""
    beside = path.parent.parent / "beside"
    beside.write_text(content)
    os.replace(beside, path)


DISK: dict[str, Callable[[Path, Path, str], Any]] = {
    "write": lambda root, path, other: path.write_text(other),
    "replace": lambda root, path, other: replaced(path, other),
    "mkdir": lambda root, path, other: path.mkdir(exist_ok=True),
    "makedirs": lambda root, path, other: (path / "x/y").mkdir(parents=True, exist_ok=True),
    "unlink": lambda root, path, other: path.unlink(),
    "rmdir": lambda root, path, other: path.rmdir(),
    "rmtree": lambda root, path, other: shutil.rmtree(path),
    "rename": lambda root, path, other: path.rename(root / other),
    "out": lambda root, path, other: path.rename(root.parent / "out" / path.name),
    "in": lambda root, path, other: (root.parent / "out" / other).rename(path),
    "touch": lambda root, path, other: os.utime(path),
    "chmod": lambda root, path, other: path.chmod(0o700),
    "symlink": lambda root, path, other: path.symlink_to("nowhere"),
}


def on_kernel(files: FileKernel, root: str, op: Op) -> None:
    kind, path, other = op
    full = f"{root}/{path}"
    match kind:
        case "write":
            files.write(full, other)
        case "replace":
            files.write("/project/beside", other)
            files.rename("/project/beside", full)
        case "makedirs":
            files.mkdir(f"{full}/x/y", parents=True)
        case "rename":
            files.rename(full, f"{root}/{other}")
        case "out":
            files.rename(full, f"/project/out/{path}")
        case "in":
            files.rename(f"/project/out/{other}", full)
        case "touch":
            files.stat(full)
            files.touch(full)
        case "chmod":
            files.chmod(full, 0o700)
        case "symlink":
            files.symlink("nowhere", full)
        case _:
            getattr(files, kind)(full)


async def told_before(mark: str, watch: FileWatch, root: str) -> Told:
    """What is told before, or with, a file that was written last: systems tell in order."""
    told: set[tuple[str, str]] = set()
    async with asyncio.timeout(20):
        while ("added", mark) not in told:
            told.update((kind, path.removeprefix(root)) for kind, path in await watch.next_changes())
    # Second looks into new directories are there to make up for what may not have been told.
    return frozenset(one for one in told if one[0] != "rescan" and not one[1].startswith("/mark"))


def script(draw: random.Random, length: int) -> list[Op]:
    names = ["a", "b", "c"]
    return [(draw.choice(sorted(DISK)), draw.choice(names), draw.choice(names)) for _ in range(length)]


def write(path: Path) -> None:
    path.write_text("")


def on_disk(base: Path, ops: list[Op]) -> list[tuple[str, Told]]:
    root = base / "src"
    for directory in (root, base / "out"):
        directory.mkdir()

    async def run() -> list[tuple[str, Told]]:
        watch = await Disk(force_polling=False).watch(str(root), recursive=True)
        found = []
        for number, (kind, path, other) in enumerate(ops):
            outcome = "done"
            try:
                DISK[kind](root, root / path, other)
            except OSError:
                outcome = "refused"
            write(root / f"mark{number}")
            found.append((outcome, await told_before(f"/mark{number}", watch, str(root))))
        await watch.aclose()
        return found

    return asyncio.run(run())


def in_memory(ops: list[Op]) -> list[tuple[str, Told]]:
    loop, root = VirtualLoop(), "/project/src"
    kernel = FileKernel(lambda: loop.now_ns)
    kernel.mkdir(root)
    kernel.mkdir("/project/out")
    port = FakeFileSystem(kernel, watching=Watching(kernel, random.Random(0), profile="inotify"))

    async def run() -> list[tuple[str, Told]]:
        watch = await port.watch(root, recursive=True)
        found = []
        for number, op in enumerate(ops):
            outcome = "done"
            try:
                on_kernel(kernel, root, op)
            except OSError:
                outcome = "refused"
            kernel.write(f"{root}/mark{number}", "")
            found.append((outcome, await told_before(f"/mark{number}", watch, root)))
        return found

    return loop.run_until_complete(run())


@pytest.mark.parametrize("seed", range(4))
def test_operation_by_operation_they_tell_the_same(seed: int, tmp_path: Path) -> None:
    ops = script(random.Random(seed), 60)
    real, simulated = on_disk(tmp_path, ops), in_memory(ops)
    differences = [
        (op, one, other) for op, one, other in zip(ops, real, simulated, strict=True) if not is_same(op, one, other)
    ]
    assert differences == []
    assert len([one for one in real if one[1]]) > 20


def whole(told: Told) -> Told:
    """Without what is modified and new: one is told for both, unless there is time to tell of each."""
    return frozenset(one for one in told if one[0] != "modified" or ("added", one[1]) not in told)


def is_same(op: Op, real: tuple[str, Told], simulated: tuple[str, Told]) -> bool:
    real, simulated = (real[0], whole(real[1])), (simulated[0], whole(simulated[1]))
    if op[0] == "makedirs":
        # The inner directories are told or not, depending on whether the outer one is watched by then.
        outer = ("added", f"/{op[1]}")
        return real[0] == simulated[0] and (outer in real[1]) == (outer in simulated[1])
    return real == simulated
