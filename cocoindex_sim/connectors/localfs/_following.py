"""Following a directory: a watch, a scan once it is armed, then what the watch tells, and the same again when need be.

A watch is taken for a hint where to look. What is done depends on what is there, and on what was delivered before, so
changes that come late, twice, in another order, or as one, end the same.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from typing import Final

from sortedcontainers import SortedDict  # type: ignore[import-untyped]  # it has no annotations

from ...engine import LiveMapSubscriber, current_process
from ...ports import FileChange, FileStat, FileWatch
from ._file import Delivered, File
from ._walk import Directory, FoundFile, Walk, identity, root_stat

__all__ = ["Following"]

_log = logging.getLogger("cocoindex_sim")

_RETURN_POLL_S: Final = 1.0
"""How often a directory that went away is looked for."""

_RETRY_FIRST_S: Final = 1.0
_RETRY_MAX_S: Final = 60.0
_SHORT_LIFE_S: Final = 10.0
"""A watch that lived shorter than this makes the next one wait: what killed it may be there still."""

_SETTLED_NS: Final = 2_000_000_000
"""A file not written for this long shows by its status whether it changed; times are coarser on some file systems."""


class Following:
    """One `watch` of a directory's items."""

    def __init__(
        self,
        begin_walk: Callable[[], Walk],
        check_key: Callable[[FoundFile], None],
        recursive: bool,
        rescan_interval: timedelta | None,
        subscriber: LiveMapSubscriber[str, File],
    ) -> None:
        self._begin_walk = begin_walk
        self._check_key = check_key
        self._recursive = recursive
        self._rescan_interval_s = None if rescan_interval is None else rescan_interval.total_seconds()
        self._subscriber = subscriber
        # CocoIndex's subscribers have none of these, so whoever wraps ours may not pass them on.
        self._is_live: bool = getattr(subscriber, "is_live", True)
        self._has_failed: Callable[[str], bool] = getattr(subscriber, "has_failed", lambda key: False)
        self._report: Callable[[Exception], Awaitable[None]] = getattr(subscriber, "report_exception", _log_it)
        self._file_system = current_process().ports.file_system
        self._walk = begin_walk()
        # By key, in order, what the pipeline has of what this run delivered; of earlier runs nothing, until the
        # first scan is complete.
        self._known: SortedDict[str, Delivered] = SortedDict()
        self._everything_is_known = False
        self._fresh: dict[str, Delivered] = {}
        self.is_scanning = False
        self._scan_is_complete = False
        self._failures = 0  # in a row, of arming, scanning and looking
        self._short_lives = 0  # in a row, of watches

    async def run(self) -> None:
        """Go on until cancelled. ValueError if there is no directory at the beginning."""
        root = root_stat(self._file_system, self._walk.location)
        is_ready = False
        while True:
            location = self._walk.location
            watch = await self._arm(location) if self._is_live else None
            try:
                await self._scan(watch is not None)
                if not is_ready:
                    is_ready = True
                    await self._subscriber.mark_ready()
                if self._walk.location == location:  # or a link at the root leads elsewhere by now
                    await self._follow(watch, root)
            finally:
                if watch is not None:
                    await watch.aclose()
            root = await self._root()

    # --- its phases ---

    async def _arm(self, location: str) -> FileWatch | None:
        try:
            return await self._file_system.watch(location, recursive=self._recursive)
        except (FileNotFoundError, NotADirectoryError):
            self._failures += 1  # gone since the last look; the scan says so
            return None
        except OSError as error:
            self._failures += 1
            await self._report(error)
            return None

    async def _scan(self, is_watched: bool) -> None:
        """Have everything read and processed; what is not there any more goes."""
        self._fresh, self._scan_is_complete = {}, False
        self.is_scanning = True
        try:
            await self._subscriber.update_all()  # calls `scan`
        finally:
            self.is_scanning = False
        if self._scan_is_complete:
            self._known = SortedDict(self._fresh)
            self._everything_is_known = True
            if is_watched:
                self._failures = 0
        else:
            self._known.update(self._fresh)  # nothing was removed
            self._failures += 1
        self._fresh = {}

    async def scan(self) -> AsyncIterator[tuple[str, File]]:
        """The items now."""
        walk = self._walk = self._begin_walk()
        async for found in walk.files():
            self._check_key(found)
            file = walk.file(found)
            self._fresh[found.relative] = file._delivered = Delivered(found.stat, found.taken_ns)
            yield found.relative, file
        self._scan_is_complete = True

    async def _follow(self, watch: FileWatch | None, root: FileStat) -> None:
        """Process what the watch tells, until it is time for another one and a scan."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        until_s = math.inf if self._rescan_interval_s is None else began_s + self._rescan_interval_s
        while True:
            if self._failures:
                until_s = min(until_s, loop.time() + _retry_s(self._failures))
            if watch is None:
                await asyncio.sleep(until_s - loop.time())
            if loop.time() >= until_s:
                return
            assert watch is not None
            try:
                async with asyncio.timeout_at(None if until_s == math.inf else until_s) as limit:
                    changes = await watch.next_changes()
            except OSError as error:  # TimeoutError is one
                if limit.expired():
                    return
                self._short_lives = self._short_lives + 1 if loop.time() - began_s < _SHORT_LIFE_S else 0
                await self._report(error)
                if self._short_lives > 1:
                    await asyncio.sleep(_retry_s(self._short_lives - 1))
                return
            if await self._take(changes, root):
                return

    async def _root(self) -> FileStat:
        """The directory; waited for if it is gone, having said so."""
        is_reported = False
        while True:
            self._walk = self._begin_walk()
            try:
                return root_stat(self._file_system, self._walk.location)
            except (ValueError, OSError) as error:
                if not is_reported:
                    is_reported = True
                    await self._report(error)
            await asyncio.sleep(_RETURN_POLL_S)

    # --- what the watch tells ---

    async def _take(self, changes: list[FileChange], root: FileStat) -> bool:
        """Look where something changed. True if that is everywhere."""
        location = self._walk.location
        prefix = location if location.endswith("/") else f"{location}/"
        is_whole: dict[str, bool] = {}  # by relative path: whether what is below may have changed too
        is_everywhere = False
        for change in changes:
            if change.path == location:
                if change.kind == "rescan" or (change.kind == "deleted" and not self._is_root(root)):
                    is_everywhere = True
                elif change.kind == "modified":
                    await self._has_to_be_walked("", location)  # only for what went untold
            elif change.path.startswith(prefix):
                relative = change.path[len(prefix) :]
                is_whole[relative] = is_whole.get(relative, False) or change.kind != "modified"
        await self._look(is_whole)
        return is_everywhere

    def _is_root(self, root: FileStat) -> bool:
        try:
            return identity(root_stat(self._file_system, self._walk.location)) == identity(root)
        except (ValueError, OSError):
            return False

    async def _look(self, is_whole: dict[str, bool]) -> None:
        """Make what the pipeline has equal to what is at these paths."""
        paths = sorted(is_whole)
        done: set[str] = set()  # directories that were looked at with everything below
        for relative, found in zip(paths, await self._walk.find(paths), strict=True):
            if done and not done.isdisjoint(_above(relative)):
                continue
            try:
                if isinstance(found, OSError):
                    raise found
                if isinstance(found, Directory):
                    if is_whole[relative] or await self._has_to_be_walked(relative, found.location):
                        await self._deliver_all(relative, found)
                        done.add(relative)
                    continue
                if found is None:
                    await self._remove([relative, *self._known_below(relative)])
                else:
                    await self._remove(self._known_below(relative))
                    await self._deliver(found)
            except (OSError, ValueError) as error:
                await self._report(error)
                self._failures += 1

    async def _has_to_be_walked(self, relative: str, location: str) -> bool:
        """Whether the permissions of a directory now show, or hide, what is in it.

        If not, what is not in it any more is removed: a poll may never have seen, and so not told, what a scan saw.
        """
        was_readable = relative not in self._walk.unreadable
        try:
            names = {entry.name for entry in self._file_system.scandir(location)}
        except PermissionError:
            return was_readable
        except OSError:
            return False  # gone: that is told as well
        if was_readable:
            below = self._known_below(relative) if relative else list(self._known)
            start = len(relative) + 1 if relative else 0
            await self._remove(key for key in below if key[start:].partition("/")[0] not in names)
        return not was_readable

    async def _deliver_all(self, relative: str, directory: Directory) -> None:
        self._walk.unreadable = {path for path in self._walk.unreadable if not f"{path}/".startswith(f"{relative}/")}
        seen = set()
        async for found in self._walk.files(directory):
            seen.add(found.relative)
            await self._deliver(found)
        await self._remove(key for key in [relative, *self._known_below(relative)] if key not in seen)

    def _known_below(self, relative: str) -> list[str]:
        # "0" comes after "/".
        return list(self._known.irange(f"{relative}/", f"{relative}0", inclusive=(False, False)))

    async def _remove(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self._known.pop(key, None) is not None or not self._everything_is_known:
                await self._subscriber.delete(key)

    async def _deliver(self, found: FoundFile) -> None:
        self._check_key(found)
        key = found.relative
        file = self._walk.file(found)
        file._delivered = Delivered(found.stat, found.taken_ns)
        before = self._known.get(key)
        if before is not None:
            if not await self._is_news(key, before, file._delivered, file):
                return
            file._mtime_says_nothing = before.stat.mtime_ns == found.stat.mtime_ns
        self._known[key] = file._delivered
        await self._subscriber.update(key, file)

    async def _is_news(self, key: str, before: Delivered, now: Delivered, file: File) -> bool:
        """Whether a file is to be processed again; not for another time or other permissions alone (FS-23)."""
        if before.is_refused or self._has_failed(key):
            return True
        if before.stat == now.stat and before.stat.mtime_ns < before.taken_ns - _SETTLED_NS:
            return False
        if before.fingerprint is None or before.stat.size != now.stat.size:
            return True
        try:
            await file.read()
        except FileNotFoundError:
            return False  # that is told as well
        except OSError:
            return True  # let the pipeline meet it
        if now.fingerprint != before.fingerprint:
            return True
        before.stat, before.taken_ns = now.stat, now.taken_ns
        return False


async def _log_it(error: Exception) -> None:
    _log.error("following a directory: %s", error, exc_info=error)


def _retry_s(failures: int) -> float:
    return min(_RETRY_FIRST_S * 2.0 ** (failures - 1), _RETRY_MAX_S)


def _above(relative: str) -> list[str]:
    """The directories a path is in."""
    parts = relative.split("/")
    return ["/".join(parts[:end]) for end in range(1, len(parts))]
