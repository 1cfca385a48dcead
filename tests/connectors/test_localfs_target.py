# Goal: declared files and directories are what is on disk after every update, and nothing else is touched.

from __future__ import annotations

import os
from pathlib import Path, PurePath
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.connectors import localfs
from cocoindex_sim.connectors.localfs._disk import Disk

from .connector_runner import Runner, identities, tree


def one_file(path: Any, content: Any, **options: bool) -> None:
    localfs.declare_file(path, content, **options)


def nothing(*_: Any) -> None:
    pass


async def directory(path: Any, files: dict[str, str], **options: bool) -> None:
    target = await localfs.mount_dir_target(path)
    for name, content in files.items():
        target.declare_file(name, content, **options)


def test_a_file_holds_bytes_or_utf8_text(app: Runner, tmp_path: Path) -> None:  # FS-31
    app.update(one_file, tmp_path / "f", "é")
    assert (tmp_path / "f").read_bytes() == b"\xc3\xa9"
    app.update(one_file, tmp_path / "f", b"\xff")
    assert (tmp_path / "f").read_bytes() == b"\xff"


@pytest.mark.parametrize("content", [None, 3, bytearray(b"x"), ["x"]])
def test_other_content_is_refused_when_declared(app: Runner, tmp_path: Path, content: Any) -> None:  # FS-31
    with pytest.raises(TypeError, match=f"bytes or str, got a {type(content).__name__}"):
        app.update(one_file, tmp_path / "f", content)
    with pytest.raises(TypeError, match="bytes or str"):
        app.update(directory, tmp_path / "d", {"f": content})


def test_a_file_is_written_only_when_its_content_changes(app: Runner, tmp_path: Path) -> None:  # FS-31
    path = tmp_path / "f"
    app.update(one_file, path, "1")
    before = identities(tmp_path)
    app.update(one_file, path, "1")
    assert identities(tmp_path) == before
    app.update(one_file, path, "2")
    assert (path.read_text(), identities(tmp_path) != before) == ("2", True)


def test_an_edit_from_outside_stays_until_the_content_changes(app: Runner, tmp_path: Path) -> None:  # FS-32
    path = tmp_path / "f"
    app.update(one_file, path, "1")
    path.write_text("edited")
    app.update(one_file, path, "1")
    assert path.read_text() == "edited"
    path.unlink()
    app.update(one_file, path, "1")
    assert not path.exists()
    app.update(one_file, path, "2")
    assert path.read_text() == "2"


def test_a_full_reprocess_repairs(app: Runner, tmp_path: Path) -> None:  # FS-32
    app.update(directory, tmp_path / "d", {"f": "1"})
    (tmp_path / "d/f").write_text("edited")
    app.update(directory, tmp_path / "d", {"f": "1"}, full_reprocess=True)
    assert tree(tmp_path) == {"d": None, "d/f": "1"}


def test_what_is_no_longer_declared_goes_and_parents_stay(app: Runner, tmp_path: Path) -> None:  # FS-33
    app.update(one_file, tmp_path / "p/q/f", "1", create_parent_dirs=True)
    assert tree(tmp_path) == {"p": None, "p/q": None, "p/q/f": "1"}
    app.update(nothing)
    assert tree(tmp_path) == {"p": None, "p/q": None}


def test_a_missing_file_is_fine_to_delete(app: Runner, tmp_path: Path) -> None:  # FS-33
    app.update(directory, tmp_path / "d", {"a": "1", "b": "2"})
    (tmp_path / "d/a").unlink()
    app.update(directory, tmp_path / "d", {})
    assert tree(tmp_path) == {"d": None}


def test_a_missing_parent_fails_the_component(app: Runner, tmp_path: Path) -> None:  # FS-34
    with pytest.raises(FileNotFoundError, match="pass create_parent_dirs=True"):
        app.update(one_file, tmp_path / "p/f", "1")
    with pytest.raises(FileNotFoundError, match="pass create_parent_dirs=True"):
        app.update(directory, tmp_path / "d", {"p/f": "1"})
    app.update(directory, tmp_path / "d", {"p/f": "1"}, create_parent_dirs=True)
    assert (tmp_path / "d/p/f").read_text() == "1"


def test_foreign_files_are_never_touched(app: Runner, tmp_path: Path) -> None:  # FS-35 done better, EDGE-09
    (tmp_path / "d").mkdir()
    (tmp_path / "d/foreign").write_text("x")
    app.update(directory, tmp_path / "d", {"f": "1"})
    assert tree(tmp_path) == {"d": None, "d/foreign": "x", "d/f": "1"}
    app.drop()
    assert tree(tmp_path) == {"d": None, "d/foreign": "x"}


