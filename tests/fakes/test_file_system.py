# Goal: the port of one simulated process: the protocol, the one place every call passes, and its end.

from __future__ import annotations

import asyncio
import errno
import inspect
from collections.abc import Callable

import pytest

from cocoindex_sim.fakes import ProcessCut
from cocoindex_sim.fakes.filesystem import FakeFileSystem, FileKernel
from cocoindex_sim.ports import FileSystem

CALLS: dict[str, Callable[[FileSystem], object]] = {
    "getcwd": lambda port: port.getcwd(),
    "stat": lambda port: port.stat("a", follow_symlinks=False),
    "scandir": lambda port: port.scandir("."),
    "realpath": lambda port: port.realpath("a"),
    "read": lambda port: port.read("a", 1),
    "replace_content": lambda port: port.replace_content("a", b"new"),
    "mkdir": lambda port: port.mkdir("new/dir", parents=True),
    "unlink": lambda port: port.unlink("a"),
    "rmdir": lambda port: port.rmdir("dir"),
    "watch": lambda port: asyncio.run(port.watch("dir", recursive=True)),
}


@pytest.fixture
def kernel() -> FileKernel:
    kernel = FileKernel(lambda: 0)
    kernel.write("a", "old")
    kernel.mkdir("dir")
    return kernel


def test_every_call_of_the_port_is_tried_here() -> None:
    assert set(CALLS) == {name for name, _ in inspect.getmembers(FileSystem, inspect.isfunction) if name[0] != "_"}


@pytest.mark.parametrize("op", CALLS)
def test_every_call_works_until_the_cut_and_has_no_effect_after_it(kernel: FileKernel, op: str) -> None:
    CALLS[op](FakeFileSystem(kernel))
    kernel = FileKernel(lambda: 0)
    kernel.write("a", "old")
    kernel.mkdir("dir")
    before = kernel.listing("/"), kernel.contents("/")
    port = FakeFileSystem(kernel)
    port.cut()
    with pytest.raises(ProcessCut, match=op):
        CALLS[op](port)
    assert (kernel.listing("/"), kernel.contents("/")) == before


@pytest.mark.parametrize("op", CALLS)
def test_every_call_asks_for_a_fault_first_and_raises_it_instead(kernel: FileKernel, op: str) -> None:
    asked = []

    def faults(op: str, path: str) -> OSError | None:
        asked.append(op)
        return OSError(errno.EIO, "Input/output error", path)

    before = kernel.listing("/"), kernel.contents("/")
    port = FakeFileSystem(kernel, faults=faults)
    with pytest.raises(OSError, match="Input/output error"):
        CALLS[op](port)
    assert asked == [op]
    assert (kernel.listing("/"), kernel.contents("/")) == before
    port.faults = None
    CALLS[op](port)


def test_a_fault_may_choose_its_path(kernel: FileKernel) -> None:
    kernel.write("b", "fine")
    port = FakeFileSystem(kernel, faults=lambda op, path: PermissionError(13, "no", path) if path == "a" else None)
    assert port.read("b") == b"fine"
    with pytest.raises(PermissionError):
        port.read("a")


def test_the_next_process_sees_what_the_dead_one_left(kernel: FileKernel) -> None:
    first = FakeFileSystem(kernel)
    first.replace_content("out", b"1")
    first.cut()
    second = FakeFileSystem(kernel)
    assert second.read("out") == b"1"
    second.replace_content("out", b"2")
    assert kernel.files_written_by("pipeline") == {"/project/out": b"2"}


def test_the_port_acts_as_the_pipeline_and_keeps_to_permissions(kernel: FileKernel) -> None:
    kernel.chmod("a", 0o000)
    kernel.chmod("dir", 0o500)
    port = FakeFileSystem(kernel)
    with pytest.raises(PermissionError):
        port.read("a")
    with pytest.raises(PermissionError):
        port.mkdir("dir/new")
    assert port.scandir("dir") == []
    assert port.stat("a").size == 3


def test_mkdir_is_content_with_a_directory_only(kernel: FileKernel) -> None:
    port = FakeFileSystem(kernel)
    port.mkdir("dir")
    port.mkdir("dir/x/y", parents=True)
    port.mkdir("dir/x/y", parents=True)
    for path in ("a", "dangling"):
        kernel.symlink("nowhere", "dangling") if path == "dangling" else None
        with pytest.raises(FileExistsError):
            port.mkdir(path)
        with pytest.raises(FileExistsError):
            port.mkdir(path, parents=True)
    with pytest.raises(FileNotFoundError):
        port.mkdir("none/new")
