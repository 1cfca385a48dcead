"""A watch that looks again and again, for file systems that tell nothing: network shares, some container volumes.

`watchfiles` can poll too, but compares modification times by the second: of two edits within one, it may miss the
second. This one compares nanoseconds, sizes and inodes.
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from ...ports import FileChange, FileKind, FileSystem

__all__ = ["PollingWatch"]

_TICK_NS: Final = 50_000_000
"""Two writes this close may leave one modification time: the clocks of file systems tick."""


class _Entry(NamedTuple):
    """What shows whether a path changed; of a directory, whether names came or went, and whether it can be listed.

    A name that came and went between two looks is in neither, but somebody else may have seen it.
    """

    kind: FileKind
    mtime_ns: int
    size: int
    inode: int


class PollingWatch:
    """`ports.FileWatch` that compares what is there with what was there, every `interval_s` seconds."""

    def __init__(self, file_system: FileSystem, path: str, *, recursive: bool, interval_s: float) -> None:
        """Use `arm`."""
        self._file_system = file_system
        self._path = path
        self._recursive = recursive
        self._interval_s = interval_s
        self._before: dict[str, _Entry] = {}
        self._doubtful: list[str] = []
        self._is_over = False

    @classmethod
    async def arm(cls, file_system: FileSystem, path: str, *, recursive: bool, interval_s: float) -> PollingWatch:
        """Take the first look at a directory. OSError if it can't be listed."""
        watch = cls(file_system, path, recursive=recursive, interval_s=interval_s)
        watch._before = before = await watch._look()
        newest_ns = max((entry.mtime_ns for entry in before.values()), default=0)
        watch._doubtful = [path for path, entry in before.items() if entry.mtime_ns >= max(newest_ns - _TICK_NS, 1)]
        return watch

    async def next_changes(self) -> list[FileChange]:
        """Wait until something is different. OSError when the directory can't be listed any more."""
        while True:
            if self._is_over:
                await asyncio.get_running_loop().create_future()  # for ever: it goes with the caller
            await asyncio.sleep(self._interval_s)
            try:
                after = await self._look()
            except (FileNotFoundError, NotADirectoryError):
                self._is_over = True
                return [FileChange("deleted", self._path)]
            before, self._before = self._before, after
            if before[""].inode != after[""].inode:
                self._is_over = True
                return [FileChange("deleted", self._path)]
            changes = {path: FileChange("deleted", self._absolute(path)) for path in before if path not in after}
            doubtful, self._doubtful = self._doubtful, []
            for path, entry in after.items():
                old = before.get(path)
                if old != entry:
                    changes[path] = FileChange("added" if old is None else "modified", self._absolute(path))
                    self._doubtful.append(path)  # it may have changed once more in the same tick
            for path in doubtful:
                if path in after and path not in changes:
                    changes[path] = FileChange("modified", self._absolute(path))
            if changes:
                return list(changes.values())

    async def aclose(self) -> None:
        """End the watch. Nothing is open between two looks."""
        self._is_over = True

    def _absolute(self, relative: str) -> str:
        if not relative:
            return self._path
        return self._path + relative if self._path.endswith("/") else f"{self._path}/{relative}"

    async def _look(self) -> dict[str, _Entry]:
        return await asyncio.get_running_loop().run_in_executor(None, self._look_now)

    def _look_now(self) -> dict[str, _Entry]:
        file_system = self._file_system
        root = file_system.stat(self._path)
        found = {"": _Entry("dir", root.mtime_ns, 0, root.inode)}
        waiting = [("", frozenset({(root.device, root.inode)}))]
        while waiting:
            directory, ancestors = waiting.pop()
            try:
                entries = file_system.scandir(self._absolute(directory))
            except PermissionError:
                if not directory:
                    raise
                found[directory] = found[directory]._replace(size=-1)
                continue
            except (FileNotFoundError, NotADirectoryError):
                if not directory:
                    raise
                continue
            for entry in entries:
                relative = f"{directory}/{entry.name}" if directory else entry.name
                try:
                    stat = file_system.stat(self._absolute(relative))
                except OSError:  # gone by now, or a link that leads nowhere
                    continue
                if stat.kind != "dir":
                    found[relative] = _Entry(stat.kind, stat.mtime_ns, stat.size, stat.inode)
                    continue
                identity = stat.device, stat.inode
                if identity in ancestors:
                    continue
                found[relative] = _Entry("dir", stat.mtime_ns, 0, stat.inode)
                if self._recursive:
                    waiting.append((relative, ancestors | {identity}))
        return found
