"""What a running pipeline reads of files, what becomes of these meanwhile, and what it writes."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from watchfiles._rust_notify import RustNotify

from ..ports import DirectoryEntry, FileStat, FileSystem, FileWatch

__all__ = ["FileSeen", "FileWitness"]

_log = logging.getLogger("cocoindex_sim")

_DEBOUNCE_MS: Final = 20
_STEP_MS: Final = 5
_WAIT_MS: Final = 200


class FileSeen(NamedTuple):
    """A file was seen with this content `at_s` seconds after the beginning; gone, if None."""

    at_s: float
    path: str
    content: bytes | None


class FileWitness:
    """`ports.FileSystem`, of another one, that keeps in mind what it is used for.

    The files of every directory that the pipeline lists, and those that it reads by name, are watched from then on, by
    watches of its own; what the pipeline itself writes is not. Paths are absolute.
    """

    def __init__(self, files: FileSystem, now_s: Callable[[], float] = time.monotonic) -> None:
        self._files = files
        self._now_s = now_s
        self._began_s = now_s()
        self._began_ns = time.time_ns()
        self._lock = threading.RLock()
        self._given: dict[str, bytes] = {}
        self._state: dict[str, bytes] = {}
        self._seen: list[FileSeen] = []
        self._there: set[str] = set()
        """The directories that were there when watching began: what is in one that comes later comes with it."""
        self._listed: set[str] = set()
        self._read: set[str] = set()
        self._written: set[str] = set()
        self._ignored: list[str] = []
        self._roots: dict[str, bool] = {}
        self._threads: list[threading.Thread] = []
        self._stop = threading.Event()

    # -- what was seen ---------------------------------------------------------------------------------------------

    def ignore(self, directory: str) -> None:
        """See nothing in a directory: the state of the engine is none of a story."""
        self._ignored.append(os.path.abspath(directory))

    def given(self) -> dict[str, bytes]:
        """The files that were there at the beginning, of those that mattered."""
        return {path: content for path, content in sorted(self._given.items()) if self._matters(path)}

    def changes(self) -> list[FileSeen]:
        """What became of them, and of others that would have mattered, in order."""
        return [seen for seen in self._seen if self._matters(seen.path)]

    def targets(self) -> dict[str, bytes]:
        """The files that the pipeline has written and that are there."""
        found = {}
        for path in sorted(self._written):
            with suppress(OSError):
                found[path] = self._files.read(path)
        return found

    def stop(self) -> None:
        """Look once more at everything, then no more."""
        with self._lock:
            for path in [*self._state, *(path for each in sorted(self._listed) for path in _files_in(each))]:
                self._look(path)
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _matters(self, path: str) -> bool:
        return path not in self._written and (os.path.dirname(path) in self._listed or path in self._read)

    def _watch_directory(self, path: str, *, recursive: bool) -> None:
        for root, below in self._roots.items():
            if path == root or (below and path.startswith(root + os.sep)):
                return
        self._roots[path] = recursive
        notify = None
        try:  # armed now, before anybody looks at what is there
            notify = RustNotify([path], False, False, 0, recursive, True)
        except Exception as error:
            _log.warning("%r can't be watched (%s): of its changes, only the last is recorded", path, error)
        self._there |= {path, *(_directories_in(path) if recursive else ())}
        if notify is None:
            return
        thread = threading.Thread(target=self._follow, args=(notify,), name=f"witness {path}", daemon=False)
        self._threads.append(thread)
        thread.start()

    def _follow(self, notify: Any) -> None:
        try:
            while not self._stop.is_set():
                found = notify.watch(_DEBOUNCE_MS, _STEP_MS, _WAIT_MS, self._stop)
                if isinstance(found, set):
                    with self._lock:
                        for _, path in sorted(found, key=lambda change: change[1]):
                            self._look(path)
        finally:
            notify.close()

    def _look(self, path: str, *, at_first: bool = False) -> None:
        """See what is at a path now; `at_first`: it may have been there from the beginning."""
        if self._stop.is_set() or path in self._written or self._is_ignored(path):
            return
        if os.path.isdir(path):
            for each in _files_in(path, recursive=True):
                self._look(each)
            return
        content = _content(path)
        if content is not None:
            self._keep(path, content, at_first)
            return
        for known in [each for each in self._state if each == path or each.startswith(path + os.sep)]:
            del self._state[known]
            self._seen.append(FileSeen(self._now_s() - self._began_s, known, None))

    def _keep(self, path: str, content: bytes, at_first: bool) -> None:
        if self._state.get(path) == content:
            return
        may_be_given = at_first and path not in self._state and os.path.dirname(path) in self._there
        self._state[path] = content
        if may_be_given and os.stat(path).st_ctime_ns < self._began_ns:
            self._given[path] = content
        else:
            self._seen.append(FileSeen(self._now_s() - self._began_s, path, content))

    def _is_ignored(self, path: str) -> bool:
        if os.path.basename(path).startswith(".coco-"):  # on its way to be a file that the pipeline writes
            return True
        return any(path == each or path.startswith(each + os.sep) for each in self._ignored)

    def _list(self, path: str) -> None:
        path = os.path.abspath(path)
        with self._lock:
            if path in self._listed or self._stop.is_set() or not os.path.isdir(path):
                return
            self._listed.add(path)
            self._watch_directory(path, recursive=True)
            for each in _files_in(path):
                self._look(each, at_first=True)

    # -- the port --------------------------------------------------------------------------------------------------

    def getcwd(self) -> str:
        """As the port."""
        return self._files.getcwd()

    def stat(self, path: str, *, follow_symlinks: bool = True) -> FileStat:
        """As the port."""
        return self._files.stat(path, follow_symlinks=follow_symlinks)

    def scandir(self, path: str) -> list[DirectoryEntry]:
        """As the port."""
        self._list(path)
        return self._files.scandir(path)

    def realpath(self, path: str) -> str:
        """As the port."""
        return self._files.realpath(path)

    def read(self, path: str, size: int = -1) -> bytes:
        """As the port."""
        full = os.path.abspath(path)
        with self._lock:
            known = full in self._written or full in self._read or os.path.dirname(full) in self._listed
            if not known and os.path.isfile(full) and not self._stop.is_set():
                self._read.add(full)
                self._watch_directory(os.path.dirname(full), recursive=False)
                self._look(full, at_first=True)
        return self._files.read(path, size)

    def replace_content(self, path: str, data: bytes) -> None:
        """As the port."""
        self._write(path)
        self._files.replace_content(path, data)

    def mkdir(self, path: str, *, parents: bool = False) -> None:
        """As the port."""
        self._files.mkdir(path, parents=parents)

    def unlink(self, path: str) -> None:
        """As the port."""
        self._write(path)
        self._files.unlink(path)

    def rmdir(self, path: str) -> None:
        """As the port."""
        self._files.rmdir(path)

    async def watch(self, path: str, *, recursive: bool) -> FileWatch:
        """As the port."""
        return await self._files.watch(path, recursive=recursive)

    def _write(self, path: str) -> None:
        with self._lock:
            self._written.add(os.path.abspath(path))


def _files_in(directory: str, *, recursive: bool = False) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError:
        return
    for entry in entries:
        if entry.is_file():
            yield entry.path
        elif recursive and entry.is_dir(follow_symlinks=False):
            yield from _files_in(entry.path, recursive=True)


def _directories_in(directory: str) -> Iterator[str]:
    for parent, names, _ in os.walk(directory):
        yield from (os.path.join(parent, name) for name in names)


def _content(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
