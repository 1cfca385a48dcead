# Goal: random scripts of file operations end the same on the kernel, on pyfakefs and on the real disk.

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyfakefs.fake_filesystem import FakeFilesystem, set_uid
from pyfakefs.fake_open import FakeFileOpen
from pyfakefs.fake_os import FakeOsModule

from cocoindex_sim.connectors.localfs import Disk
from cocoindex_sim.fakes.filesystem import FakeFileSystem, FileKernel
from cocoindex_sim.ports import FileSystem

# Links to `..` climb by one directory per operation at most: a script stays inside.
DEPTH = "/".join(f"d{i}" for i in range(16))

Op = tuple[str, str, str]
names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
looked_at = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)
targets = st.sampled_from(["a", "b", "c", "a/b", "b/c", "..", "../a", ".", "b/", "missing", "a/../c"])
ops: st.SearchStrategy[Op] = st.one_of(
    st.tuples(st.sampled_from(["stat", "lstat", "scandir", "realpath", "read"]), looked_at, st.just("")),
    st.tuples(st.sampled_from(["write", "append", "replace_content"]), paths, names),
    st.tuples(st.sampled_from(["mkdir", "mkdir parents", "touch"]), paths, st.just("")),
    st.tuples(st.sampled_from(["unlink", "rmdir", "rmtree"]), paths, st.just("")),
    st.tuples(st.just("rename"), paths, paths),
    st.tuples(st.just("symlink"), paths, targets),
)


class Arm:
    """One file system with the whole vocabulary; paths are relative to `root`."""

    base: str
    port: FileSystem

    def path(self, path: str) -> str:
        return f"{self.base}/{DEPTH}/{path}"

    def apply(self, op: str, path: str, argument: str) -> object:
        full, port = self.path(path), self.port
        match op:
            case "stat" | "lstat":
                found = port.stat(full, follow_symlinks=op == "stat")
                return found.kind, None if found.kind == "dir" else found.size
            case "scandir":
                return sorted(port.scandir(full))
            case "realpath":
                return port.realpath(full).removeprefix(self.base)
            case "read":
                return port.read(full), port.read(full, 1)
            case "replace_content":
                return port.replace_content(full, argument.encode())
            case "mkdir":
                return port.mkdir(full)
            case "mkdir parents":
                return port.mkdir(full, parents=True)
            case "unlink":
                return port.unlink(full)
            case "rmdir":
                return port.rmdir(full)
            case "rename":
                return self.rename(full, self.path(argument))
            case "symlink":
                return self.symlink(argument, full)
            case "rmtree":
                # Not what a link to `..` stands in: the scripts would saw off their own branch.
                if f"{DEPTH}/" in port.realpath(full):
                    self.rmtree(full)
                return None
            case _:
                return getattr(self, op)(full, argument)

    def outcome(self, op: Op) -> object:
        try:
            return self.apply(*op)
        except OSError as error:
            return type(error).__name__, error.errno

    def tree(self) -> list[tuple[str, str, object]]:
        """Everything there is."""
        found: list[tuple[str, str, object]] = []
        stack = [self.base]
        while stack:
            directory = stack.pop()
            for name, kind in sorted(self.port.scandir(directory)):
                path = f"{directory}/{name}"
                detail = self.port.read(path) if kind == "file" else self.readlink(path) if kind == "symlink" else None
                found.append((path.removeprefix(self.base), kind, detail))
                if kind == "dir":
                    stack.append(path)
        return found

    write: Callable[[str, str], None]
    append: Callable[[str, str], None]
    touch: Callable[[str, str], None]
    rename: Callable[[str, str], None]
    symlink: Callable[[str, str], None]
    rmtree: Callable[[str], None]
    readlink: Callable[[str], str]


class KernelArm(Arm):
    def __init__(self) -> None:
        self.base = "/base"
        kernel = self.kernel = FileKernel(lambda: 0)
        self.port = FakeFileSystem(kernel)
        kernel.mkdir(self.path(""), parents=True)
        self.write = lambda path, text: kernel.write(path, text, writer="pipeline")
        self.append = lambda path, text: kernel.append(path, text, writer="pipeline")
        self.touch = lambda path, _: kernel.touch(path)
        self.rename = lambda source, target: kernel.rename(source, target, writer="pipeline")
        self.symlink = kernel.symlink
        self.rmtree = kernel.rmtree
        self.readlink = kernel.readlink


class SystemPort(Disk):
    """The port over any module that looks like `os`, in the plainest way."""

    def __init__(self, os_like: Any, open_like: Any) -> None:
        self._os = os_like
        self._open = open_like

    __slots__ = ("_open", "_os")


class OsArm(Arm):
    def __init__(self, base: str, os_like: Any, open_like: Any, port: FileSystem) -> None:
        self.base = base
        self.port = port
        os_like.makedirs(self.path(""))

        def put(path: str, text: str, mode: str) -> None:
            with open_like(path, mode) as file:
                file.write(text.encode())

        def rmtree(path: str) -> None:
            if port.stat(path, follow_symlinks=False).kind != "dir":
                raise NotADirectoryError(20, "not a directory", path)
            for name, kind in port.scandir(path):
                (rmtree if kind == "dir" else os_like.unlink)(f"{path}/{name}")
            os_like.rmdir(path)

        self.write = lambda path, text: put(path, text, "wb")
        self.append = lambda path, text: put(path, text, "ab")
        self.touch = lambda path, _: put(path, "", "ab")
        self.rename = os_like.rename
        self.symlink = os_like.symlink
        self.rmtree = rmtree
        self.readlink = os_like.readlink
