"""The operating system's file system, behind the port."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import stat as stat_bits
from contextlib import suppress
from typing import Final

from ...ports import DirectoryEntry, FileKind, FileStat, FileWatch
from ._polling_watch import PollingWatch

__all__ = ["Disk"]

_log = logging.getLogger("cocoindex_sim")

_KINDS: Final[dict[int, FileKind]] = {
    stat_bits.S_IFREG: "file",
    stat_bits.S_IFDIR: "dir",
    stat_bits.S_IFLNK: "symlink",
}


_READING: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
_WRITING: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Disk:
    """`ports.FileSystem` on the real disk.

    `replace_content` writes beside the target and renames, so a killed process leaves the old content or the new. It
    does not wait for the disk: after a power failure the last files written may be missing or old.

    Directories are watched by the system's own means; with `force_polling`, or when the system has no more watches to
    give, by looking every `poll_delay_ms`. None asks the environment variables of `watchfiles` each time:
    `WATCHFILES_FORCE_POLLING` (off when empty, `false`, `disable` or `disabled`) and `WATCHFILES_POLL_DELAY_MS` (300).
    """

    __slots__ = ("_force_polling", "_poll_delay_ms")

    def __init__(self, *, force_polling: bool | None = None, poll_delay_ms: int | None = None) -> None:
        self._force_polling = force_polling
        self._poll_delay_ms = poll_delay_ms

    def getcwd(self) -> str:
        """The absolute current directory."""
        return os.getcwd()

    def stat(self, path: str, *, follow_symlinks: bool = True) -> FileStat:
        """The status of what is at `path`."""
        found = os.stat(path, follow_symlinks=follow_symlinks)
        kind = _KINDS.get(stat_bits.S_IFMT(found.st_mode), "other")
        return FileStat(kind, found.st_size, found.st_mtime_ns, found.st_dev, found.st_ino)

    def scandir(self, path: str) -> list[DirectoryEntry]:
        """The entries of a directory, in no particular order."""
        with os.scandir(path) as entries:
            return [DirectoryEntry(entry.name, _entry_kind(entry)) for entry in entries]

    def realpath(self, path: str) -> str:
        """The absolute path with every link resolved, as far as it exists."""
        return os.path.realpath(path)

    def read(self, path: str, size: int = -1) -> bytes:
        """The first `size` bytes of a file, or all of it."""
        # Not `open`, which asks four more things of the system, and gives way to other threads at each.
        descriptor = os.open(path, _READING)
        try:
            if size >= 0:
                return _read_on(descriptor, size, b"")
            expected = os.fstat(descriptor).st_size
            content = os.read(descriptor, expected + 1)  # one more would show that it has grown
            return content if len(content) == expected else _read_on(descriptor, -1, content)
        except OSError as error:  # of a directory, say: these name no file
            raise OSError(error.errno, error.strerror, path) from None
        finally:
            os.close(descriptor)

    def replace_content(self, path: str, data: bytes) -> None:
        """Make `path` a file with exactly this content, in one step."""
        target, mode = _writable_target(path)
        temp = _temp_beside(target)
        try:
            _write_new(temp, data)
            if mode is not None:
                os.chmod(temp, mode)
            os.replace(temp, target)
        except BaseException as error:
            _forget(temp)
            if isinstance(error, OSError) and error.errno is not None:
                raise OSError(error.errno, os.strerror(error.errno), path) from None  # the caller never saw the temp
            raise

    def mkdir(self, path: str, *, parents: bool = False) -> None:
        """Create a directory; an existing one is fine."""
        if parents:
            os.makedirs(path, exist_ok=True)
            return
        try:
            os.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                raise

    def unlink(self, path: str) -> None:
        """Remove a file or a link, and what a killed `replace_content` left beside it."""
        target = os.path.realpath(path) if os.path.islink(path) else path
        try:
            os.unlink(path)
        except PermissionError:
            if os.path.isdir(path) and not os.path.islink(path):  # what some systems say instead
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path) from None
            raise
        finally:
            _forget(_temp_beside(target))

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        os.rmdir(path)

    async def watch(self, path: str, *, recursive: bool) -> FileWatch:
        """Watch a directory, given by its real path."""
        if not self._is_polling():
            # Here, because watchfiles brings anyio along, and most processes watch nothing.
            from ._native_watch import NativeWatch

            try:
                return await NativeWatch.arm(path, recursive=recursive)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                raise
            except OSError as error:
                _log.warning("%r can't be watched (%s): looking for changes every so often instead", path, error)
        interval_s = self._delay_ms() / 1000
        return await PollingWatch.arm(self, path, recursive=recursive, interval_s=interval_s)

    def _is_polling(self) -> bool:
        if self._force_polling is not None:
            return self._force_polling
        return os.environ.get("WATCHFILES_FORCE_POLLING", "").lower() not in ("", "false", "disable", "disabled")

    def _delay_ms(self) -> int:
        if self._poll_delay_ms is not None:
            return self._poll_delay_ms
        delay = os.environ.get("WATCHFILES_POLL_DELAY_MS", "")
        return int(delay) if delay.isdecimal() and int(delay) > 0 else 300


def _entry_kind(entry: os.DirEntry[str]) -> FileKind:
    if entry.is_symlink():
        return "symlink"
    if entry.is_dir(follow_symlinks=False):
        return "dir"
    return "file" if entry.is_file(follow_symlinks=False) else "other"


def _writable_target(path: str) -> tuple[str, int | None]:
    """The file to replace, behind any links, and its permissions if it exists."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return path, None
    target = path
    if stat_bits.S_ISLNK(found.st_mode):
        target = os.path.realpath(path)
        try:
            found = os.lstat(target)
        except FileNotFoundError:
            return target, None
    if stat_bits.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat_bits.S_ISREG(found.st_mode):
        raise FileExistsError(errno.EEXIST, "Not a regular file, so it can't be replaced by one", path)
    return target, stat_bits.S_IMODE(found.st_mode)


def _temp_beside(target: str) -> str:
    """Named by the target's name alone, so that whoever writes or removes the target next finds a leftover."""
    directory, name = os.path.split(target)
    digest = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return os.path.join(directory, f".coco-{digest}.tmp")


def _write_new(path: str, data: bytes) -> None:
    try:
        descriptor = os.open(path, _WRITING, 0o666)
    except FileExistsError:  # a killed process left it
        os.unlink(path)
        descriptor = os.open(path, _WRITING, 0o666)
    try:
        written = os.write(descriptor, data)
        while written < len(data):
            written += os.write(descriptor, memoryview(data)[written:])
    finally:
        os.close(descriptor)


def _read_on(descriptor: int, size: int, content: bytes) -> bytes:
    """What was read of a file and what follows: so many bytes more, or all there are if that is negative."""
    parts = [content]
    while size and (part := os.read(descriptor, 1 << 20 if size < 0 else size)):
        parts.append(part)
        size -= len(part) if size > 0 else 0
    return b"".join(parts)


def _forget(path: str) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        os.unlink(path)
