"""The calls of `os` on files, with their signatures, over the port of one simulated process."""

from __future__ import annotations

import errno
import os
import stat as modes
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from ._inodes import Inode
from ._lookup import os_error
from ._open_files import OpenFiles, open_file_object

if TYPE_CHECKING:
    from ._file_system import FakeFileSystem

__all__ = ["SystemCalls"]

_TYPES = {"file": modes.S_IFREG, "dir": modes.S_IFDIR, "symlink": modes.S_IFLNK}


class SystemCalls:
    """Those functions of `os`, and `open`, that a pipeline may use without a connector.

    They go to the kernel as the writer `pipeline`, with the faults and hazards of the port; each change is durable at
    once. Paths are text, bytes or path-like, or numbers of `files`; so are directories (`dir_fd`).
    """

    def __init__(self, port: FakeFileSystem) -> None:
        self.port = port
        self.files = OpenFiles(port)

    # --- paths ---

    def _path(self, path: Any, dir_fd: int | None = None) -> str:
        if isinstance(path, int):
            return self.files.get(path).path
        text = os.fsdecode(path)
        return text if dir_fd is None else os.path.join(self.files.get(dir_fd).path, text)

    def _changed(self, call: str) -> None:
        self.port.hazards.durable(f"fs.{call}")

    # --- looking ---

    def stat(self, path: Any, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> os.stat_result:
        if isinstance(path, int):
            return self.fstat(path)
        text = self._path(path, dir_fd)
        self.port.enter("stat", text)
        return self._status(text, follow_symlinks)

    def lstat(self, path: Any, *, dir_fd: int | None = None) -> os.stat_result:
        return self.stat(path, dir_fd=dir_fd, follow_symlinks=False)

    def fstat(self, fd: int) -> os.stat_result:
        opened = self.files.get(fd)
        size = len(opened.data) if opened.node.kind == "file" else 4096
        return _stat_result(opened.node.kind, opened.node, size)

    def _status(self, path: str, follow_symlinks: bool) -> os.stat_result:
        kernel = self.port.kernel
        found = kernel.stat(path, follow_symlinks=follow_symlinks, writer="pipeline")
        node = _Numbers(kernel.mode(path, follow_symlinks=follow_symlinks), found.mtime_ns, found.inode)
        return _stat_result(found.kind, node, found.size)

    def access(
        self,
        path: Any,
        mode: int,
        *,
        dir_fd: int | None = None,
        effective_ids: bool = False,
        follow_symlinks: bool = True,
    ) -> bool:
        try:
            bits = self.stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks).st_mode >> 6
        except OSError:
            return False
        return bits & mode == mode

    def listdir(self, path: Any = ".") -> list[Any]:
        with self.scandir(path) as entries:
            return [entry.name for entry in entries]

    def scandir(self, path: Any = ".") -> _Entries:
        path = "." if path is None else path
        text = self._path(path)
        found = self.port.scandir(text)
        shown = "" if isinstance(path, int) else os.fsdecode(path)
        entries = [
            _Entry(self, name, os.path.join(text, name), os.path.join(shown, name), kind) for name, kind in found
        ]
        if isinstance(path, bytes):
            for entry in entries:
                entry.name, entry.path = os.fsencode(entry.name), os.fsencode(entry.path)
        return _Entries(entries)

    def readlink(self, path: Any, *, dir_fd: int | None = None) -> Any:
        text = self._path(path, dir_fd)
        self.port.enter("readlink", text)
        target = self.port.kernel.readlink(text)
        return os.fsencode(target) if isinstance(path, bytes) else target

    def getcwd(self) -> str:
        return self.port.getcwd()

    def getcwdb(self) -> bytes:
        return os.fsencode(self.port.getcwd())

    # --- changing ---

    def mkdir(self, path: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> None:
        text, kernel = self._path(path, dir_fd), self.port.kernel
        self.port.enter("mkdir", text)
        if _exists(lambda: kernel.stat(text, follow_symlinks=False, writer="pipeline")):
            raise os_error(errno.EEXIST, text)
        kernel.mkdir(text, writer="pipeline")
        if mode & ~0o022 != 0o755:
            kernel.chmod(text, mode & ~0o022, writer="pipeline")
        self._changed("mkdir")

    def rmdir(self, path: Any, *, dir_fd: int | None = None) -> None:
        self.port.rmdir(self._path(path, dir_fd))

    def unlink(self, path: Any, *, dir_fd: int | None = None) -> None:
        self.port.unlink(self._path(path, dir_fd))

    def rename(self, src: Any, dst: Any, *, src_dir_fd: int | None = None, dst_dir_fd: int | None = None) -> None:
        source, target = self._path(src, src_dir_fd), self._path(dst, dst_dir_fd)
        self.port.enter("rename", source)
        self.port.kernel.rename(source, target, writer="pipeline")
        self._changed("rename")

    def symlink(self, src: Any, dst: Any, target_is_directory: bool = False, *, dir_fd: int | None = None) -> None:
        text = self._path(dst, dir_fd)
        self.port.enter("symlink", text)
        self.port.kernel.symlink(os.fsdecode(src), text, writer="pipeline")
        self._changed("symlink")

    def link(self, src: Any, dst: Any, **options: Any) -> None:
        raise os_error(errno.EPERM, os.fsdecode(src), os.fsdecode(dst))  # as on file systems without hard links

    def chmod(self, path: Any, mode: int, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> None:
        text = self._path(path, dir_fd)
        self.port.enter("chmod", text)
        self.port.kernel.chmod(text, mode, writer="pipeline")
        self._changed("chmod")

    def utime(
        self,
        path: Any,
        times: tuple[float, float] | None = None,
        *,
        ns: tuple[int, int] | None = None,
        dir_fd: int | None = None,
        follow_symlinks: bool = True,
    ) -> None:
        text = self._path(path, dir_fd)
        self.port.enter("utime", text)
        self.port.kernel.stat(text, writer="pipeline")  # touching nothing makes nothing
        mtime_ns = ns[1] if ns is not None else None if times is None else round(times[1] * 1e9)
        self.port.kernel.touch(text, mtime_ns, writer="pipeline")
        self._changed("utime")

    def truncate(self, path: Any, length: int) -> None:
        number = path if isinstance(path, int) else self.files.open(self._path(path), os.O_WRONLY)
        try:
            self.files.truncate(number, length)
        finally:
            if number is not path:
                self.files.close(number)

    def chdir(self, path: Any) -> None:
        text = self._path(path)
        self.port.enter("chdir", text)
        self.port.kernel.chdir(text)

    def listxattr(self, path: Any = None, *, follow_symlinks: bool = True) -> list[str]:
        return []

    # --- open files ---

    def open_file(self, file: Any, *args: Any, **kwargs: Any) -> Any:
        """As the built-in `open`."""
        return open_file_object(self.files, file, *args, **kwargs)

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        return self.files.open(self._path(path, dir_fd), flags, mode)

    def close(self, fd: int) -> None:
        self.files.close(fd)

    def read(self, fd: int, n: int) -> bytes:
        return self.files.read(fd, n)

    def write(self, fd: int, data: Any) -> int:
        return self.files.write(fd, data)

    def lseek(self, fd: int, position: int, whence: int) -> int:
        return self.files.seek(fd, position, whence)

    def ftruncate(self, fd: int, length: int) -> None:
        self.files.truncate(fd, length)

    def fsync(self, fd: Any) -> None:
        self.files.get(fd if isinstance(fd, int) else fd.fileno())

    fdatasync = fsync

    def isatty(self, fd: int) -> bool:
        return False

    def set_inheritable(self, fd: int, inheritable: bool) -> None:
        self.files.get(fd)


class _Numbers:
    """The part of an inode that `stat` shows."""

    def __init__(self, mode: int, mtime_ns: int, number: int) -> None:
        self.mode = mode
        self.mtime_ns = mtime_ns
        self.number = number


def _stat_result(kind: str, node: Inode | _Numbers, size: int) -> os.stat_result:
    seconds = node.mtime_ns // 1_000_000_000
    links = 2 if kind == "dir" else 1
    shown = (_TYPES[kind] | node.mode, node.number, 1, links, 0, 0, size, seconds, seconds, seconds)
    times: dict[str, Any] = {"st_blksize": 4096, "st_blocks": -(-size // 512), "st_rdev": 0}
    for name in ("atime", "mtime", "ctime"):
        times[f"st_{name}"] = node.mtime_ns / 1e9
        times[f"st_{name}_ns"] = node.mtime_ns
    return os.stat_result(shown, times)


def _exists(look: Callable[[], object]) -> bool:
    try:
        look()
    except FileNotFoundError:
        return False
    return True


class _Entry:
    """As `os.DirEntry`, which nobody else can make."""

    def __init__(self, calls: SystemCalls, name: str, full: str, shown: str, kind: str) -> None:
        self._calls = calls
        self._full = full
        self._kind = kind
        self.name: Any = name
        self.path: Any = shown

    def _is(self, kind: str, follow_symlinks: bool) -> bool:
        if self._kind != "symlink" or not follow_symlinks:
            return self._kind == kind
        try:
            return modes.S_IFMT(self.stat().st_mode) == _TYPES[kind]
        except FileNotFoundError:
            return False

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        return self._is("dir", follow_symlinks)

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        return self._is("file", follow_symlinks)

    def is_symlink(self) -> bool:
        return self._kind == "symlink"

    def is_junction(self) -> bool:
        return False

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        return self._calls.stat(self._full, follow_symlinks=follow_symlinks)

    def inode(self) -> int:
        return self._calls.stat(self._full, follow_symlinks=False).st_ino

    def __fspath__(self) -> Any:
        return self.path

    def __repr__(self) -> str:
        return f"<DirEntry {self.name!r}>"


class _Entries:
    """As what `os.scandir` gives."""

    def __init__(self, entries: list[_Entry]) -> None:
        self._left = iter(entries)

    def __iter__(self) -> Iterator[_Entry]:
        return self

    def __next__(self) -> _Entry:
        return next(self._left)

    def close(self) -> None:
        self._left = iter(())

    def __enter__(self) -> _Entries:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
