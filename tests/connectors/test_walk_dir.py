# Goal: a walk yields the files that are there, in one order, and says clearly when there is no directory to walk.

from __future__ import annotations

import asyncio
import errno
import os
from contextvars import ContextVar
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.connectors import localfs
from cocoindex_sim.connectors.localfs._disk import Disk
from cocoindex_sim.connectors.localfs._file import DIRECT_READ_BYTES_MAX
from cocoindex_sim.ports import DirectoryEntry, FileStat
from cocoindex_sim.resources.file import PatternFilePathMatcher

from .connector_runner import Runner, new_process


def write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def keys(walker: localfs.DirWalker) -> list[str]:
    async def collect() -> list[str]:
        return [key async for key, _ in walker.items()]

    return asyncio.run(collect())


def files(walker: localfs.DirWalker) -> list[localfs.File]:
    async def collect() -> list[localfs.File]:
        return [file async for file in walker]

    return asyncio.run(collect())


def test_a_walk_is_not_recursive_unless_asked(tmp_path: Path) -> None:  # FS-09
    write(tmp_path, "b", "a", "sub/c", ".hidden")
    assert keys(localfs.walk_dir(tmp_path)) == [".hidden", "a", "b"]
    assert keys(localfs.walk_dir(tmp_path, recursive=True)) == [".hidden", "a", "b", "sub/c"]


def test_the_order_is_by_name_with_files_before_directories(tmp_path: Path) -> None:
    write(tmp_path, "a/z", "a/b/x", "b", "A/q", "a/c", "é")
    expected = ["b", "é", "A/q", "a/c", "a/z", "a/b/x"]
    assert keys(localfs.walk_dir(tmp_path, recursive=True)) == expected


def test_many_small_directories_are_looked_at_in_one_hop_to_a_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, *(f"d{number}/file" for number in range(50)))
    hops = []
    run = asyncio.BaseEventLoop.run_in_executor

    def counted(loop: asyncio.BaseEventLoop, executor: Any, function: Any, *args: Any) -> Any:
        hops.append(function)
        return run(loop, executor, function, *args)

    monkeypatch.setattr(asyncio.BaseEventLoop, "run_in_executor", counted)
    assert len(keys(localfs.walk_dir(tmp_path, recursive=True))) == 50
    assert len(hops) == 1


def test_a_matcher_is_asked_in_the_context_of_the_walk(tmp_path: Path) -> None:
    wanted = ContextVar[str]("wanted")

    class Wanted:
        def is_dir_included(self, path: PurePath) -> bool:
            return True

        def is_file_included(self, path: PurePath) -> bool:
            return path.name == wanted.get()

    async def collect() -> list[str]:
        wanted.set("b")
        return [key async for key, _ in localfs.walk_dir(tmp_path, path_matcher=Wanted()).items()]

    write(tmp_path, "a", "b")
    assert asyncio.run(collect()) == ["b"]


def test_only_what_is_a_file_in_the_end_is_yielded(tmp_path: Path) -> None:  # FS-09, FS-10
    write(tmp_path, "file", "dir/below")
    (tmp_path / "to_file").symlink_to("file")
    (tmp_path / "to_dir").symlink_to("dir")
    (tmp_path / "dangling").symlink_to("none")
    (tmp_path / "itself").symlink_to("itself")
    os.mkfifo(tmp_path / "fifo")
    assert keys(localfs.walk_dir(tmp_path)) == ["file", "to_file"]
    assert keys(localfs.walk_dir(tmp_path, recursive=True)) == ["file", "to_file", "dir/below", "to_dir/below"]


def test_links_to_a_directory_they_are_inside_of_are_not_followed(tmp_path: Path) -> None:  # FS-10
    write(tmp_path, "out/file", "root/sub/file")
    (tmp_path / "root/sub/up").symlink_to("..")
    (tmp_path / "root/sub/self").symlink_to(".")
    (tmp_path / "root/sub/out").symlink_to("../../out")
    (tmp_path / "out/back").symlink_to("../root/sub")
    assert keys(localfs.walk_dir(tmp_path / "root", recursive=True)) == ["sub/file", "sub/out/file"]


