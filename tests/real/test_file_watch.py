# Goal: on a real disk, natively and by polling: nothing is lost from the moment a watch is armed, and it is quick.

from __future__ import annotations

import asyncio
import os
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.connectors.localfs import _native_watch
from cocoindex_sim.connectors.localfs._disk import Disk
from cocoindex_sim.ports import FileChange, FileWatch

pytestmark = pytest.mark.real

NATIVE, POLLING = Disk(force_polling=False), Disk(force_polling=True, poll_delay_ms=20)
both = pytest.mark.parametrize("disk", [pytest.param(NATIVE, id="native"), pytest.param(POLLING, id="polling")])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    root.mkdir()
    return root


def write(path: Path, content: str) -> None:
    path.write_text(content)


def watched(disk: Disk, root: Path, act: Callable[[FileWatch], Awaitable[Any]], *, recursive: bool = True) -> Any:
    async def run() -> Any:
        watch = await disk.watch(str(root), recursive=recursive)
        try:
            return await act(watch)
        finally:
            await watch.aclose()

    return asyncio.run(run())


async def told_until(watch: FileWatch, is_enough: Callable[[set[FileChange]], bool], within_s: float = 10) -> set[Any]:
    told: set[FileChange] = set()
    try:
        async with asyncio.timeout(within_s):
            while not is_enough(told):
                told.update(await watch.next_changes())
    except TimeoutError:
        pytest.fail(f"not enough was told: {sorted(told)}")
    return told


def covers(told: set[FileChange], path: Path) -> bool:
    """Whether a change is told as the port promises."""
    above = {str(parent) for parent in path.parents}
    return any(one.path == str(path) or (one.path in above and one.kind != "modified") for one in told)


@both
def test_what_changes_right_after_arming_is_told(disk: Disk, root: Path) -> None:  # FS-19
    for number in range(30):
        path = root / f"{number}"

        async def act(watch: FileWatch, path: Path = path) -> None:
            write(path, "x")  # with no await in between
            await told_until(watch, lambda told: covers(told, path))

        watched(disk, root, act)


@both
def test_every_kind_of_change_is_told(disk: Disk, root: Path) -> None:  # FS-20, FS-21, FS-22
    outside = root.parent / "outside"
    (outside / "in").mkdir(parents=True)
    (outside / "in/file").write_text("")
    (root / "dir/sub").mkdir(parents=True)
    (root / "dir/sub/file").write_text("")
    (root / "old").write_text("")

    async def act(watch: FileWatch) -> None:
        async def then(*paths: str) -> None:
            await told_until(watch, lambda told: all(covers(told, root / path) for path in paths))

        (root / "new").write_text("1")
        await then("new")
        (root / "new").write_text("2")
        await then("new")
        (root / "new~").write_text("3")
        os.replace(root / "new~", root / "new")
        await then("new")
        (root / "old").unlink()
        await then("old")
        (root / "dir").rename(root / "moved")
        await then("dir", "moved")
        (root / "moved/sub/file").write_text("edited")
        await then("moved/sub/file")
        (outside / "in").rename(root / "in")
        await then("in")
        (root / "in/file").write_text("edited")
        await then("in/file")
        (root / "in").rename(outside / "back")
        await then("in")
        shutil.rmtree(root / "moved")
        await then("moved")
        (root / "a/b/c").mkdir(parents=True)
        (root / "a/b/c/file").write_text("")
        await then("a/b/c/file")

    watched(disk, root, act)


@both
def test_a_watch_that_is_not_recursive_tells_of_direct_entries_only(disk: Disk, root: Path) -> None:
    (root / "dir").mkdir()

    async def act(watch: FileWatch) -> set[FileChange]:
        (root / "dir/below").write_text("")
        (root / "last").write_text("")
        return await told_until(watch, lambda told: covers(told, root / "last"))

    told = watched(disk, root, act, recursive=False)
    assert not [one for one in told if one.path.endswith("below")]


@both
@pytest.mark.parametrize("goes", ["removed", "moved", "parent moved", "replaced"])
def test_a_root_that_goes_is_told(disk: Disk, root: Path, goes: str) -> None:  # FS-29
    home = root.parent / "home"
    home.mkdir()
    root = root.rename(home / "root")

    async def act(watch: FileWatch) -> None:
        if goes == "removed":
            shutil.rmtree(root)
        elif goes == "parent moved":
            home.rename(home.parent / "away")
        else:
            root.rename(home / "away")
        if goes == "replaced":
            root.mkdir()
        await told_until(watch, lambda told: FileChange("deleted", str(root)) in told)

    watched(disk, root, act)


@both
def test_two_edits_within_a_second_are_both_told(disk: Disk, root: Path) -> None:
    path = root / "file"
    path.write_text("1")

    async def act(watch: FileWatch) -> None:
        for content in ("2", "3", "4"):
            path.write_text(content)
            await told_until(watch, lambda told: covers(told, path))
            await asyncio.sleep(0.05)

    watched(disk, root, act)


