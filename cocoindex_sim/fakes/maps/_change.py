"""What the log of a map holds, and what a scan of it gives."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["MapChange", "MapSnapshot"]


class MapChange(NamedTuple):
    """One entry of the log: a key has this value from here on, or is `deleted`. Offsets count from 0."""

    offset: int
    key: Any
    value: Any = None
    deleted: bool = False

    def __str__(self) -> str:
        what = "deleted" if self.deleted else f"= {self.value!r}"
        return f"{self.key!r} {what} at {self.offset}"


class MapSnapshot(NamedTuple):
    """All entries at one moment. It holds every change below `offset` and none from there on."""

    offset: int
    entries: dict[Any, Any]
