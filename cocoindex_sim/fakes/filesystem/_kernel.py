"""The file system itself: a synchronous state machine with the rules and the errors of a POSIX system.

Everything belongs to one user. The writer `pipeline` acts as that user, so permission bits apply; `script` acts as
root does. There are no hard links and no devices. A call reads or changes whole files, in one step; whoever keeps one
open (`open`, `put_data`) keeps its inode.
Directories list their entries in the order they were made (a name that is moved comes last).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import Literal

from ...ports import DirectoryEntry, FileStat
from ._inodes import Directory, File, Inode, Link, Node, Writer
from ._kernel_change import KernelChange
from ._lookup import EXECUTE, READ, WRITE, Found, lookup, os_error, permit, real_path

__all__ = ["FileKernel", "Writer"]

_DIRECTORY_SIZE_BYTES = 4096
_DEVICE = 1


class FileKernel:
    """Inodes, and the calls that read and change them, by POSIX path.

    `time_ns` gives the time for modification times, since the epoch; they are cut to multiples of
    `mtime_granularity_ns`, which may be changed at any time (1 s for old disks, 2 s for FAT). `cwd`, an absolute path
    without links or dots, is created, and is where relative paths start. Each of `listeners` is called after every
    change, before the call that made it returns; it must not change anything.

    Calls raise the OSErrors of the operating system, with errno and file name.
    """

    def __init__(self, time_ns: Callable[[], int], *, cwd: str = "/project", mtime_granularity_ns: int = 1) -> None:
        self._time_ns = time_ns
        self.mtime_granularity_ns = mtime_granularity_ns
        self.listeners: list[Callable[[KernelChange], None]] = []
        self._number = 1
        now_ns = self._now_ns()
        self._root = self._start = Directory(1, 0o755, now_ns, None)
        self.cwd = cwd
        for name in filter(None, cwd.split("/")):  # by hand: `mkdir` and `chdir` were a fifth of what a world costs
            above, self._start = self._start, Directory(self._next_number(), 0o755, now_ns, self._start, name)
            above.entries[name] = self._start

    def _now_ns(self) -> int:
        now_ns = self._time_ns()
        return now_ns - now_ns % self.mtime_granularity_ns

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    # --- finding ---

    def _find(self, path: str, writer: Writer, *, follow: bool = True, create: bool = False) -> Found:
        return lookup(self._start, self._root, path, follow=follow, privileged=writer == "script", create=create)

    def _get(self, path: str, writer: Writer, *, follow: bool = True) -> Node:
        node = self._find(path, writer, follow=follow).node
        if node is None:
            raise os_error(errno.ENOENT, path)
        return node

    def _may_change(self, directory: Directory, path: str, writer: Writer) -> None:
        permit(directory, WRITE | EXECUTE, path, privileged=writer == "script")

    # --- looking ---

    def node_at(self, path: str) -> Inode | None:
        """The inode a path leads to, links followed; None if there is nothing."""
        try:
            return self._find(path, "script").node
        except OSError:
            return None

    def stat(self, path: str, *, follow_symlinks: bool = True, writer: Writer = "script") -> FileStat:
        """The status of what is at `path`, or of the link itself."""
        node = self._get(path, writer, follow=follow_symlinks)
        if isinstance(node, File):
            size = len(node.data)
        else:
            size = len(os.fsencode(node.target)) if isinstance(node, Link) else _DIRECTORY_SIZE_BYTES
        return FileStat(node.kind, size, node.mtime_ns, _DEVICE, node.number)

    def scandir(self, path: str, *, writer: Writer = "script") -> list[DirectoryEntry]:
        """The entries of a directory, in the order they were made."""
        node = self._get(path, writer)
        if not isinstance(node, Directory):
            raise os_error(errno.ENOTDIR, path)
        permit(node, READ, path, privileged=writer == "script")
        return [DirectoryEntry(name, child.kind) for name, child in node.entries.items()]

    def realpath(self, path: str, *, writer: Writer = "script") -> str:
        """The absolute path with every link resolved, as far as it exists."""
        return real_path(self.cwd, self._start, self._root, path, privileged=writer == "script")

    def readlink(self, path: str) -> str:
        """The target of a link."""
        node = self._get(path, "script", follow=False)
        if not isinstance(node, Link):
            raise os_error(errno.EINVAL, path)
        return node.target

    def read(self, path: str, size: int = -1, *, writer: Writer = "script") -> bytes:
        """The first `size` bytes of a file, or all of it."""
        node = self._get(path, writer)
        permit(node, READ, path, privileged=writer == "script")
        if not isinstance(node, File):
            raise os_error(errno.EISDIR, path)
        return node.data if size < 0 else node.data[:size]

    def listing(self, path: str = "/") -> list[str]:
        """Everything below a directory, relative to it, sorted; directories end in a slash; links are not followed."""
        return sorted(f"{below}/" if isinstance(node, Directory) else below for below, node in self.walk(path))

    def contents(self, path: str = "/") -> dict[str, bytes]:
        """Every regular file below a directory: its content by its path relative to it, sorted."""
        return {below: node.data for below, node in sorted(self.walk(path)) if isinstance(node, File)}

    def files_written_by(self, writer: Writer) -> dict[str, bytes]:
        """The regular files whose content this writer wrote last: content by absolute path, sorted."""
        return {
            f"/{below}": node.data
            for below, node in sorted(self.walk("/"))
            if isinstance(node, File) and node.writer == writer
        }

    def walk(self, path: str = "/") -> Iterator[tuple[str, Node]]:
        """What is below a directory, by path relative to it; entries in the order they were made, links as they are."""
        top = self._get(path, "script")
        if not isinstance(top, Directory):
            raise os_error(errno.ENOTDIR, path)
        stack: list[tuple[str, Directory]] = [("", top)]
        while stack:
            prefix, directory = stack.pop()
            for name, node in directory.entries.items():
                yield prefix + name, node
                if isinstance(node, Directory):
                    stack.append((f"{prefix}{name}/", node))

    # --- changing ---

    def chdir(self, path: str) -> None:
        """Make relative paths start at this directory."""
        node = self._get(path, "script")
        if not isinstance(node, Directory):
            raise os_error(errno.ENOTDIR, path)
        self.cwd, self._start = self.realpath(path), node

    def write(self, path: str, data: bytes | str, *, parents: bool = False, writer: Writer = "script") -> None:
        """Give a file this content (text is UTF-8), in place; create it, and with `parents` its directories."""
        self._put(path, data, append=False, parents=parents, writer=writer)

    def append(self, path: str, data: bytes | str, *, parents: bool = False, writer: Writer = "script") -> None:
        """Add to the end of a file; create it, and with `parents` its directories."""
        self._put(path, data, append=True, parents=parents, writer=writer)

    def _put(self, path: str, data: bytes | str, *, append: bool, parents: bool, writer: Writer) -> None:
        if isinstance(data, int):  # of which `bytes` would make zeros
            raise TypeError(f"the content of a file is text or bytes; for {path!r} it is {data!r}")
        data = data.encode() if isinstance(data, str) else bytes(data)
        if parents:
            self._make_parents(path, writer)
        found = self._find(path, writer, create=True)
        file = found.node
        if file is None:
            self._create_file(found, path, data, writer)
            return
        if not isinstance(file, File):
            raise os_error(errno.EISDIR, path)
        permit(file, WRITE, path, privileged=writer == "script")
        file.data = file.data + data if append else data
        file.writer = writer
        file.mtime_ns = self._now_ns()
        self._tell("modified", found, writer)

    def _create_file(self, found: Found, path: str, data: bytes, writer: Writer) -> None:
        self._may_change(found.parent, path, writer)
        now_ns = self._now_ns()
        self._attach(found.parent, found.name, File(self._next_number(), 0o644, now_ns, data, writer), now_ns)
        self._tell("added", found, writer)

    def open(
        self,
        path: str,
        *,
        read: bool,
        write: bool,
        create: bool = False,
        exclusive: bool = False,
        truncate: bool = False,
        mode: int = 0o644,
        writer: Writer = "script",
    ) -> File | Directory:
        """The inode of a file, or of a directory to read from, as `open(2)` finds, makes and empties it."""
        found = self._find(path, writer, follow=not (create and exclusive), create=create)
        node = found.node
        if node is None:
            if not create:
                raise os_error(errno.ENOENT, path)
            self._create_file(found, path, b"", writer)
            made = found.parent.entries[found.name]
            assert isinstance(made, File)
            made.mode = mode
            return made
        if create and exclusive:
            raise os_error(errno.EEXIST, path)
        assert not isinstance(node, Link)
        if isinstance(node, Directory):
            if write or create or truncate:
                raise os_error(errno.EISDIR, path)
            permit(node, READ, path, privileged=writer == "script")
            return node
        permit(node, (READ if read else 0) | (WRITE if write else 0), path, privileged=writer == "script")
        if truncate:
            self.put_data(node, path, b"", writer=writer)
        return node

    def put_data(self, file: File, path: str, data: bytes, *, writer: Writer = "script") -> None:
        """Give an open file this content; `path` is what it was opened by, and need not lead to it any more."""
        file.data = data
        file.writer = writer
        file.mtime_ns = self._now_ns()
        if self.listeners and self.node_at(path) is file:
            self._tell("modified", self._find(path, "script"), writer)

    def _tell(self, kind: Literal["added", "modified", "touched", "removed"], found: Found, writer: Writer) -> None:
        if not self.listeners:
            return
        node, name = found.node, found.name
        if not name and isinstance(node, Directory):  # the path ended in a dot
            found = Found(node.parent, node.name, node)
        path = found.parent.path_of(found.name) if found.name else "/"
        self._tell_change(KernelChange(kind, path, writer, isinstance(node, Directory)))

    def _tell_change(self, change: KernelChange) -> None:
        for listener in list(self.listeners):
            listener(change)

    def _attach(self, parent: Directory, name: str, node: Node, now_ns: int) -> None:
        parent.entries[name] = node
        parent.mtime_ns = now_ns

    def replace_content(self, path: str, data: bytes, *, writer: Writer = "script") -> None:
        """Put a new file with this content in the place of what is there, links followed.

        The new file has its own inode, as after a rename, and the permissions of the old one.
        """
        found = self._find(path, writer, create=True)
        old = found.node
        if old is not None and not isinstance(old, File):
            raise os_error(errno.EISDIR, path)
        if old is None:
            self._create_file(found, path, bytes(data), writer)
            return
        self._may_change(found.parent, path, writer)
        now_ns = self._now_ns()
        self._attach(found.parent, found.name, File(self._next_number(), old.mode, now_ns, bytes(data), writer), now_ns)
        if self.listeners:
            self._tell_change(KernelChange("moved", found.parent.path_of(found.name), writer))

    def mkdir(self, path: str, *, parents: bool = False, writer: Writer = "script") -> None:
        """Create a directory, with `parents` those above it; an existing one is fine."""
        if parents:
            self._make_parents(path, writer)
        found = self._find(path, writer, follow=False)
        if found.node is None:
            self._may_change(found.parent, path, writer)
            now_ns = self._now_ns()
            directory = Directory(self._next_number(), 0o755, now_ns, found.parent, found.name)
            self._attach(found.parent, found.name, directory, now_ns)
            self._tell("added", found._replace(node=directory), writer)
        elif not self._is_directory(path, writer):
            raise os_error(errno.EEXIST, path)

    def _make_parents(self, path: str, writer: Writer) -> None:
        above = os.path.dirname(path.rstrip("/"))
        if above and not self._exists(above, writer):
            # What stands in the way shows when the last one is made, as with os.makedirs.
            try:
                self.mkdir(above, parents=True, writer=writer)
            except FileExistsError:
                return

    def _exists(self, path: str, writer: Writer) -> bool:
        try:
            return self._find(path, writer).node is not None
        except OSError:
            return False

    def _is_directory(self, path: str, writer: Writer) -> bool:
        try:
            return isinstance(self._find(path, writer).node, Directory)
        except OSError:
            return False

    def unlink(self, path: str, *, writer: Writer = "script") -> None:
        """Remove a file or a link."""
        found = self._find(path, writer, follow=False)
        if found.node is None:
            raise os_error(errno.ENOENT, path)
        if not isinstance(found.node, Directory):
            self._may_change(found.parent, path, writer)
        elif found.name:
            self._may_change(found.parent, path, writer)
            raise os_error(errno.EISDIR, path)
        else:
            raise os_error(errno.EISDIR, path)
        self._detach(found)
        self._tell("removed", found, writer)

    remove = unlink

    def _detach(self, found: Found) -> None:
        del found.parent.entries[found.name]
        found.parent.mtime_ns = self._now_ns()

    def rmdir(self, path: str, *, writer: Writer = "script") -> None:
        """Remove an empty directory."""
        found = self._find(path, writer, follow=False)
        if found.node is None:
            raise os_error(errno.ENOENT, path)
        if not found.name:
            raise os_error(errno.EBUSY if found.node is self._root else errno.EINVAL, path)
        self._may_change(found.parent, path, writer)
        if not isinstance(found.node, Directory):
            raise os_error(errno.ENOTDIR, path)
        if found.node.entries:
            raise os_error(errno.ENOTEMPTY, path)
        self._detach(found)
        self._tell("removed", found, writer)

    def rmtree(self, path: str) -> None:
        """Remove a directory with everything in it, in one step. A link to one: NotADirectoryError."""
        found = self._find(path, "script", follow=False)
        if found.node is None:
            raise os_error(errno.ENOENT, path)
        if not isinstance(found.node, Directory):
            raise os_error(errno.ENOTDIR, path)
        if not found.name:
            raise os_error(errno.EBUSY, path)
        self._detach(found)
        if self.listeners:
            self._tell_removed(found.parent.path_of(found.name), found.node)

    def _tell_removed(self, path: str, node: Node) -> None:
        if isinstance(node, Directory):
            for name, child in node.entries.items():
                self._tell_removed(f"{path}/{name}", child)
        self._tell_change(KernelChange("removed", path, "script", isinstance(node, Directory)))

    def rename(self, source: str, target: str, *, writer: Writer = "script") -> None:
        """Move a file, link or directory, over a file or an empty directory if there is one."""
        old = self._find(source, writer, follow=False)
        new = self._find(target, writer, follow=False)
        if not old.name or not new.name:
            raise os_error(errno.EBUSY, source, target)
        if old.node is None:
            raise os_error(errno.ENOENT, source, target)
        if _is_at_or_above(old.node, new.parent):
            raise os_error(errno.EINVAL, source, target)
        if new.node is not None and _is_at_or_above(new.node, old.parent):
            raise os_error(errno.ENOTEMPTY, source, target)
        if new.node is old.node:
            return
        self._may_change(old.parent, source, writer)
        self._may_change(new.parent, target, writer)
        if isinstance(old.node, Directory):
            if new.node is not None and not isinstance(new.node, Directory):
                raise os_error(errno.ENOTDIR, source, target)
            if new.parent is not old.parent:
                permit(old.node, WRITE, source, privileged=writer == "script")  # its `..` changes
            if new.node is not None and new.node.entries:
                raise os_error(errno.ENOTEMPTY, source, target)
        elif isinstance(new.node, Directory):
            raise os_error(errno.EISDIR, source, target)
        before = old.parent.path_of(old.name) if self.listeners else ""
        self._detach(old)
        new.parent.entries.pop(new.name, None)
        self._attach(new.parent, new.name, old.node, self._now_ns())
        if isinstance(old.node, Directory):
            old.node.parent, old.node.name = new.parent, new.name
        if self.listeners:
            path = new.parent.path_of(new.name)
            self._tell_change(KernelChange("moved", path, writer, isinstance(old.node, Directory), before))

    def symlink(self, target: str, path: str, *, writer: Writer = "script") -> None:
        """Make a link at `path`; the target is kept as it is written, and need not exist."""
        if not target:
            raise os_error(errno.ENOENT, target, path)
        found = self._find(path, writer, follow=False)
        if found.node is not None:
            raise os_error(errno.EEXIST, target, path)
        self._may_change(found.parent, path, writer)
        now_ns = self._now_ns()
        self._attach(found.parent, found.name, Link(self._next_number(), now_ns, target), now_ns)
        self._tell("added", found, writer)

    def chmod(self, path: str, mode: int, *, writer: Writer = "script") -> None:
        """Set the permission bits, links followed. The owner's bits decide what the pipeline may do."""
        self._get(path, writer).mode = mode & 0o7777
        self._tell("touched", self._find(path, writer), writer)

    def mode(self, path: str, *, follow_symlinks: bool = True) -> int:
        """The permission bits."""
        return self._get(path, "script", follow=follow_symlinks).mode

    def touch(self, path: str, mtime_ns: int | None = None, *, writer: Writer = "script") -> None:
        """Set the modification time, by default to now; create an empty file if there is nothing."""
        if self._find(path, writer).node is None:
            self.write(path, b"", writer=writer)
        node = self._get(path, writer)
        node.mtime_ns = self._now_ns() if mtime_ns is None else mtime_ns
        self._tell("touched", self._find(path, writer), writer)


def _is_at_or_above(node: Inode, directory: Directory) -> bool:
    while directory is not node:
        if directory.parent is directory:
            return False
        directory = directory.parent
    return True
