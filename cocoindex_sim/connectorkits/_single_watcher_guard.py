"""At most one at a time may watch a source that hands each change to one consumer only."""

from __future__ import annotations

from types import TracebackType

__all__ = ["SingleWatcherGuard"]


class SingleWatcherGuard:
    """A context manager for the body of a feed's `watch()`; keep one per feed object.

    Entering it again before it was left, in whatever way: RuntimeError with the `label` (FEED-14).
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._is_entered = False

    def __enter__(self) -> None:
        if self._is_entered:
            raise RuntimeError(f"{self._label} supports a single active watch() at a time.")
        self._is_entered = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self._is_entered = False
