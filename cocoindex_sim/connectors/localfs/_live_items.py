"""The files of a directory as a view: they can be listed, and followed (FS-19..30)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

from ...connectorkits import SingleWatcherGuard
from ...engine import LiveMapSubscriber
from ._file import File
from ._following import Following
from ._walk import FoundFile, Walk

__all__ = ["LiveItems"]


class LiveItems:
    """A `LiveMapView` of pairs of relative POSIX path and file.

    `walk` begins a look at the directory; `check_key` raises ValueError for a name that can't be a key.
    """

    def __init__(
        self,
        walk: Callable[[], Walk],
        check_key: Callable[[FoundFile], None],
        recursive: bool,
        rescan_interval: timedelta | None,
    ) -> None:
        self._walk = walk
        self._check_key = check_key
        self._recursive = recursive
        self._rescan_interval = rescan_interval
        self._guard = SingleWatcherGuard("walk_dir(live=True).items()")
        self._following: Following | None = None

    async def __aiter__(self) -> AsyncIterator[tuple[str, File]]:
        if self._following is not None and self._following.is_scanning:
            async for item in self._following.scan():
                yield item
            return
        walk = self._walk()
        async for found in walk.files():
            self._check_key(found)
            yield found.relative, walk.file(found)

    async def watch(self, subscriber: LiveMapSubscriber[str, File]) -> None:
        """Scan, say that this is done, and go on with what changes; in a live update, for ever.

        ValueError if there is no such directory at the beginning. Later that is reported to the exception handlers,
        once, and the directory is waited for. What else goes wrong is reported and tried again.
        """
        with self._guard:
            self._following = Following(self._walk, self._check_key, self._recursive, self._rescan_interval, subscriber)
            try:
                await self._following.run()
            finally:
                self._following = None
