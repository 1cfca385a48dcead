"""Being told what changes below a directory, as connectors use it."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

__all__ = ["ChangeKind", "FileChange", "FileWatch"]

ChangeKind: TypeAlias = Literal["added", "modified", "deleted", "rescan"]
"""What a watch believes to have happened. `rescan`: something at or below the path may have, not told otherwise."""


class FileChange(NamedTuple):
    """One change. `path` is absolute; it begins with the path that is watched, as it was given."""

    kind: ChangeKind
    path: str


class FileWatch(Protocol):
    """An armed watch of a directory.

    Whatever changes at or below the directory from the moment it is armed is told: by a change of that path, by one of
    a directory above it that was added or deleted, or by a `rescan` of one of these. Nothing else is promised. Changes
    come late, twice, in any order, or as one; the kind may be out of date, but for `modified`, which never stands for
    a directory that came or went; a directory may be told alone, without what is in it. So ask the file system what is
    at a path that is told.

    What is behind a symbolic link may be told or not. When the directory itself goes away or another takes its place,
    it is told as `deleted`, and nothing after that.
    """

    async def next_changes(self) -> list[FileChange]:
        """Wait until there is something to tell; at least one change. One caller at a time; cancelling loses nothing.

        Raises: OSError when the watch has died, and again whenever it is asked.
        """
        ...

    async def aclose(self) -> None:
        """End the watch, leaving nothing behind. Idempotent; it does not raise."""
        ...
