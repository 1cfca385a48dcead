"""From a path to what is there: names, dots, links, permissions, as POSIX resolves them."""

from __future__ import annotations

import errno
import os
from typing import Final, NamedTuple

from ._inodes import Directory, File, Link, Node

__all__ = ["EXECUTE", "READ", "WRITE", "Found", "lookup", "os_error", "permit", "real_path"]

READ, WRITE, EXECUTE = 4, 2, 1
_OWNER_EXECUTES: Final = EXECUTE << 6
_LINKS_MAX: Final = 40
_NAME_BYTES_MAX: Final = 255


def os_error(number: int, path: str, other: str | None = None) -> OSError:
    """The `OSError` subclass for an errno, with the operating system's words and the file names."""
    return OSError(number, os.strerror(number), path, None, other)


class Found(NamedTuple):
    """Where a path leads: a name in a directory, and what is there, if anything.

    `name` is empty when the path ends in `.` or `..` or is the root: then there is no name to make or remove."""

    parent: Directory
    name: str
    node: Node | None


def permit(node: Node, bits: int, path: str, *, privileged: bool) -> None:
    """Raise PermissionError unless the owner of the node may do this."""
    if not privileged and not node.mode >> 6 & bits == bits:
        raise os_error(errno.EACCES, path)


def lookup(
    start: Directory, root: Directory, path: str, *, follow: bool, privileged: bool, create: bool = False
) -> Found:
    """Resolve a path.

    `start` is where relative paths begin; `follow`: a link at the end is followed (one before a slash always is);
    `create`: a file will be made there, so it must not end in a slash. Raises the OSErrors of path resolution:
    ENOENT for a missing directory on the way (not for a missing end), ENOTDIR, EACCES, ELOOP, ENAMETOOLONG.
    """
    if "\0" in path:
        raise ValueError("embedded null byte")
    if not path:
        raise os_error(errno.ENOENT, path)
    at: Node = root if path.startswith("/") else start
    parent, name = (at if isinstance(at, Directory) else root), ""
    must_be_directory = path.endswith("/")
    parts = [part for part in reversed(path.split("/")) if part]
    links = 0
    while parts:
        part = parts.pop()
        if type(at) is not Directory:
            raise os_error(errno.ENOTDIR, path)
        if not privileged and not at.mode & _OWNER_EXECUTES:
            raise os_error(errno.EACCES, path)
        child = at.entries.get(part)
        if type(child) is Directory and (parts or not create):  # nearly every step of nearly every path
            parent, name, at = at, part, child
            continue
        if part in (".", ".."):
            at = at if part == "." else at.parent
            parent, name = at, ""
            continue
        if len(part) * 4 > _NAME_BYTES_MAX and len(os.fsencode(part)) > _NAME_BYTES_MAX:
            raise os_error(errno.ENAMETOOLONG, path)
        if create and must_be_directory and not parts:
            raise os_error(errno.EISDIR, path)
        if child is None:
            if parts:
                raise os_error(errno.ENOENT, path)
            return Found(at, part, None)
        if isinstance(child, Link) and (parts or follow or must_be_directory):
            links += 1
            if links > _LINKS_MAX:
                raise os_error(errno.ELOOP, path)
            must_be_directory = must_be_directory or (not parts and child.target.endswith("/"))
            parts += [part for part in reversed(child.target.split("/")) if part]
            if child.target.startswith("/"):
                at, parent, name = root, root, ""
            continue
        parent, name, at = at, part, child
    if must_be_directory and isinstance(at, File):
        raise os_error(errno.ENOTDIR, path)
    return Found(parent, name, at)


def real_path(cwd: str, start: Directory, root: Directory, path: str, *, privileged: bool) -> str:
    """The absolute path with every link resolved, as `os.path.realpath` does it.

    That is by text: `..` takes off the last name, whatever is there, and names that can't be looked at stay.
    """
    if "\0" in path:
        raise ValueError("embedded null byte")
    resolved = "/" if path.startswith("/") else cwd
    # A link that is being followed leaves its own path in the work list as a mark, below its target's parts.
    work: list[tuple[str, bool]] = [(part, False) for part in reversed(path.split("/")) if part not in ("", ".")]
    done: dict[str, str | None] = {}
    while work:
        part, is_mark = work.pop()
        if is_mark:
            done[part] = resolved
            continue
        if part == "..":
            resolved = os.path.dirname(resolved)
            continue
        here = os.path.join(resolved, part)
        try:
            node = lookup(start, root, here, follow=False, privileged=privileged).node
        except OSError:
            node = None
        if not isinstance(node, Link):
            resolved = here
            continue
        if here in done:
            before = done[here]
            if before is not None:
                resolved = before
                continue
            # A loop: the rest is appended as it stands.
            rest = [part for part, is_mark in reversed(work) if not is_mark]
            return os.path.normpath(os.path.join(here, *rest))
        done[here] = None
        work.append((here, True))
        work += [(part, False) for part in reversed(node.target.split("/")) if part not in ("", ".")]
        if node.target.startswith("/"):
            resolved = "/"
    return resolved
