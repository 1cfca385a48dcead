# Goal: the disk behaves as the file-system port says, and never shows a half-written file.

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cocoindex_sim.connectors.localfs._disk import Disk
from cocoindex_sim.ports import DirectoryEntry, FileSystem

disk: FileSystem = Disk()


def leftovers(directory: Path) -> list[str]:
    return [name for name in os.listdir(directory) if name.startswith(".coco-")]


def test_stat_tells_kind_size_time_and_identity(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"12345")
    os.utime(file, ns=(1, 1_000_000_007))
    link.symlink_to("file")
    found = disk.stat(str(file))
    assert (found.kind, found.size, found.mtime_ns) == ("file", 5, 1_000_000_007)
    assert disk.stat(str(link)) == found
    assert disk.stat(str(link), follow_symlinks=False).kind == "symlink"
    assert disk.stat(str(tmp_path)).kind == "dir"
    assert disk.stat(os.devnull).kind == "other"
    with pytest.raises(FileNotFoundError):
        disk.stat(str(tmp_path / "none"))


def test_scandir_tells_the_entries_own_kinds(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dir").mkdir()
    (tmp_path / "to_dir").symlink_to("dir")
    (tmp_path / "dangling").symlink_to("none")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert sorted(disk.scandir(str(tmp_path))) == [
            DirectoryEntry("dangling", "symlink"),
            DirectoryEntry("dir", "dir"),
            DirectoryEntry("file", "file"),
            DirectoryEntry("socket", "other"),
            DirectoryEntry("to_dir", "symlink"),
        ]
    with pytest.raises(NotADirectoryError):
        disk.scandir(str(tmp_path / "file"))


def test_read_gives_all_or_the_beginning(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    path = str(tmp_path / "file")
    assert (disk.read(path), disk.read(path, 2), disk.read(path, 9), disk.read(path, 0)) == (
        b"12345",
        b"12",
        b"12345",
        b"",
    )
    with pytest.raises(IsADirectoryError):
        disk.read(str(tmp_path))


def test_a_system_that_reads_and_writes_in_pieces_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, write, path = os.read, os.write, str(tmp_path / "file")
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:2]))
    disk.replace_content(path, b"12345")
    assert Path(path).read_bytes() == b"12345"
    monkeypatch.setattr(os, "read", lambda descriptor, size: read(descriptor, min(size, 2)))
    assert (disk.read(path), disk.read(path, 3), disk.read(path, 9), disk.read(path, 0)) == (
        b"12345", b"123", b"12345", b"",
    )  # fmt: skip


def test_what_can_not_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as refused:
        disk.read(str(tmp_path))
    assert refused.value.filename == str(tmp_path)
    with pytest.raises(FileNotFoundError) as missing:
        disk.read(str(tmp_path / "none"))
    assert missing.value.filename == str(tmp_path / "none")


def test_paths_resolve_as_far_as_they_exist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path.resolve()
    (root / "link").symlink_to("real")
    monkeypatch.chdir(root)
    assert disk.getcwd() == str(root)
    assert disk.realpath("link/none") == str(root / "real" / "none")


def test_a_written_file_has_the_content_and_nothing_is_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"first", b"", b"third"):
        disk.replace_content(str(path), content)
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["file"]


def test_a_reader_of_the_old_content_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with open(path, "rb") as reader:
        disk.replace_content(str(path), b"new")
        assert reader.read() == b"old"


def test_permissions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o640)
    disk.replace_content(str(path), b"new")
    assert path.stat().st_mode & 0o7777 == 0o640