def test_keys_are_relative_to_the_root_and_paths_to_the_base(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # FS-04, FS-11
    write(tmp_path, "src/sub/a")
    monkeypatch.chdir(tmp_path)
    for root in ("src", Path("src"), localfs.FilePath("src"), localfs.FilePath("./src")):
        walker = localfs.walk_dir(root, recursive=True)
        assert keys(walker) == ["sub/a"]
        assert [file.file_path for file in files(walker)] == [localfs.FilePath("src/sub/a")]
    absolute = localfs.walk_dir(tmp_path / "src", recursive=True)
    assert keys(absolute) == ["sub/a"]
    assert [file.file_path.path for file in files(absolute)] == [tmp_path / "src/sub/a"]


def test_a_context_key_is_a_root_and_stays_the_base(app: Runner, tmp_path: Path) -> None:  # FS-04, FS-11
    write(tmp_path, "src/sub/a")

    async def main(key: Any) -> list[Any]:
        roots = [key, localfs.FilePath(base_dir=key), localfs.FilePath("sub", base_dir=key)]
        walks = [localfs.walk_dir(root, recursive=True).items() for root in roots]
        found = [(path, file) for walk in walks async for path, file in walk]
        assert [path for path, _ in found] == ["sub/a", "sub/a", "a"]
        assert {file.file_path for _, file in found} == {localfs.FilePath("sub/a", base_dir=key)}
        return [await file.read() for _, file in found]

    assert app.update(main, provided={"walked": tmp_path / "src"}) == [b"src/sub/a"] * 3


def test_iterating_again_walks_again(tmp_path: Path) -> None:
    write(tmp_path, "a")
    walker = localfs.walk_dir(tmp_path)
    assert keys(walker) == ["a"]
    write(tmp_path, "b")
    assert keys(walker) == ["a", "b"]
    with pytest.raises(TypeError):
        iter(walker)  # type: ignore[call-overload]  # FS-08: async only


def test_a_live_walk_finds_what_any_walk_finds(tmp_path: Path) -> None:  # LIV-04
    write(tmp_path, "a", "sub/b")
    assert keys(localfs.walk_dir(tmp_path, live=True, recursive=True)) == ["a", "sub/b"]


@pytest.mark.parametrize("name", ["none", "file", "file/below"])
def test_a_root_that_is_no_directory_is_an_error_at_iteration(tmp_path: Path, name: str) -> None:  # FS-08
    write(tmp_path, "file")
    walker = localfs.walk_dir(tmp_path / name)
    with pytest.raises(ValueError, match=r"Path is not a directory: .*; create it") as caught:
        keys(walker)
    assert str(tmp_path.resolve() / name) in str(caught.value)


def test_a_base_outside_a_component_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        keys(localfs.walk_dir(coco.ContextKey[Path]("walk_dir_outside")))


def test_matchers_see_root_relative_paths_and_close_directories(tmp_path: Path) -> None:  # FS-12
    write(tmp_path, "a.py", "b.txt", "lib/c.py", "lib/deep/d.py", "skip/e.py", "skip/deep/f.py")
    (tmp_path / "link").symlink_to("skip")
    seen: list[str] = []

    class Matcher:
        def is_dir_included(self, path: PurePath) -> bool:
            seen.append(f"{path}/")
            return path.name not in ("skip", "link")

        def is_file_included(self, path: PurePath) -> bool:
            seen.append(str(path))
            return path.suffix == ".py"

    assert keys(localfs.walk_dir(tmp_path, recursive=True, path_matcher=Matcher())) == [
        "a.py",
        "lib/c.py",
        "lib/deep/d.py",
    ]
    # Each path once; nothing below a closed directory.
    assert sorted(seen) == ["a.py", "b.txt", "lib/", "lib/c.py", "lib/deep/", "lib/deep/d.py", "link/", "skip/"]
    seen.clear()
    assert keys(localfs.walk_dir(tmp_path, path_matcher=Matcher())) == ["a.py"]
    assert sorted(seen) == ["a.py", "b.txt"]


def test_patterns_decide_a_real_walk(tmp_path: Path) -> None:  # FS-12, FS-18
    write(tmp_path, "a.py", "build/b.py", "build/keep/c.py", "src/d.py", "src/e.txt")
    matcher = PatternFilePathMatcher(["*.py"], ["build", "build/**", "!build/keep/**"])
    found = keys(localfs.walk_dir(tmp_path, recursive=True, path_matcher=matcher))
    assert found == ["a.py", "build/keep/c.py", "src/d.py"]


class Faulty(Disk):
    """A disk where some calls fail, as if something had changed, or failed, in between."""

    def __init__(self, **errors: OSError) -> None:
        self.errors = errors
        self.stats: list[str] = []
        self.read_sizes: list[int] = []

    __slots__ = ("errors", "read_sizes", "stats")

    def _fail(self, call: str, path: str) -> None:
        error = self.errors.get(f"{call}_{os.path.basename(path)}")
        if error is not None:
            raise error

    def stat(self, path: str, *, follow_symlinks: bool = True) -> FileStat:
        self.stats.append(os.path.basename(path))
        self._fail("stat", path)
        return super().stat(path, follow_symlinks=follow_symlinks)

    def scandir(self, path: str) -> list[DirectoryEntry]:
        self._fail("scandir", path)
        return super().scandir(path)

    def read(self, path: str, size: int = -1) -> bytes:
        self._fail("read", path)
        self.read_sizes.append(size)
        return super().read(path, size)


def gone(path: str = "x") -> OSError:
    return FileNotFoundError(errno.ENOENT, "No such file or directory", path)


def denied(path: str = "x") -> OSError:
    return PermissionError(errno.EACCES, "Permission denied", path)


@pytest.mark.parametrize("error", [gone(), denied()])
def test_what_is_gone_or_denied_when_looked_at_is_skipped(tmp_path: Path, error: OSError) -> None:  # FS-10
    write(tmp_path, "a", "b", "sub/c", "sub2/d")
    with new_process(Faulty(stat_a=error, scandir_sub=error)):
        assert keys(localfs.walk_dir(tmp_path, recursive=True)) == ["b", "sub2/d"]


def test_another_failure_to_look_is_not_taken_for_absence(tmp_path: Path) -> None:
    write(tmp_path, "a")
    broken = OSError(errno.EIO, "Input/output error")
    with new_process(Faulty(stat_a=broken)), pytest.raises(OSError, match="Input/output error"):
        keys(localfs.walk_dir(tmp_path))


def test_an_unreadable_root_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    write(tmp_path, "root/a")
    with new_process(Faulty(scandir_root=denied())), pytest.raises(PermissionError):
        keys(localfs.walk_dir(tmp_path / "root"))


def test_excluded_files_are_not_looked_at(tmp_path: Path) -> None:
    write(tmp_path, "a.py", "b.txt", "node_modules/c.py")
    faulty = Faulty()
    with new_process(faulty):
        matcher = PatternFilePathMatcher(["*.py"], ["node_modules"])
        assert keys(localfs.walk_dir(tmp_path, recursive=True, path_matcher=matcher)) == ["a.py"]
    assert faulty.stats == [tmp_path.name, "a.py"]


def test_a_file_that_disappears_before_it_is_read_is_the_readers_error(tmp_path: Path) -> None:
    write(tmp_path, "a")
    (file,) = files(localfs.walk_dir(tmp_path))
    (tmp_path / "a").unlink()
    with pytest.raises(FileNotFoundError) as caught:
        asyncio.run(file.read())
    assert caught.value.filename == str(tmp_path.resolve() / "a")


def test_a_name_that_is_not_utf8_is_an_error_as_key_only(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"\xff.txt")).touch()
    walker = localfs.walk_dir(tmp_path)
    assert len(files(walker)) == 1
    with pytest.raises(ValueError, match=r"not valid UTF-8: '\\udcff.txt' in .*exclude it"):
        keys(walker)
    assert keys(localfs.walk_dir(tmp_path, path_matcher=PatternFilePathMatcher(["*.py"]))) == []


