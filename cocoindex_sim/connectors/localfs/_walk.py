"""Which files are in a directory: all of them, below one path, or at one path (FS-08..12)."""

from __future__ import annotations

import errno
import pathlib
from collections.abc import AsyncIterator, Sequence
from typing import Final, NamedTuple, TypeAlias

from ...ports import Clock, DirectoryEntry, FileStat, FileSystem
from ...resources.file import FilePathMatcher, PatternFilePathMatcher
from ._file import File, offload
from ._path import FilePath

__all__ = ["Directory", "FoundFile", "Walk", "identity", "root_stat"]


_ENTRIES_IN_A_HOP: Final = 1_000
"""So many names are looked at before the event loop hears of them: a hop to a thread costs as much as ten."""

_FOUND_DIRECTLY_MAX: Final = 4
"""Looking at this many costs the event loop less than handing it to a thread."""


class Directory(NamedTuple):
    """A directory to walk: its path relative to the root, with a slash ("" for the root), where it is, and the
    identities of what it is inside, itself included."""

    relative: str
    location: str
    ancestors: frozenset[tuple[int, int]]


class FoundFile(NamedTuple):
    """A file that the walk yields: its path relative to the root, and its status, as of a time of the wall clock."""

    relative: str
    stat: FileStat
    taken_ns: int


Found: TypeAlias = Directory | FoundFile | None