def test_a_directory_that_was_there_stays_empty(app: Runner, tmp_path: Path) -> None:  # FS-35 done better
    (tmp_path / "d").mkdir()
    app.update(directory, tmp_path / "d", {"f": "1"})
    app.update(nothing)
    assert tree(tmp_path) == {"d": None}


@pytest.mark.parametrize("way", ["drop", "undeclare"])
def test_a_directory_of_ours_goes_with_everything_declared_in_it(app: Runner, tmp_path: Path, way: str) -> None:
    async def main() -> None:
        target = await localfs.mount_dir_target(tmp_path / "d")
        target.declare_file("f", "1")
        await coco.use_mount(coco.component_subpath("below"), nested, target)

    app.update(main)
    assert tree(tmp_path) == {"d": None, "d/f": "1", "d/n": None, "d/n/m": None, "d/n/m/g": "2"}
    app.drop() if way == "drop" else app.update(nothing)
    assert tree(tmp_path) == {}


async def nested(target: localfs.DirTarget[Any], name: str = "n") -> None:
    inner = await coco.use_mount(coco.component_subpath("n"), declare_inner, target, name)
    innermost = await coco.use_mount(coco.component_subpath("m"), declare_inner, inner, "m")
    await coco.use_mount(coco.component_subpath("g"), declare_in, innermost, "g", "2")


def declare_inner(target: localfs.DirTarget[Any], name: str) -> localfs.DirTarget[Any]:
    return target.declare_dir_target(name)


def declare_in(target: localfs.DirTarget[Any], name: str, content: str) -> None:
    target.declare_file(name, content)


def test_nested_directories_behave_the_same(app: Runner, tmp_path: Path) -> None:  # FS-36
    async def main(name: str) -> None:
        await nested(await localfs.mount_dir_target(tmp_path / "d"), name)

    app.update(main, "n")
    (tmp_path / "d/n/foreign").write_text("x")
    app.update(main, "other")
    assert tree(tmp_path) == {
        "d": None,
        "d/n": None,
        "d/n/foreign": "x",
        "d/other": None,
        "d/other/m": None,
        "d/other/m/g": "2",
    }


def test_a_directory_target_is_a_memo_argument(app: Runner, tmp_path: Path) -> None:  # FS-36
    calls: list[str] = []

    @coco.fn(memo=True)
    def write(target: localfs.DirTarget[Any], name: str) -> None:
        calls.append(name)
        target.declare_file(name, name)

    async def main(path: Path, names: list[str]) -> None:
        target = await localfs.mount_dir_target(path)
        for name in names:
            await coco.mount(coco.component_subpath(name), write, target, name)

    app.update(main, tmp_path / "d", ["a", "b"])
    app.update(main, tmp_path / "d", ["a", "b", "c"])
    assert sorted(calls) == ["a", "b", "c"]  # sync bodies run on threads, in no order
    app.update(main, tmp_path / "e", ["a"])
    assert sorted(calls) == ["a", "a", "b", "c"]
    assert tree(tmp_path) == {"e": None, "e/a": "a"}


def test_a_missing_directory_is_made_again_but_not_its_files(app: Runner, tmp_path: Path) -> None:  # FS-37
    app.update(directory, tmp_path / "d", {"f": "1"})
    (tmp_path / "d/f").unlink()
    (tmp_path / "d").rmdir()
    app.update(directory, tmp_path / "d", {"f": "1"})
    assert tree(tmp_path) == {"d": None}
    app.update(directory, tmp_path / "d", {"f": "2"})
    assert tree(tmp_path) == {"d": None, "d/f": "2"}


@pytest.mark.parametrize("name", ["../x", "a/../../x", "a/..", "/abs", "", ".", PurePath("..")])
def test_names_that_leave_the_directory_are_refused(app: Runner, tmp_path: Path, name: Any) -> None:  # FS-38
    async def main(declare: str) -> None:
        target = await localfs.mount_dir_target(tmp_path / "d")
        if declare == "file":
            target.declare_file(name, "x", create_parent_dirs=True)
        else:
            target.declare_dir_target(name)

    for declare in ("file", "dir"):
        with pytest.raises(ValueError, match="is not the path of an entry of the directory") as caught:
            app.update(main, declare)
        assert repr(str(name)) in str(caught.value)
    assert tree(tmp_path) == {"d": None}