def test_size_and_time_are_those_of_the_walk(tmp_path: Path) -> None:  # FS-05, FS-07
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    os.utime(path, ns=(0, 1_000_000_999))
    (file,) = files(localfs.walk_dir(tmp_path))
    path.write_bytes(b"longer than before")
    assert asyncio.run(file.size()) == 5
    outcome = asyncio.run(file.__coco_memo_state__(coco.NON_EXISTENCE))
    assert outcome.state[0] == datetime(1970, 1, 1, 0, 0, 1)


def test_a_file_can_be_made_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    file = localfs.File(localfs.FilePath(tmp_path / "a"))
    assert asyncio.run(file.size()) == 5
    assert asyncio.run(file.read()) == b"12345"
    with pytest.raises(FileNotFoundError):
        asyncio.run(localfs.File(localfs.FilePath(tmp_path / "none")).size())
    with pytest.raises(IsADirectoryError):
        asyncio.run(localfs.File(localfs.FilePath(tmp_path)).read())


@pytest.mark.parametrize("size", [0, DIRECT_READ_BYTES_MAX, DIRECT_READ_BYTES_MAX + 1])
def test_large_files_are_read_off_the_loop(tmp_path: Path, size: int) -> None:
    (tmp_path / "a").write_bytes(b"x" * size)
    (file,) = files(localfs.walk_dir(tmp_path))
    handed_over: list[object] = []

    async def read() -> bytes:
        loop = asyncio.get_running_loop()
        hand_over = loop.run_in_executor

        def watched(*args: Any) -> Any:
            handed_over.append(args)
            return hand_over(*args)

        loop.run_in_executor = watched  # type: ignore[method-assign]  # the observation
        return await file.read()

    assert asyncio.run(read()) == b"x" * size
    assert len(handed_over) == (size > DIRECT_READ_BYTES_MAX)


def test_a_large_file_can_be_read_without_a_loop(tmp_path: Path) -> None:  # MEM-23
    (tmp_path / "a").write_bytes(b"x" * (DIRECT_READ_BYTES_MAX + 1))
    steps = localfs.File(localfs.FilePath(tmp_path / "a")).content_fingerprint().__await__()
    with pytest.raises(StopIteration):
        next(steps)
