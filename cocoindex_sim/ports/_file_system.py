"""The file system, as connectors use it: few synchronous calls with the errors of `os`, and a watch."""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol, TypeAlias

from ._file_watch import FileWatch

__all__ = ["DirectoryEntry", "FileKind", "FileStat", "FileSystem"]

FileKind: TypeAlias = Literal["file", "dir", "symlink", "other"]


class FileStat(NamedTuple):
    """What one `stat` call tells. `size` in bytes, `mtime_ns` since the epoch; (`device`, `inode`) tell one file."""

    kind: FileKind
    size: int
    mtime_ns: int
    device: int
    inode: int


class DirectoryEntry(NamedTuple):
    """One name in a directory; `kind` is the entry's own, so a link is a `symlink` whatever it leads to."""

    name: str
    kind: FileKind


class FileSystem(Protocol):
    """Blocking calls on absolute or working-directory-relative path strings.

    Every call raises the `OSError` subclass that the operating system would raise (`FileNotFoundError`,
    `PermissionError`, `NotADirectoryError`, `IsADirectoryError`, `FileExistsError`, ...), with `errno` and `filename`.
    """

    def getcwd(self) -> str:
        """The absolute directory that relative paths start from."""
        ...

    def stat(self, path: str, *, follow_symlinks: bool = True) -> FileStat:
        """The status of what is at `path`; of the link itself when links are not followed."""
        ...

    def scandir(self, path: str) -> list[DirectoryEntry]:
        """The entries of a directory, in no particular order."""
        ...

    def realpath(self, path: str) -> str:
        """The absolute path with every link resolved, as far as it exists."""
        ...

    def read(self, path: str, size: int = -1) -> bytes:
        """The first `size` bytes of a file, or all of it."""
        ...

    def replace_content(self, path: str, data: bytes) -> None:
        """Make `path` a file with exactly this content, in one step.

        A reader, or a process that starts after a crash, sees the old content or the new, never a part. What a crash
        may leave beside it is named by `path` alone: the next `replace_content` or `unlink` of that path removes it.
        An existing file keeps its permissions; a symlink is written through. A directory at `path`:
        `IsADirectoryError`.
        """
        ...

    def mkdir(self, path: str, *, parents: bool = False) -> None:
        """Create a directory; an existing one is fine, anything else of that name is `FileExistsError`."""
        ...

    def unlink(self, path: str) -> None:
        """Remove a file or a link."""
        ...

    def rmdir(self, path: str) -> None:
        """Remove an empty directory."""
        ...

    async def watch(self, path: str, *, recursive: bool) -> FileWatch:
        """Watch a directory, given by its real path, with what is below its subdirectories if `recursive`.

        The watch is armed when this returns: a scan that begins then and the changes told after it miss nothing.
        """
        ...