@pytest.mark.parametrize("existing", [True, False])
def test_links_are_written_through(tmp_path: Path, existing: bool) -> None:
    (tmp_path / "data").mkdir()
    target = tmp_path / "data" / "target"
    if existing:
        target.write_bytes(b"old")
    (tmp_path / "link").symlink_to("data/target")
    disk.replace_content(str(tmp_path / "link"), b"new")
    assert target.read_bytes() == b"new"
    assert (tmp_path / "link").is_symlink()
    assert os.listdir(tmp_path / "data") == ["target"]


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as caught:
        disk.replace_content(str(tmp_path), b"")
    assert caught.value.filename == str(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(FileExistsError, match="Not a regular file"):
        disk.replace_content(str(tmp_path / "fifo"), b"")
    assert (tmp_path / "fifo").is_fifo()


def test_an_error_names_the_target_and_leaves_nothing(tmp_path: Path) -> None:
    missing_parent = str(tmp_path / "none" / "file")
    with pytest.raises(FileNotFoundError) as caught:
        disk.replace_content(missing_parent, b"x")
    assert caught.value.filename == missing_parent
    too_long = str(tmp_path / ("n" * 300))
    with pytest.raises(OSError, match="too long") as long_name:
        disk.replace_content(too_long, b"x")
    assert (long_name.value.errno, long_name.value.filename) == (errno.ENAMETOOLONG, too_long)
    assert leftovers(tmp_path) == []


def test_the_longest_name_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    disk.replace_content(str(path), b"x")
    assert path.read_bytes() == b"x"


def leave_leftover(path: Path) -> None:
    """What a process leaves that is killed between writing and renaming."""
    program = """
import os, signal, sys
os.replace = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
from cocoindex_sim.connectors.localfs._disk import Disk
Disk().replace_content(sys.argv[1], b"half")
"""
    killed = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert killed.returncode == -signal.SIGKILL


@pytest.mark.real
def test_a_kill_leaves_the_old_content_and_the_next_write_or_removal_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    leave_leftover(path)
    assert path.read_bytes() == b"old"
    assert len(leftovers(tmp_path)) == 1
    disk.replace_content(str(path), b"new")
    assert (path.read_bytes(), leftovers(tmp_path)) == (b"new", [])
    leave_leftover(path)
    disk.unlink(str(path))
    assert os.listdir(tmp_path) == []


@pytest.mark.real
def test_removing_what_a_kill_never_let_appear_cleans_up(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("file")
    leave_leftover(tmp_path / "link")
    assert len(leftovers(tmp_path)) == 1
    with pytest.raises(FileNotFoundError):
        disk.unlink(str(tmp_path / "file"))
    assert os.listdir(tmp_path) == ["link"]


@pytest.mark.real
def test_a_kill_at_any_moment_shows_one_content_or_the_other(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = {b"a" * 100_000, b"b" * 100_000}
    program = f"""
from cocoindex_sim.connectors.localfs._disk import Disk
print("ready", flush=True)
while True:
    for letter in (b"a", b"b"):
        Disk().replace_content({str(path)!r}, letter * 100_000)
"""
    for _ in range(5):
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()
            deadline = time.monotonic() + 10
            while not path.exists() and time.monotonic() < deadline:
                pass
            for _ in range(50):
                assert path.read_bytes() in contents
            writer.kill()
        assert path.read_bytes() in contents
        assert len(leftovers(tmp_path)) <= 1


def test_making_a_directory_again_is_fine_and_a_file_is_in_the_way(tmp_path: Path) -> None:
    deep = tmp_path / "a" / "b"
    with pytest.raises(FileNotFoundError):
        disk.mkdir(str(deep))
    for _ in range(2):
        disk.mkdir(str(deep), parents=True)
        disk.mkdir(str(deep))
    assert deep.is_dir()
    (tmp_path / "file").touch()
    for parents in (True, False):
        with pytest.raises(FileExistsError):
            disk.mkdir(str(tmp_path / "file"), parents=parents)


def test_removals_refuse_what_they_are_not_for(tmp_path: Path) -> None:
    (tmp_path / "dir" / "below").mkdir(parents=True)
    (tmp_path / "link").symlink_to("dir")
    with pytest.raises(IsADirectoryError):
        disk.unlink(str(tmp_path / "dir"))
    with pytest.raises(OSError, match="not empty"):
        disk.rmdir(str(tmp_path / "dir"))
    disk.unlink(str(tmp_path / "link"))
    disk.rmdir(str(tmp_path / "dir" / "below"))
    assert os.listdir(tmp_path) == ["dir"]
    with pytest.raises(FileNotFoundError):
        disk.unlink(str(tmp_path / "link"))
