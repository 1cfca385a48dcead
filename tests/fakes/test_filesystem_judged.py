# Goal: random scripts of file operations end the same on the kernel, by the calls of `os` on it, on pyfakefs and on the real disk.

from __future__ import annotations

import errno
import importlib.util
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyfakefs.fake_filesystem import FakeFilesystem
from pyfakefs.fake_open import FakeFileOpen
from pyfakefs.fake_os import FakeOsModule

from cocoindex_sim.connectors.localfs import _disk
from cocoindex_sim.fakes.filesystem import FakeFileSystem, FileKernel
from cocoindex_sim.ports import FileSystem
from cocoindex_sim.world import World, virtual_surroundings

# Links to `..` climb by one directory per operation at most: a script stays inside.
DEPTH = "/".join(f"d{i}" for i in range(16))

Op = tuple[str, str, str]
names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
looked_at = st.lists(st.sampled_from(["a", "b", "c", "..", "."]), min_size=1, max_size=4).map("/".join)
targets = st.sampled_from(["a", "b", "c", "a/b", "b/c", "..", "../a", ".", "missing"])
looks: st.SearchStrategy[Op] = st.tuples(
    st.sampled_from(["stat", "lstat", "scandir", "realpath", "read"]), looked_at, st.just("")
)
plain_looks: st.SearchStrategy[Op] = st.tuples(
    st.sampled_from(["stat", "lstat", "scandir", "realpath", "read"]), paths, st.just("")
)
changes: st.SearchStrategy[Op] = st.one_of(
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
                port.replace_content(full, argument.encode())
            case "mkdir":
                port.mkdir(full)
            case "mkdir parents":
                port.mkdir(full, parents=True)
            case "unlink":
                port.unlink(full)
            case "rmdir":
                port.rmdir(full)
            case "rename":
                self.rename(full, self.path(argument))
            case "symlink":
                self.symlink(argument, full)
            case "rmtree":
                # Not what a link to `..` stands in: the scripts would saw off their own branch.
                if f"{DEPTH}/" in port.realpath(full):
                    self.rmtree(full)
            case _:
                getattr(self, op)(full, argument)
        return None

    def outcome(self, op: Op) -> object:
        try:
            return self.apply(*op)
        except OSError as error:
            # Where the disk's port does not pass on the system's word: links in a circle, and a directory to unlink
            # that may not be removed either.
            if op[0] == "replace_content" and error.errno in (errno.ELOOP, errno.EEXIST):
                return "not a file"
            if op[0] == "unlink" and error.errno in (errno.EACCES, errno.EISDIR):
                return "not to be unlinked"
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
    chmod: Callable[[str, str], None]
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
        self.chmod = lambda path, mode: kernel.chmod(path, int(mode, 8))

    def as_root(self) -> Any:
        """What `tree` needs of a port, for the script, who may see everything."""
        return self.kernel


class OsArm(Arm):
    as_root: Callable[[], AbstractContextManager[None]] = nullcontext

    def __init__(self, base: str, os_like: Any, open_like: Any, port: FileSystem) -> None:
        self.base = base
        self.port = port
        os_like.makedirs(self.path(""))

        def put(path: str, text: str, mode: str) -> None:
            with open_like(path, mode) as file:
                file.write(text.encode())

        def touch(path: str, _: str) -> None:
            try:
                os_like.utime(path)
            except FileNotFoundError:
                put(path, "", "ab")

        def chmod(path: str, mode: str) -> None:
            with self.as_root():  # by the story: it may go where the user may not
                os_like.chmod(path, int(mode, 8))

        def rmtree(path: str) -> None:
            if port.stat(path, follow_symlinks=False).kind != "dir":
                raise NotADirectoryError(20, "not a directory", path)
            for name, kind in port.scandir(path):
                (rmtree if kind == "dir" else os_like.unlink)(f"{path}/{name}")
            os_like.rmdir(path)

        self.write = lambda path, text: put(path, text, "wb")
        self.append = lambda path, text: put(path, text, "ab")
        self.touch = touch
        self.chmod = chmod
        self.rename = os_like.rename
        self.symlink = os_like.symlink
        self.rmtree = rmtree
        self.readlink = os_like.readlink


def disk_on(fake: FakeFilesystem) -> tuple[Any, Any, FileSystem]:
    """`os`, `open`, and a copy of the real port's module that uses them."""
    os_like, open_like = FakeOsModule(fake), FakeFileOpen(fake)
    spec = importlib.util.spec_from_file_location(f"{_disk.__name__}_on_pyfakefs", _disk.__file__)
    assert spec is not None
    assert spec.loader is not None
    module: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.os, module.open = os_like, open_like
    return os_like, open_like, module.Disk()


def coarse(op: Op, outcome: object) -> object:
    """What pyfakefs is right about: it mixes up ENOENT and ENOTDIR, and the errors of an impossible rename."""
    if isinstance(outcome, tuple) and op[0] == "rename":
        return "rename failed"
    return ("FileNotFoundError", errno.ENOENT) if outcome == ("NotADirectoryError", errno.ENOTDIR) else outcome


class PyfakefsArm(OsArm):
    def __init__(self) -> None:
        self.fake = FakeFilesystem(path_separator="/")
        self.fake.is_windows_fs = False
        self.fake.is_macos = False
        super().__init__("/base", *disk_on(self.fake))


@pytest.fixture(scope="module")
def fresh_directory(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    base, numbers = tmp_path_factory.mktemp("judged"), itertools.count()
    return lambda: base / str(next(numbers))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(looks | changes, min_size=1, max_size=12))
def test_a_script_ends_the_same_on_the_real_disk(fresh_directory: Callable[[], Path], script: list[Op]) -> None:
    base = fresh_directory()
    real, kernel = OsArm(str(base), os, open, _disk.Disk()), KernelArm()
    try:
        assert [kernel.outcome(op) for op in script] == [real.outcome(op) for op in script]
        assert kernel.tree() == real.tree()
    finally:
        shutil.rmtree(base)


@settings(max_examples=60, deadline=None)
@given(st.lists(plain_looks | changes.filter(lambda op: op[0] != "symlink"), min_size=1, max_size=12))
def test_a_script_ends_the_same_on_pyfakefs(script: list[Op]) -> None:
    fake, kernel = PyfakefsArm(), KernelArm()
    assert [coarse(op, kernel.outcome(op)) for op in script] == [coarse(op, fake.outcome(op)) for op in script]
    assert kernel.tree() == fake.tree()


@settings(max_examples=200, deadline=None)
@given(st.lists(looks | changes, min_size=1, max_size=12))
def test_a_script_ends_the_same_by_the_calls_of_os_in_a_world(script: list[Op]) -> None:
    async def main() -> tuple[list[object], object]:
        inside = OsArm("/base", os, open, _disk.Disk())
        return [inside.outcome(op) for op in script], inside.tree()

    kernel = KernelArm()
    with virtual_surroundings(), World() as world:
        assert world.run(main()) == ([kernel.outcome(op) for op in script], kernel.tree())
        assert world.fenced == []
    assert not os.path.exists("/base")


modes = st.sampled_from(["000", "100", "200", "300", "400", "500", "600", "700"])
restricted: st.SearchStrategy[Op] = st.one_of(
    plain_looks,
    changes.filter(lambda op: op[0] not in {"symlink", "touch", "rmtree"}),
    st.tuples(st.just("chmod"), paths, modes),
)
some_tree: list[Op] = [("mkdir", "a", ""), ("mkdir", "a/b", ""), ("write", "a/c", "x"), ("write", "a/b/c", "x")]


NOBODY = 65534


@contextmanager
def effective_user(user: int) -> Iterator[None]:
    """Root is let through whatever the mode: step down, if that is who runs the tests, and up again."""
    before = os.geteuid()
    if os.getuid() == 0:
        os.seteuid(user)
    try:
        yield
    finally:
        if os.getuid() == 0:
            os.seteuid(before)


@settings(max_examples=200, deadline=None)
@given(st.lists(restricted, min_size=1, max_size=12))
def test_permissions_end_the_same_for_a_user_on_the_real_disk(script: list[Op]) -> None:
    # Not in tmp_path, which only its owner may enter. Not on pyfakefs, which for users other than root strays from
    # Linux: a search that is not permitted is ENOENT there, an existing directory that can't be read is refused.
    base, kernel = tempfile.mkdtemp(), KernelArm()
    try:
        os.chown(base, NOBODY if os.geteuid() == 0 else -1, -1)
        with effective_user(NOBODY):
            real = OsArm(f"{base}/base", os, open, _disk.Disk())
            real.as_root = lambda: effective_user(0)
            for op in (*some_tree, *script):
                assert kernel.outcome(op) == real.outcome(op), op
        kernel.port = kernel.as_root()
        assert kernel.tree() == real.tree()
    finally:
        shutil.rmtree(base)
