# Goal: what the judges can't see of the kernel: times, identity, order, writers, and the words of its errors.

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cocoindex_sim.fakes.filesystem import FileKernel


class Clock:
    now_ns = 1_000

    def __call__(self) -> int:
        return self.now_ns


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kernel(clock: Clock) -> FileKernel:
    return FileKernel(clock)


def test_relative_paths_start_at_the_working_directory(kernel: FileKernel) -> None:
    kernel.write("a", b"x")
    assert kernel.read("/project/a") == b"x"
    kernel.mkdir("/other")
    kernel.chdir("/other/../other")
    kernel.write("a", "é")
    assert (kernel.cwd, kernel.read("/other/a")) == ("/other", "é".encode())
    assert kernel.realpath("a") == "/other/a"
    with pytest.raises(NotADirectoryError):
        kernel.chdir("a")


# --- times and identity ---


def test_content_moves_the_time_of_the_file_and_names_that_of_the_directory(kernel: FileKernel, clock: Clock) -> None:
    def times() -> tuple[int, int]:
        return kernel.stat("d").mtime_ns, kernel.stat("d/a").mtime_ns

    changes: list[tuple[Callable[[], None], tuple[int, int]]] = [
        (lambda: kernel.write("d/a", "2"), (1_000, 2_000)),
        (lambda: kernel.append("d/a", "3"), (1_000, 3_000)),
        (lambda: kernel.chmod("d/a", 0o600), (1_000, 3_000)),
        (lambda: kernel.write("d/b", "5"), (5_000, 3_000)),
        (lambda: kernel.unlink("d/b"), (6_000, 3_000)),
        (lambda: kernel.touch("d/a"), (6_000, 7_000)),
        (lambda: kernel.replace_content("d/a", b"8"), (8_000, 8_000)),
        (lambda: kernel.touch("d/a", 5), (8_000, 5)),
        (lambda: kernel.rename("d/a", "d/a"), (8_000, 5)),
    ]
    kernel.write("d/a", "1", parents=True)
    for change, expected in changes:
        clock.now_ns += 1_000
        change()
        assert times() == expected
    clock.now_ns = 20_000
    kernel.mkdir("e")
    clock.now_ns = 21_000
    kernel.rename("d/a", "e/a")
    assert (kernel.stat("d").mtime_ns, kernel.stat("e").mtime_ns, kernel.stat("e/a").mtime_ns) == (21_000, 21_000, 5)


def test_times_are_cut_to_the_granularity(kernel: FileKernel, clock: Clock) -> None:
    kernel.mtime_granularity_ns = 2_000_000_000
    clock.now_ns = 5_999_999_999
    kernel.write("a", "x")
    assert kernel.stat("a").mtime_ns == 4_000_000_000
    kernel.touch("a", 5)  # an explicit time is kept, as utime keeps what the medium can hold
    assert kernel.stat("a").mtime_ns == 5


def test_writing_keeps_the_inode_and_replacing_does_not(kernel: FileKernel) -> None:
    kernel.write("a", "1")
    first = kernel.stat("a")
    kernel.write("a", "2")
    kernel.append("a", "3")
    kernel.rename("a", "b")
    assert kernel.stat("b")[3:] == first[3:]
    kernel.chmod("b", 0o640)
    kernel.replace_content("b", b"4")
    assert kernel.stat("b").inode != first.inode
    assert kernel.mode("b") == 0o640
    kernel.unlink("b")
    kernel.write("b", "5")
    assert kernel.stat("b").inode > first.inode


def test_a_link_has_a_status_of_its_own(kernel: FileKernel) -> None:
    kernel.write("a", "content")
    kernel.symlink("a", "link")
    assert kernel.stat("link") == kernel.stat("a")
    own = kernel.stat("link", follow_symlinks=False)
    assert (own.kind, own.size) == ("symlink", 1)
    assert kernel.readlink("link") == "a"
    with pytest.raises(OSError, match="Invalid argument"):
        kernel.readlink("a")


def test_content_is_replaced_through_links(kernel: FileKernel) -> None:
    kernel.write("d/a", "1", parents=True)
    kernel.symlink("d/a", "link")
    kernel.symlink("/project/new", "dangling")
    kernel.replace_content("link", b"2")
    kernel.replace_content("dangling", b"3")
    assert kernel.contents("/project") == {"d/a": b"2", "new": b"3"}
    assert kernel.stat("link", follow_symlinks=False).kind == "symlink"


# --- what is there ---


def test_a_directory_lists_its_entries_in_the_order_they_were_made(kernel: FileKernel) -> None:
    for name in ("c", "a", "b"):
        kernel.write(name, "")
    kernel.write("c", "again")
    kernel.replace_content("a", b"again")
    assert [entry.name for entry in kernel.scandir(".")] == ["c", "a", "b"]
    kernel.rename("c", "d")
    assert [entry.name for entry in kernel.scandir(".")] == ["a", "b", "d"]


def test_listing_and_contents_show_everything_below_sorted(kernel: FileKernel) -> None:
    kernel.write("b/c", "1", parents=True)
    kernel.write("b.txt", "2")
    kernel.mkdir("a")
    kernel.symlink("b", "link")
    assert kernel.listing("/project") == ["a/", "b.txt", "b/", "b/c", "link"]
    assert kernel.contents("/project") == {"b.txt": b"2", "b/c": b"1"}
    assert list(kernel.contents("/")) == ["project/b.txt", "project/b/c"]
    with pytest.raises(NotADirectoryError):
        kernel.listing("b.txt")


