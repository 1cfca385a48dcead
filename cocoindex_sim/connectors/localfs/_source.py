"""Walking a directory (FS-08..12)."""

from __future__ import annotations

import asyncio
import errno
import pathlib
from collections.abc import AsyncIterable, AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from ...engine import ContextKey, current_process
from ...ports import DirectoryEntry, FileStat, FileSystem
from ...resources.file import FileLike, FileMetadata, FilePathMatcher
from ._path import FilePath, as_file_path

__all__ = ["DirWalker", "File", "walk_dir"]

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1)

DIRECT_READ_BYTES_MAX: Final = 64 * 1024
"""Reading this much costs the event loop less than handing it to a thread."""


class File(FileLike[pathlib.Path]):
    """A local file. Reading it and asking for its size raise what the operating system raises."""

    __slots__ = ("_location",)

    def __init__(self, file_path: FilePath, *, _stat: FileStat | None = None) -> None:
        super().__init__(file_path, _metadata=None if _stat is None else _metadata_of(_stat))
        self._location: str | None = None

    def _locate(self) -> str:
        if self._location is None:
            self._location = str(self._file_path.resolve())
        return self._location

    async def _fetch_metadata(self) -> FileMetadata:
        return _metadata_of(current_process().ports.file_system.stat(self._locate()))

    async def _read_impl(self, size: int = -1) -> bytes:
        file_system, location = current_process().ports.file_system, self._locate()
        expected = size
        if size < 0:
            expected = self._metadata.size if self._metadata else file_system.stat(location).size
        if expected <= DIRECT_READ_BYTES_MAX:
            return file_system.read(location, size)
        return await _offload(file_system.read, location, size)


def _metadata_of(stat: FileStat) -> FileMetadata:
    return FileMetadata(stat.size, _EPOCH + timedelta(microseconds=stat.mtime_ns // 1000))


async def _offload(function: Callable[..., T], *args: object) -> T:
    """Call on a worker thread; right here when a coroutine is driven without an event loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return function(*args)
    return await loop.run_in_executor(None, function, *args)


class _Directory(NamedTuple):
    """A directory to walk: its path relative to the root ("" for the root), where it is, and what it is inside."""

    relative: str
    location: str
    ancestors: frozenset[tuple[int, int]]


class DirWalker:
    """The files of a directory, found anew by every iteration. `async for` gives the files.

    Each directory's files come sorted by name, then what is below its subdirectories.
    """

    def __init__(
        self,
        path: FilePath | pathlib.Path | ContextKey[pathlib.Path] | str,
        *,
        live: bool = False,
        recursive: bool = False,
        path_matcher: FilePathMatcher | None = None,
        rescan_interval: timedelta | None = timedelta(hours=1),
    ) -> None:
        self._root = as_file_path(path)
        self._live = live
        self._recursive = recursive
        self._path_matcher = path_matcher
        self._rescan_interval = rescan_interval

    async def __aiter__(self) -> AsyncIterator[File]:
        async for _, file in self._walk():
            yield file

    def items(self) -> AsyncIterable[tuple[str, File]]:
        """Pairs of POSIX path relative to the walked directory, and file; for `mount_each`.

        ValueError for a name that is not valid UTF-8: it can't be a key.
        """
        return self._items()

    async def _items(self) -> AsyncIterator[tuple[str, File]]:
        async for relative, file in self._walk():
            if not relative.isascii():
                self._check_key(relative)
            yield relative, file

    def _check_key(self, relative: str) -> None:
        try:
            relative.encode()
        except UnicodeEncodeError:
            raise ValueError(
                f"File name is not valid UTF-8: {relative!r} in {str(self._root)!r};"
                " rename it or exclude it with `path_matcher`"
            ) from None

    async def _walk(self) -> AsyncIterator[tuple[str, File]]:
        file_system = current_process().ports.file_system
        location = str(self._root.resolve())
        waiting = [_Directory("", location, frozenset({_identity(_root_stat(file_system, location))}))]
        while waiting:
            directory = waiting.pop()
            try:
                entries = await _offload(file_system.scandir, directory.location)
            except (FileNotFoundError, NotADirectoryError, PermissionError):
                if not directory.relative:
                    raise  # "no files" would delete everything made from them
                continue
            wanted = [entry for entry in sorted(entries) if self._may_be_wanted(directory, entry)]
            found = await _offload(_stat_all, file_system, directory.location, wanted) if wanted else []
            below = []
            for entry, stat in found:
                relative, location = directory.relative + entry.name, _join(directory.location, entry.name)
                is_checked = entry.kind == stat.kind
                if stat.kind == "file" and (is_checked or self._is_file_included(relative)):
                    file = File(self._root / relative, _stat=stat)
                    file._location = location
                    yield relative, file
                elif (
                    stat.kind == "dir"
                    and _identity(stat) not in directory.ancestors
                    and (is_checked or self._is_dir_included(relative))
                ):
                    below.append(_Directory(f"{relative}/", location, directory.ancestors | {_identity(stat)}))
            waiting.extend(reversed(below))

    def _may_be_wanted(self, directory: _Directory, entry: DirectoryEntry) -> bool:
        """Whether the entry is worth a `stat`; what a link leads to is only known after it."""
        if entry.kind == "file":
            return self._is_file_included(directory.relative + entry.name)
        if entry.kind == "dir":
            return self._is_dir_included(directory.relative + entry.name)
        return entry.kind == "symlink"

    def _is_file_included(self, relative: str) -> bool:
        return self._path_matcher is None or self._path_matcher.is_file_included(pathlib.PurePath(relative))

    def _is_dir_included(self, relative: str) -> bool:
        if not self._recursive:
            return False
        return self._path_matcher is None or self._path_matcher.is_dir_included(pathlib.PurePath(relative))


def _root_stat(file_system: FileSystem, location: str) -> FileStat:
    try:
        stat = file_system.stat(location)
    except (FileNotFoundError, NotADirectoryError):
        stat = None
    if stat is None or stat.kind != "dir":
        raise ValueError(f"Path is not a directory: {location}; create it, or give `walk_dir` the path of one")
    return stat


def _join(directory: str, name: str) -> str:
    return directory + name if directory.endswith("/") else f"{directory}/{name}"


def _identity(stat: FileStat) -> tuple[int, int]:
    return stat.device, stat.inode


# The end of a link that leads nowhere, may not be looked at, or leads to itself; or a file that is gone by now.
_UNREACHABLE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP})


def _stat_all(
    file_system: FileSystem, directory: str, entries: list[DirectoryEntry]
) -> list[tuple[DirectoryEntry, FileStat]]:
    """What is at the entries, behind any links."""
    found = []
    for entry in entries:
        try:
            found.append((entry, file_system.stat(_join(directory, entry.name))))
        except OSError as error:
            if error.errno not in _UNREACHABLE:
                raise
    return found


def walk_dir(
    path: FilePath | pathlib.Path | ContextKey[pathlib.Path] | str,
    *,
    live: bool = False,
    recursive: bool = False,
    path_matcher: FilePathMatcher | None = None,
    rescan_interval: timedelta | None = timedelta(hours=1),
) -> DirWalker:
    """The files of a directory, for `async for` or, through `items()`, for `mount_each`.

    Regular files only, hidden ones too; links are followed, except to a directory they are inside of. Unreadable
    subdirectories are skipped. `path_matcher` sees paths relative to the directory. `live` and `rescan_interval` do
    not change what one walk finds. ValueError at iteration if the path is not a directory.
    """
    return DirWalker(path, live=live, recursive=recursive, path_matcher=path_matcher, rescan_interval=rescan_interval)