@both
def test_a_random_script_changes_nothing_untold(disk: Disk, root: Path) -> None:
    draw = random.Random(1)
    outside = root.parent / "outside"
    outside.mkdir()

    def state() -> dict[Path, bytes | None]:
        return {path: path.read_bytes() if path.is_file() else None for path in root.rglob("*")}

    def path() -> Path:
        return root.joinpath(*(draw.choice("abc") for _ in range(draw.randint(1, 3))))

    def step(number: int) -> None:
        place = draw.choice(["write", "write", "mkdir", "rename", "remove", "out", "in"])
        try:
            match place:
                case "write":
                    path().write_text(str(number))
                case "mkdir":
                    path().mkdir(parents=True)
                case "rename":
                    path().rename(path())
                case "remove":
                    shutil.rmtree(path())
                case "out":
                    path().rename(outside / str(number))
                case "in":
                    draw.choice(sorted(outside.iterdir())).rename(path())
        except (OSError, IndexError):
            pass

    async def act(watch: FileWatch) -> None:
        for _ in range(8):
            before = state()
            for number in range(40):
                step(number)
                if draw.random() < 0.1:
                    await asyncio.sleep(0.01)
            after = state()
            changed = [path for path in before.keys() | after.keys() if before.get(path, ...) != after.get(path, ...)]
            await told_until(watch, lambda told, changed=changed: all(covers(told, path) for path in changed))

    watched(disk, root, act)


@both
def test_a_burst_of_two_thousand_files_is_told_at_once(disk: Disk, root: Path) -> None:
    async def act(watch: FileWatch) -> float:
        for number in range(2000):
            (root / f"{number}").write_text("x")
        begun = time.perf_counter()
        await told_until(watch, lambda told: len({one.path for one in told}) >= 2000)
        return time.perf_counter() - begun

    assert watched(disk, root, act) < 2


def test_more_changes_than_a_queue_may_hold_are_followed_by_a_rescan(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # EDGE-13
    monkeypatch.setattr(_native_watch, "SUSPICIOUS_CHANGES", 100)
    rescan = FileChange("rescan", str(root))

    async def act(watch: FileWatch) -> None:
        for number in range(60):
            write(root / f"{number}", "x")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                while rescan not in await watch.next_changes():
                    pass
        for number in range(200):
            write(root / f"{number}", "y")
        await told_until(watch, lambda told: rescan in told)

    watched(NATIVE, root, act)


def test_a_change_is_told_within_ten_milliseconds(root: Path) -> None:
    async def act(watch: FileWatch) -> list[float]:
        delays = []
        for number in range(100):
            await asyncio.sleep(0.011)
            begun = time.perf_counter()
            (root / "file").write_text(str(number))
            await watch.next_changes()
            delays.append(time.perf_counter() - begun)
        return delays

    assert statistics.median(watched(NATIVE, root, act)) < 0.010


def test_a_name_that_is_no_text_kills_a_native_watch(root: Path) -> None:
    async def act(watch: FileWatch) -> None:
        write(root / os.fsdecode(b"\xff"), "x")
        for _ in range(2):
            with pytest.raises(OSError, match="has died"):
                async with asyncio.timeout(10):
                    await watch.next_changes()

    watched(NATIVE, root, act)


@both
def test_nothing_is_left_of_a_closed_watch(disk: Disk, root: Path) -> None:
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.exists("/proc") else 0

    async def act(watch: FileWatch) -> None:
        (root / "file").write_text("")
        await watch.next_changes()
        await watch.aclose()
        await watch.aclose()

    for _ in range(5):
        watched(disk, root, act)
    assert threading.active_count() == threads
    if files:
        deadline = time.monotonic() + 10  # the backend closes its own a little later
        while len(os.listdir("/proc/self/fd")) > files and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(os.listdir("/proc/self/fd")) <= files


@both
def test_a_root_that_is_missing_or_a_file_is_not_watched(disk: Disk, root: Path) -> None:
    async def nothing(watch: FileWatch) -> None: ...

    with pytest.raises(FileNotFoundError):
        watched(disk, root / "none", nothing)
    (root / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        watched(disk, root / "file", nothing)


def test_a_program_ends_although_a_watch_was_not_closed(root: Path) -> None:
    program = f"""
import asyncio
from cocoindex_sim.connectors.localfs._disk import Disk

async def main():
    keep.append(await Disk(force_polling=False).watch({str(root)!r}, recursive=True))

keep = []
asyncio.run(main())
print("done")
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "done\n", "")


def test_polling_can_be_asked_for_in_the_environment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def kind(watch: FileWatch) -> str:
        return type(watch).__name__

    monkeypatch.setenv("WATCHFILES_POLL_DELAY_MS", "20")
    for value, name in (("1", "PollingWatch"), ("false", "NativeWatch"), ("", "NativeWatch")):
        monkeypatch.setenv("WATCHFILES_FORCE_POLLING", value)
        assert watched(Disk(), root, kind) == name