def test_rmtree_removes_everything_but_follows_no_link(kernel: FileKernel) -> None:
    kernel.write("d/e/f", "1", parents=True)
    kernel.write("kept/f", "2", parents=True)
    kernel.symlink("../kept", "d/link")
    kernel.rmtree("d")
    assert kernel.listing("/project") == ["kept/", "kept/f"]
    kernel.symlink("kept", "link")
    with pytest.raises(NotADirectoryError):
        kernel.rmtree("link")
    with pytest.raises(OSError, match="busy"):
        kernel.rmtree("/")


def test_who_wrote_a_file_last_is_remembered_through_renames(kernel: FileKernel) -> None:
    kernel.write("in", "1")
    kernel.replace_content("out", b"2", writer="pipeline")
    kernel.replace_content("shared", b"3", writer="pipeline")
    assert kernel.files_written_by("pipeline") == {"/project/out": b"2", "/project/shared": b"3"}
    kernel.append("shared", "4")
    kernel.rename("out", "moved")
    kernel.touch("moved")
    assert kernel.files_written_by("pipeline") == {"/project/moved": b"2"}
    assert kernel.files_written_by("script") == {"/project/in": b"1", "/project/shared": b"34"}
    kernel.write("in", "5", writer="pipeline")
    kernel.unlink("moved")
    assert kernel.files_written_by("pipeline") == {"/project/in": b"5"}


def test_the_script_is_not_bound_by_permissions_and_the_pipeline_is(kernel: FileKernel) -> None:
    kernel.write("d/a", "1", parents=True)
    kernel.chmod("d/a", 0o000)
    with pytest.raises(PermissionError):
        kernel.read("d/a", writer="pipeline")
    assert kernel.read("d/a") == b"1"
    kernel.chmod("d", 0o000)
    for call in (kernel.scandir, kernel.stat):
        assert call("d")
    with pytest.raises(PermissionError):
        kernel.scandir("d", writer="pipeline")
    with pytest.raises(PermissionError):
        kernel.stat("d/a", writer="pipeline")
    assert kernel.stat("d", writer="pipeline").kind == "dir"


# --- errors ---


def test_errors_are_those_of_the_system_with_the_path_as_given(kernel: FileKernel, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as ours:
        kernel.read("missing/a")
    with pytest.raises(FileNotFoundError) as real:
        (tmp_path / "missing/a").read_bytes()
    assert (ours.value.errno, ours.value.strerror) == (real.value.errno, real.value.strerror)
    assert ours.value.filename == "missing/a"
    with pytest.raises(FileNotFoundError) as moved:
        kernel.rename("missing", "other")
    assert (moved.value.filename, moved.value.filename2) == ("missing", "other")


@pytest.mark.parametrize(
    ("call", "number"),
    [
        (lambda kernel: kernel.read(""), errno.ENOENT),
        (lambda kernel: kernel.read("file/"), errno.ENOTDIR),
        (lambda kernel: kernel.write("new/", ""), errno.EISDIR),
        (lambda kernel: kernel.touch("new/"), errno.EISDIR),
        (lambda kernel: kernel.read("x" * 256), errno.ENAMETOOLONG),
        (lambda kernel: kernel.read("é" * 128), errno.ENAMETOOLONG),
        (lambda kernel: kernel.rmdir("/"), errno.EBUSY),
        (lambda kernel: kernel.rmdir("dir/."), errno.EINVAL),
        (lambda kernel: kernel.unlink("dir"), errno.EISDIR),
        (lambda kernel: kernel.unlink("dir/.."), errno.EISDIR),
        (lambda kernel: kernel.rename("dir", "."), errno.EBUSY),
        (lambda kernel: kernel.symlink("", "link"), errno.ENOENT),
        (lambda kernel: kernel.symlink("a", "file"), errno.EEXIST),
        (lambda kernel: kernel.replace_content("dir", b""), errno.EISDIR),
        (lambda kernel: kernel.mkdir("file"), errno.EEXIST),
        (lambda kernel: kernel.mkdir("file/a", parents=True), errno.ENOTDIR),
        (lambda kernel: kernel.stat("circle"), errno.ELOOP),
    ],
)
def test_unusual_paths_have_the_errors_of_the_system(
    kernel: FileKernel, call: Callable[[FileKernel], object], number: int
) -> None:
    kernel.write("file", "")
    kernel.mkdir("dir")
    kernel.symlink("circle", "circle")
    before = kernel.listing("/")
    with pytest.raises(OSError) as caught:
        call(kernel)
    assert errno.errorcode[caught.value.errno or 0] == errno.errorcode[number]
    assert type(caught.value) is type(OSError(number, ""))
    assert kernel.listing("/") == before


def test_a_null_byte_is_a_value_error_as_in_os(kernel: FileKernel) -> None:
    for call in (kernel.stat, kernel.realpath, kernel.read):
        with pytest.raises(ValueError, match="embedded null byte"):
            call("a\0b")


def test_names_of_255_bytes_and_40_links_are_allowed(kernel: FileKernel) -> None:
    kernel.write("é" * 127 + "x", "long")
    kernel.write("link0", "end")
    for i in range(1, 41):
        kernel.symlink(f"link{i - 1}", f"link{i}")
    assert kernel.read("link40") == b"end"
    kernel.symlink("link40", "link41")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        kernel.read("link41")
