"""What a file system is made of: files, directories and links, without paths."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from ...ports import FileKind

__all__ = ["Directory", "File", "Inode", "Link", "Node", "Writer"]

Writer: TypeAlias = Literal["script", "pipeline"]
"""Who acts: the story from outside, with every permission, or the pipeline under test, as the owner of every file."""


class Inode:
    """What files, directories and links have in common. `mode`: permission bits, of which the owner's count."""

    __slots__ = ("mode", "mtime_ns", "number")
    kind: ClassVar[FileKind]

    def __init__(self, number: int, mode: int, mtime_ns: int) -> None:
        self.number = number
        self.mode = mode
        self.mtime_ns = mtime_ns


class File(Inode):
    """A regular file; `writer` wrote its content last."""

    __slots__ = ("data", "writer")
    kind = "file"

    def __init__(self, number: int, mode: int, mtime_ns: int, data: bytes, writer: Writer) -> None:
        super().__init__(number, mode, mtime_ns)
        self.data = data
        self.writer = writer


class Directory(Inode):
    """A directory; entries stand in the order they were made. The root is its own parent, and has no name."""

    __slots__ = ("entries", "name", "parent")
    kind = "dir"

    def __init__(self, number: int, mode: int, mtime_ns: int, parent: Directory | None, name: str = "") -> None:
        super().__init__(number, mode, mtime_ns)
        self.parent: Directory = self if parent is None else parent
        self.name = name
        self.entries: dict[str, Node] = {}

    def path_of(self, name: str) -> str:
        """The absolute path of an entry, without links."""
        parts = [name]
        directory = self
        while directory.parent is not directory:
            parts.append(directory.name)
            directory = directory.parent
        return "/" + "/".join(reversed(parts))


class Link(Inode):
    """A symbolic link."""

    __slots__ = ("target",)
    kind = "symlink"

    def __init__(self, number: int, mtime_ns: int, target: str) -> None:
        super().__init__(number, 0o777, mtime_ns)
        self.target = target


Node: TypeAlias = File | Directory | Link
"""Whatever a name in a directory can stand for."""