def test_identity_is_the_name_as_given(app: Runner, tmp_path: Path) -> None:  # FS-39
    app.update(directory, tmp_path / "d", {"a.txt": "1", "./a.txt": "1"})
    with pytest.raises(ValueError, match="already declared"):
        app.update(duplicate, tmp_path / "d")
    app.update(directory, tmp_path / "d", {"a.txt": "2"})


async def duplicate(path: Path) -> None:
    target = await localfs.mount_dir_target(path)
    target.declare_file("a", "1")
    target.declare_file(PurePath("a"), "1")


def test_a_directory_does_not_replace_a_file(app: Runner, tmp_path: Path) -> None:  # FS-39
    async def main(kind: str) -> None:
        target = await localfs.mount_dir_target(tmp_path / "d")
        if kind == "file":
            target.declare_file("x", "1")
        else:
            target.declare_dir_target("x")

    app.update(main, "file")
    with pytest.raises(FileExistsError, match="A file is where a directory is declared"):
        app.update(main, "dir")
    assert tree(tmp_path) == {"d": None, "d/x": "1"}
    app.update(nothing)
    assert tree(tmp_path) == {}


def test_paths_without_base_are_relative_to_the_current_directory(
    app: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # FS-40
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    app.update(one_file, Path("f"), "1")
    app.update(one_file, localfs.FilePath("f"), "1")
    monkeypatch.chdir(tmp_path / "two")
    app.update(one_file, Path("f"), "1")  # the same state, known to hold this
    assert tree(tmp_path) == {"one": None, "one/f": "1", "two": None}
    app.update(one_file, Path("f"), "2")
    assert tree(tmp_path) == {"one": None, "one/f": "1", "two": None, "two/f": "2"}


def test_a_base_may_move(app: Runner, tmp_path: Path) -> None:  # FS-01, FS-04, FS-40
    async def main(key: coco.ContextKey[Path]) -> None:
        await directory(key, {"f": "1"})
        await directory(localfs.FilePath("sub", base_dir=key), {"g": "2"})
        localfs.declare_file(localfs.FilePath("h", base_dir=key), "3")

    app.update(main, provided={"base": tmp_path / "one"})
    assert tree(tmp_path) == {"one": None, "one/f": "1", "one/h": "3", "one/sub": None, "one/sub/g": "2"}
    os.rename(tmp_path / "one", tmp_path / "two")
    before = identities(tmp_path)
    app.update(main, provided={"base": tmp_path / "two"})
    assert identities(tmp_path) == before
    app.drop(provided={"base": tmp_path / "two"})
    assert tree(tmp_path) == {}


class Dying(Disk):
    """A disk that refuses to go on after some writes, as a process that is killed would not."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def replace_content(self, path: str, data: bytes) -> None:
        if not self.left:
            raise OSError("killed")
        self.left -= 1
        super().replace_content(path, data)


@pytest.mark.parametrize("writes", range(4))
def test_the_next_update_converges_after_a_failed_one(app: Runner, tmp_path: Path, writes: int) -> None:  # TGT-20
    app.update(directory, tmp_path / "d", {"a": "1", "gone": "1"})
    wanted = {"a": "2", "b": "2", "c": "2"}
    app.file_system = Dying(writes)
    if writes < 3:
        with pytest.raises(OSError, match="killed"):
            app.update(directory, tmp_path / "d", wanted)
    else:
        app.update(directory, tmp_path / "d", wanted)
    app.file_system = Disk()
    app.update(directory, tmp_path / "d", wanted)
    assert tree(tmp_path) == {"d": None, "d/a": "2", "d/b": "2", "d/c": "2"}
    app.drop()
    assert tree(tmp_path) == {}


def test_a_failed_first_write_takes_no_foreign_file_along(app: Runner, tmp_path: Path) -> None:
    app.file_system = Dying(0)
    with pytest.raises(OSError, match="killed"):
        app.update(one_file, tmp_path / "f", "ours")
    app.file_system = Disk()
    (tmp_path / "f").write_text("foreign")
    app.update(nothing)
    assert tree(tmp_path) == {"f": "foreign"}


def test_a_directory_can_be_declared_in_once_its_component_committed(app: Runner, tmp_path: Path) -> None:  # TGT-18
    def main() -> None:
        localfs.declare_dir_target(tmp_path / "d").declare_file("f", "1")

    with pytest.raises(RuntimeError, match="not ready"):
        app.update(main)