class Walk:
    """One look at the files of a directory.

    `root` is the directory as the pipeline names it, `location` where it is. `unreadable` collects the directories,
    by relative path, that can't be listed.
    """

    def __init__(
        self,
        file_system: FileSystem,
        clock: Clock,
        root: FilePath,
        location: str,
        *,
        recursive: bool,
        path_matcher: FilePathMatcher | None,
    ) -> None:
        self._file_system = file_system
        self._clock = clock
        self._root = root
        self.location = location
        self._recursive = recursive
        self._path_matcher = path_matcher
        self.unreadable: set[str] = set()

    def root_directory(self) -> Directory:
        """Where a walk begins. ValueError if it is not there."""
        return Directory("", self.location, frozenset({identity(root_stat(self._file_system, self.location))}))

    def file(self, found: FoundFile) -> File:
        """The file for a pipeline."""
        location = _join(self.location, found.relative)
        return File(self._root, _below=found.relative, _stat=found.stat, _location=location)

    async def files(self, start: Directory | None = None) -> AsyncIterator[FoundFile]:
        """The files at or below a directory, of this walk: each directory's by name, then those below it."""
        waiting = [self.root_directory() if start is None else start]
        while waiting:
            files, error = await offload(self._next_files, waiting)
            for found in files:
                yield found
            if error is not None:
                raise error

    def _next_files(self, waiting: list[Directory]) -> tuple[list[FoundFile], Exception | None]:
        """The files of the directories that come next, as many as are worth a hop to a thread, and what ended it."""
        files: list[FoundFile] = []
        looked_at = 0
        try:
            while waiting and looked_at < _ENTRIES_IN_A_HOP:
                directory = waiting.pop()
                entries = self._list(directory)
                here, below = self._look_at(directory, entries)
                files += here
                waiting.extend(reversed(below))
                looked_at += 1 + len(entries)
        except Exception as error:
            return files, error
        return files, None

    def _list(self, directory: Directory) -> list[DirectoryEntry]:
        """The entries of a directory; none if it is gone or can't be read, unless it is the root."""
        try:
            return self._file_system.scandir(directory.location)
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            if not directory.relative:
                raise  # "no files" would delete everything made from them
            if isinstance(error, PermissionError):
                self.unreadable.add(directory.relative[:-1])
            return []

    def _look_at(self, directory: Directory, entries: list[DirectoryEntry]) -> tuple[list[FoundFile], list[Directory]]:
        """What a walk finds among the entries of a directory, by name."""
        files, below = [], []
        taken_ns = self._clock.time_ns()
        for entry in sorted(entries):
            if not self._may_be_wanted(directory, entry):
                continue
            relative, location = directory.relative + entry.name, _join(directory.location, entry.name)
            stat = _stat_or_none(self._file_system, location)
            if stat is None:
                continue
            is_checked = entry.kind == stat.kind
            if stat.kind == "file" and (is_checked or self._is_file_included(relative)):
                files.append(FoundFile(relative, stat, taken_ns))
            elif (
                stat.kind == "dir"
                and identity(stat) not in directory.ancestors
                and (is_checked or self._is_dir_included(relative))
            ):
                below.append(Directory(f"{relative}/", location, directory.ancestors | {identity(stat)}))
        return files, below

    async def find(self, relatives: Sequence[str]) -> list[Found | OSError]:
        """What a walk would find at each relative path: a file, a directory it would enter, or nothing.

        An error other than "there is nothing" stands in the place of what was asked for.
        """
        if len(relatives) <= _FOUND_DIRECTLY_MAX:
            return self._find_all(relatives)
        return await offload(self._find_all, relatives)

    def _find_all(self, relatives: Sequence[str]) -> list[Found | OSError]:
        found: list[Found | OSError] = []
        directories: dict[str, Directory | None] = {}
        for relative in relatives:
            try:
                found.append(self._find(relative, directories))
            except OSError as error:
                found.append(error)
        return found

    def _find(self, relative: str, directories: dict[str, Directory | None]) -> Found:
        above, _, name = relative.rpartition("/")
        directory = self._enter(above, directories)
        if directory is None:
            return None
        taken_ns = self._clock.time_ns()
        stat = _stat_or_none(self._file_system, _join(directory.location, name))
        if stat is None:
            return None
        if stat.kind == "file":
            return FoundFile(relative, stat, taken_ns) if self._is_file_included(relative) else None
        return self._below(directory, relative, stat)

    def _enter(self, relative: str, known: dict[str, Directory | None]) -> Directory | None:
        """The directory at a path, if a walk enters it; those looked at before are in `known`."""
        if relative in known:
            return known[relative]
        found: Directory | None = None
        if not relative:
            stat = _stat_or_none(self._file_system, self.location)
            if stat is not None and stat.kind == "dir":
                found = Directory("", self.location, frozenset({identity(stat)}))
        elif relative not in self.unreadable:
            above = self._enter(relative.rpartition("/")[0], known)
            if above is not None:
                stat = _stat_or_none(self._file_system, _join(self.location, relative))
                found = None if stat is None else self._below(above, relative, stat)
        known[relative] = found
        return found

    def _below(self, directory: Directory, relative: str, stat: FileStat) -> Directory | None:
        if stat.kind != "dir" or identity(stat) in directory.ancestors or not self._is_dir_included(relative):
            return None
        return Directory(f"{relative}/", _join(self.location, relative), directory.ancestors | {identity(stat)})

    def _may_be_wanted(self, directory: Directory, entry: DirectoryEntry) -> bool:
        """Whether the entry is worth a `stat`; what a link leads to is only known after it."""
        if entry.kind == "file":
            return self._is_file_included(directory.relative + entry.name)
        if entry.kind == "dir":
            return self._is_dir_included(directory.relative + entry.name)
        return entry.kind == "symlink"

    def _is_file_included(self, relative: str) -> bool:
        matcher = self._path_matcher
        if type(matcher) is PatternFilePathMatcher:  # a path object for each name takes longer than its answer
            return matcher.yields(relative)
        return matcher is None or matcher.is_file_included(pathlib.PurePath(relative))

    def _is_dir_included(self, relative: str) -> bool:
        if not self._recursive:
            return False
        matcher = self._path_matcher
        if type(matcher) is PatternFilePathMatcher:
            return matcher.enters(relative)
        return matcher is None or matcher.is_dir_included(pathlib.PurePath(relative))


def root_stat(file_system: FileSystem, location: str) -> FileStat:
    """The status of the directory to walk. ValueError if it is not there or something else."""
    try:
        stat = file_system.stat(location)
    except (FileNotFoundError, NotADirectoryError):
        stat = None
    if stat is None or stat.kind != "dir":
        raise ValueError(f"Path is not a directory: {location}; create it, or give `walk_dir` the path of one")
    return stat


def _join(directory: str, name: str) -> str:
    return directory + name if directory.endswith("/") else f"{directory}/{name}"


def identity(stat: FileStat) -> tuple[int, int]:
    """What tells one directory from another."""
    return stat.device, stat.inode


# The end of a link that leads nowhere, may not be looked at, or leads to itself; or a file that is gone by now.
_UNREACHABLE: Final = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.ELOOP})


def _stat_or_none(file_system: FileSystem, location: str) -> FileStat | None:
    try:
        return file_system.stat(location)
    except OSError as error:
        if error.errno not in _UNREACHABLE:
            raise
        return None
