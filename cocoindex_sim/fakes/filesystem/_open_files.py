"""Open files of one simulated process: numbers for them, and file objects over these."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING, Any, Final

from ._inodes import Directory, File
from ._lookup import os_error

if TYPE_CHECKING:
    from ._file_system import FakeFileSystem

__all__ = ["OpenFiles", "open_file_object"]

# No real file is likely to have such a number, so that a call that bypasses the simulation fails.
_FIRST: Final = 1 << 30
_UMASK: Final = 0o022
_TMPFILE: Final = getattr(os, "O_TMPFILE", -1)


class OpenFile:
    """One open file: its inode, where it stands in it, and what it may do."""

    __slots__ = ("appends", "content", "node", "path", "position", "reads", "writes")

    def __init__(self, path: str, node: File | Directory, *, reads: bool, writes: bool, appends: bool) -> None:
        self.path = path
        self.node = node
        self.reads = reads
        self.writes = writes
        self.appends = appends
        self.position = 0
        self.content: bytes | None = None  # what is read instead of the content, after a fault

    @property
    def file(self) -> File:
        if isinstance(self.node, Directory):
            raise os_error(errno.EISDIR, self.path)
        return self.node

    @property
    def data(self) -> bytes:
        return self.file.data if self.content is None else self.content


class OpenFiles:
    """The open files of a process, by number. Writes are durable at once, as far as they got before a crash."""

    def __init__(self, port: FakeFileSystem) -> None:
        self._port = port
        self._files: dict[int, OpenFile] = {}
        self._next = _FIRST

    def __contains__(self, number: object) -> bool:
        return number in self._files

    def get(self, number: int) -> OpenFile:
        """OSError when it is not open."""
        found = self._files.get(number)
        if found is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return found

    def open(self, path: str, flags: int, mode: int = 0o777) -> int:
        """As `os.open`."""
        if flags & _TMPFILE == _TMPFILE:
            raise os_error(errno.EOPNOTSUPP, path)
        access = flags & (os.O_RDONLY | os.O_WRONLY | os.O_RDWR)
        reads, writes = access != os.O_WRONLY, access != os.O_RDONLY
        port, kernel = self._port, self._port.kernel
        before = kernel.node_at(path)
        content = None
        if writes:
            port.enter("open", path)
        elif not isinstance(before, Directory):
            content = port.enter("read", path)
        node = kernel.open(
            path,
            read=reads,
            write=writes,
            create=bool(flags & os.O_CREAT),
            exclusive=bool(flags & os.O_EXCL),
            truncate=bool(flags & os.O_TRUNC),
            mode=mode & ~_UMASK,
            writer="pipeline",
        )
        if flags & getattr(os, "O_DIRECTORY", 0) and not isinstance(node, Directory):
            raise os_error(errno.ENOTDIR, path)
        opened = OpenFile(
            os.path.join(kernel.cwd, path), node, reads=reads, writes=writes, appends=bool(flags & os.O_APPEND)
        )
        opened.content = content
        number, self._next = self._next, self._next + 1
        self._files[number] = opened
        if node is not before or flags & os.O_TRUNC:
            port.hazards.durable("fs.open")
        return number

    def close(self, number: int) -> None:
        """As `os.close`."""
        self.get(number)
        del self._files[number]

    def read(self, number: int, size: int) -> bytes:
        """As `os.read`."""
        opened = self.get(number)
        if not opened.reads:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        data = opened.data[opened.position : opened.position + size]
        opened.position += len(data)
        return data

    def write(self, number: int, data: Any) -> int:
        """As `os.write`. A process that was killed writes nothing, and does not notice."""
        added = bytes(data)
        if self._port.is_cut:
            return len(added)
        opened = self.get(number)
        if not opened.writes:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._port.enter("write", opened.path)
        before = opened.file.data
        at = len(before) if opened.appends else opened.position
        after = before[:at].ljust(at, b"\0") + added + before[at + len(added) :]
        opened.position = at + len(added)
        self._put(opened, after)
        return len(added)

    def truncate(self, number: int, size: int) -> None:
        """As `os.ftruncate`."""
        opened = self.get(number)
        if not opened.writes:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self._port.enter("write", opened.path)
        self._put(opened, opened.file.data[:size].ljust(size, b"\0"))

    def _put(self, opened: OpenFile, data: bytes) -> None:
        self._port.kernel.put_data(opened.file, opened.path, data, writer="pipeline")
        self._port.hazards.durable("fs.write")

    def seek(self, number: int, offset: int, whence: int = os.SEEK_SET) -> int:
        """As `os.lseek`."""
        opened = self.get(number)
        start = {os.SEEK_SET: 0, os.SEEK_CUR: opened.position, os.SEEK_END: len(opened.data)}.get(whence)
        if start is None or start + offset < 0:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        opened.position = start + offset
        return opened.position


class _Raw(io.RawIOBase):
    """What buffers and text stand on, as `io.FileIO`."""

    def __init__(self, files: OpenFiles, number: int, name: Any, mode: str, closefd: bool) -> None:
        self._files = files
        self._number = number
        self._closefd = closefd
        opened = files.get(number)
        self._reads, self._writes = opened.reads, opened.writes
        self.name = name
        self.mode = mode

    def readinto(self, buffer: Any) -> int:
        if not self._reads:
            raise io.UnsupportedOperation("File not open for reading")
        data = self._files.read(self.fileno(), len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def write(self, data: Any) -> int:
        if not self._writes:
            raise io.UnsupportedOperation("File not open for writing")
        return self._files.write(self.fileno(), data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._files.seek(self.fileno(), offset, whence)

    def truncate(self, size: int | None = None) -> int:
        if not self._writes:
            raise io.UnsupportedOperation("File not open for writing")
        size = self.tell() if size is None else size
        self._files.truncate(self.fileno(), size)
        return size

    def readable(self) -> bool:
        self.fileno()
        return self._reads

    def writable(self) -> bool:
        self.fileno()
        return self._writes

    def seekable(self) -> bool:
        self.fileno()
        return True

    def isatty(self) -> bool:
        self.fileno()
        return False

    def fileno(self) -> int:
        if self.closed:
            raise ValueError("I/O operation on closed file")
        return self._number

    def close(self) -> None:
        if not self.closed:
            super().close()
            if self._closefd and self._number in self._files:
                self._files.close(self._number)


_FLAGS: Final = {
    "r": os.O_RDONLY,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}


def open_file_object(
    files: OpenFiles,
    file: Any,
    mode: str = "r",
    buffering: int = -1,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    closefd: bool = True,
    opener: Any = None,
) -> Any:
    """As `io.open`, over the files of a process; `file` is a path or a number of theirs."""
    kind = "".join(sorted(set(mode) - set("bt+"))).replace("U", "")
    if len(mode) != len(set(mode)) or set(mode) - set("rwxabt+") or kind not in _FLAGS:
        raise ValueError(f"invalid mode: {mode!r}")
    is_binary = "b" in mode
    if is_binary and "t" in mode:
        raise ValueError("can't have text and binary mode at once")
    for name, given in (("encoding", encoding), ("errors", errors), ("newline", newline)):
        if is_binary and given is not None:
            raise ValueError(f"binary mode doesn't take an {name} argument")
    if buffering == 0 and not is_binary:
        raise ValueError("can't have unbuffered text I/O")
    flags = _FLAGS[kind] | os.O_CLOEXEC
    if "+" in mode:
        flags = flags & ~os.O_WRONLY | os.O_RDWR
    if isinstance(file, int):
        number = file
    elif not closefd:
        raise ValueError("Cannot use closefd=False with file name")
    else:
        number = files.open(os.fsdecode(file), flags, 0o666) if opener is None else opener(file, flags)
    if isinstance(files.get(number).node, Directory):
        if not isinstance(file, int):
            files.close(number)
        raise os_error(errno.EISDIR, file)
    raw = _Raw(files, number, file, mode.replace("t", ""), closefd)
    try:
        if kind == "a":
            raw.seek(0, io.SEEK_END)
        if buffering == 0:
            return raw
        size = io.DEFAULT_BUFFER_SIZE if buffering < 2 else buffering
        buffer: Any
        if "+" in mode:
            buffer = io.BufferedRandom(raw, size)
        else:
            buffer = io.BufferedReader(raw, size) if kind == "r" else io.BufferedWriter(raw, size)
        if is_binary:
            return buffer
        text = io.TextIOWrapper(buffer, io.text_encoding(encoding), errors, newline, line_buffering=buffering == 1)
        setattr(text, "mode", mode)  # noqa: B010  as `open` does, whatever the type says
    except BaseException:
        raw.close()
        raise
    return text
