"""The real directory that a story happens in, and which of its files are the pipeline's."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Site"]

_STATE = "data.mdb"


class _Mark(NamedTuple):
    """What a file looks like from outside; whoever writes it changes that."""

    inode: int
    mtime_ns: int
    size: int


class Site:
    """A directory. What the story writes is remembered; every other file is the pipeline's, but for its state."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self._own: dict[str, _Mark] = {}

    def write(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Give files this content, creating directories as needed."""
        for path, content in files:
            at = self.directory / path
            at.parent.mkdir(parents=True, exist_ok=True)
            before = _mark(at)
            at.write_bytes(content)
            self._sign(path, before)

    def append(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Add this to the end of files, creating those that are not there."""
        for path, content in files:
            at = self.directory / path
            at.parent.mkdir(parents=True, exist_ok=True)
            before = _mark(at)
            with at.open("ab") as file:
                file.write(content)
            self._sign(path, before)

    def remove(self, paths: Iterable[str]) -> None:
        """Delete files, or directories with everything in them."""
        for path in paths:
            at = self.directory / path
            if at.is_dir() and not at.is_symlink():
                shutil.rmtree(at)
            else:
                at.unlink()

    def move(self, source: str, target: str) -> None:
        """Rename a file or a directory; what is whose goes with it."""
        (self.directory / target).parent.mkdir(parents=True, exist_ok=True)
        os.rename(self.directory / source, self.directory / target)
        for path in [path for path in self._own if path == source or path.startswith(source + "/")]:
            self._own[target + path.removeprefix(source)] = self._own.pop(path)

    def link(self, path: str, target: str) -> None:
        """Make a symbolic link."""
        at = self.directory / path
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(target)

    def touch(self, path: str, like: str | None) -> None:
        """Set the modification time to now, or to that of another file."""
        at = self.directory / path
        is_own = self._is_own(path)
        if like is None:
            os.utime(at)
        else:
            mtime_ns = (self.directory / like).stat().st_mtime_ns
            os.utime(at, ns=(mtime_ns, mtime_ns))
        if is_own:
            self._sign(path)

    def target_files(self) -> dict[str, bytes]:
        """Every file that the pipeline was the last to write, by its path in the directory."""
        found: dict[str, bytes] = {}
        for path in self._files():
            if not self._is_own(path):
                try:
                    found[path] = (self.directory / path).read_bytes()
                except OSError:  # it went meanwhile
                    continue
        return dict(sorted(found.items()))

    def sources(self) -> dict[str, bytes]:
        """Every file that the story was the last to write, by its path in the directory."""
        own = sorted(path for path in self._files() if self._is_own(path))
        return {path: (self.directory / path).read_bytes() for path in own}

    @property
    def signed(self) -> frozenset[str]:
        """The paths of all files that the story ever wrote."""
        return frozenset(self._own)

    def glance(self) -> dict[str, tuple[int, int, int]]:
        """What all files look like, to see whether something moves."""
        return {path: mark for path in self._files() if (mark := _mark(self.directory / path)) is not None}

    def _files(self) -> Iterator[str]:
        for directory, below, names in os.walk(self.directory):
            if _STATE in names:
                below.clear()
                continue
            for name in names:
                at = os.path.join(directory, name)
                if not os.path.islink(at):
                    yield os.path.relpath(at, self.directory).replace(os.sep, "/")

    def _is_own(self, path: str) -> bool:
        return path in self._own and self._own[path] == _mark(self.directory / path)

    def _sign(self, path: str, before: _Mark | None = None) -> None:
        at = self.directory / path
        # Many disks can't tell two changes within some milliseconds apart, and then nobody can.
        while before is not None and before.mtime_ns == at.stat().st_mtime_ns:
            time.sleep(0.001)
            os.utime(at)
        mark = _mark(self.directory / path)
        assert mark is not None
        self._own[path] = mark


def _mark(path: Path) -> _Mark | None:
    try:
        seen = path.lstat()
    except OSError:
        return None
    return _Mark(seen.st_ino, seen.st_mtime_ns, seen.st_size)
