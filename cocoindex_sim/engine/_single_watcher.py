"""One watcher of a feed at a time (FEED-14)."""

from __future__ import annotations

from types import TracebackType

__all__ = ["SingleWatcherGuard"]


class SingleWatcherGuard:
    """Around the body of a feed's `watch()`: a second one at the same time is refused.

    RuntimeError if somebody watches already. Leaving the block by a return, an exception or a cancellation lets the
    next one in. For feeds whose `watch()` runs on one event loop.

    Args: label: what the error calls the feed.
    """

    __slots__ = ("_is_active", "_label")

    def __init__(self, label: str) -> None:
        self._label = label
        self._is_active = False

    def __enter__(self) -> None:
        if self._is_active:
            raise RuntimeError(f"{self._label} supports a single active watch() at a time.")
        self._is_active = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_active = False
