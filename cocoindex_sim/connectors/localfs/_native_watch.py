"""A watch by the operating system's own means: inotify, FSEvents, ReadDirectoryChangesW, through `watchfiles`.

`watchfiles.awatch` begins to watch when it is first asked for changes, on the event loop's thread. Its documented
backend, `RustNotify`, begins when it is made, which can then be on another thread and before a scan.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
import time
from collections import deque
from typing import Final

from watchfiles import Change
from watchfiles._rust_notify import RustNotify

from ...ports import ChangeKind, FileChange

__all__ = ["NativeWatch"]

STEP_MS: Final = 2
"""How often the backend looks for news while nothing happens: most of the latency, and some 0.7% of one core."""

_BUSY_STEP_MS: Final = 1
"""The same within a second of the last news. News are told after a look that finds no more of them."""

_DEBOUNCE_MS: Final = 20
_ROOT_CHECK_S: Final = 1.0

SUSPICIOUS_CHANGES: Final = 4096
"""As many within a second are followed by a rescan: systems drop events when their queue is full (inotify's holds
16,384, and a new file makes three), and the backend keeps to itself that they did."""

_SUSPICION_S: Final = 1.0

_LOOK_AGAIN_AFTER_S: Final = (0.1, 1.0)
"""A new directory is told before it is watched itself; what was put into it in between shows when it is scanned."""

_KINDS: Final[dict[int, ChangeKind]] = {
    Change.added.value: "added",
    Change.modified.value: "modified",
    Change.deleted.value: "deleted",
}


class NativeWatch:
    """`ports.FileWatch` on a thread of its own, which ends with the watch or the program."""

    def __init__(self, notify: RustNotify, path: str, identity: tuple[int, int]) -> None:
        """Use `arm`."""
        self._notify = notify
        self._path = path
        self._identity = identity
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._changes: dict[FileChange, None] = {}
        self._error: Exception | None = None
        self._stop = _Stop()
        self._look_again: list[tuple[float, str]] = []
        self._counts: deque[tuple[float, int]] = deque()
        # Not a daemon: those are torn out of the backend when the interpreter ends, which may abort the process.
        self._thread = threading.Thread(target=self._run, name=f"watch {path}", daemon=False)

    @classmethod
    async def arm(cls, path: str, *, recursive: bool) -> NativeWatch:
        """Begin to watch a directory by its real path. OSError if that can't be."""
        notify, identity = await asyncio.get_running_loop().run_in_executor(None, _open, path, recursive)
        watch = cls(notify, path, identity)
        watch._thread.start()
        return watch

    async def next_changes(self) -> list[FileChange]:
        """Wait for changes. OSError when the watch has died."""
        await self._arrived.wait()
        if self._changes:
            changes, self._changes = list(self._changes), {}
            if self._error is None:
                self._arrived.clear()
            return changes
        raise OSError(f"The watch of {self._path!r} has died: {self._error}; arm another one") from self._error

    async def aclose(self) -> None:
        """End the watch and its thread."""
        self._stop.set()
        if self._thread.is_alive():
            await self._loop.run_in_executor(None, self._thread.join)

    # --- on the thread ---

    def _run(self) -> None:
        try:
            while (changes := self._wait()) is not None:
                if changes:
                    self._loop.call_soon_threadsafe(self._arrive, changes)
        except Exception as error:
            if not self._stop.is_set() and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._die, error)
        finally:
            self._notify.close()

    def _wait(self) -> list[FileChange] | None:
        """What came within a second; None once it is over."""
        now = time.monotonic()
        due = min((at for at, _ in self._look_again), default=now + _ROOT_CHECK_S)
        wait_s = min(max(due - now, 0.001), _ROOT_CHECK_S)
        step_ms = _BUSY_STEP_MS if self._counts and self._counts[-1][0] > now - _SUSPICION_S else STEP_MS
        found = self._notify.watch(_DEBOUNCE_MS, step_ms, round(wait_s * 1000) or 1, self._stop)
        if found == "stop" or self._stop.is_set():
            return None
        changes = [] if isinstance(found, str) else [FileChange(_KINDS[kind], path) for kind, path in found]
        self._suspect(len(changes))
        changes += self._second_looks(changes)
        if self._root_is_gone():
            self._stop.set()
            changes.append(FileChange("deleted", self._path))
            self._loop.call_soon_threadsafe(self._arrive, changes)
            return None
        # A directory that was moved away goes on telling by its old name; whoever asks finds nothing there.
        return changes

    def _suspect(self, count: int) -> None:
        if not count:
            return
        now = time.monotonic()
        self._counts.append((now, count))
        while self._counts[0][0] < now - _SUSPICION_S:
            self._counts.popleft()
        if sum(count for _, count in self._counts) >= SUSPICIOUS_CHANGES:
            self._counts.clear()
            self._look_again.append((now + _SUSPICION_S, self._path))

    def _second_looks(self, changes: list[FileChange]) -> list[FileChange]:
        now = time.monotonic()
        due = [FileChange("rescan", path) for at, path in self._look_again if at <= now]
        self._look_again = [item for item in self._look_again if item[0] > now]
        for change in changes:
            if change.kind == "added" and os.path.isdir(change.path):
                self._look_again += [(now + delay_s, change.path) for delay_s in _LOOK_AGAIN_AFTER_S]
        return due

    def _root_is_gone(self) -> bool:
        # Neither a root whose parent was moved nor one on a file system that was unmounted is told by every system.
        try:
            return _identity(self._path) != self._identity
        except OSError:
            return True

    # --- back on the loop ---

    def _arrive(self, changes: list[FileChange]) -> None:
        # Told twice before anybody asked is told once, so what waits is bounded by the number of paths.
        self._changes.update(dict.fromkeys(changes))
        self._arrived.set()

    def _die(self, error: Exception) -> None:
        self._error = error
        self._arrived.set()


class _Stop:
    """The event that ends the backend's wait: set, or the program is ending."""

    def __init__(self) -> None:
        self._set = False

    def set(self) -> None:
        self._set = True

    def is_set(self) -> bool:
        return self._set or not threading.main_thread().is_alive()


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
    return found.st_dev, found.st_ino


def _open(path: str, recursive: bool) -> tuple[RustNotify, tuple[int, int]]:
    identity = _identity(path)
    try:
        notify = RustNotify([path], False, False, 0, recursive, True)  # unreadable subdirectories are left out
    except OSError:
        raise
    except Exception as error:
        raise OSError(f"{path!r} can't be watched: {error}") from error
    return notify, identity
