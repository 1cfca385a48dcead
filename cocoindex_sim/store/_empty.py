"""What a directory without state reads as."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

from ..values import StateError
from ._directory import DATA_FILE, SUBDIRECTORY, check_directory
from ._lmdb import open_readonly
from ._scan import Cursor
from ._space import ByteStore

__all__ = ["EmptyStore", "open_for_reading"]

T = TypeVar("T")


class EmptyStore(ByteStore):
    """A `StateStore` without apps, for a directory that need not exist; nothing can be written."""

    def lookup(self, stored_key: bytes) -> bytes | None:
        """None."""
        return None

    def read(self, visit: Callable[[Cursor], T]) -> T:
        """What `visit` makes of a cursor that finds nothing."""
        return visit(_NowhereCursor())

    def write(self, batch: dict[bytes, bytes | None], cleared: bytes = b"") -> None:
        """Refuse: raises StateError."""
        raise StateError(f"the state directory {self.directory!r} is open for reading only")

    def close(self) -> None:
        """Nothing is held."""


class _NowhereCursor:
    def set_range(self, key: bytes, /) -> bool:
        return False

    def next(self) -> bool:
        return False

    def key(self) -> bytes:
        return b""

    def value(self) -> bytes:
        return b""


def open_for_reading(directory: str | os.PathLike[str]) -> ByteStore:
    """Open a state directory as `open_readonly` does; one without state, or that does not exist, has no apps.

    Creates nothing. Raises: StateError for a path that is not a directory or that this process has open,
    StateFormatError for a format this version does not read.
    """
    path = os.path.abspath(directory)
    # Both are missing for a moment while the first writer ever sets its directory up.
    if not check_directory(path) or not os.path.exists(os.path.join(path, SUBDIRECTORY, DATA_FILE)):
        return EmptyStore(path)
    return open_readonly(path)
