"""Walking the stored keys in the order of the full keys, long ones included."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, TypeAlias

from ._layout import CALL_MARK, CALL_SIZE, HEAD_SIZE, split_long_value

__all__ = ["Cursor", "Entry", "holds", "nearest_keys", "scan_all", "scan_keys", "scan_nearest"]

Entry: TypeAlias = tuple[bytes, bytes]
"""A full key and the bytes of its record."""


class Cursor(Protocol):
    """A place in the stored keys, within one read. The names are LMDB's."""

    def set_range(self, key: bytes, /) -> bool:
        """Go to the first stored key that is not below `key`; False when there is none."""
        ...

    def next(self) -> bool:
        """Go to the next stored key; False when there is none."""
        ...

    def key(self) -> bytes:
        """The stored key here."""
        ...

    def value(self) -> bytes:
        """The stored value here."""
        ...


def _entries(cursor: Cursor, start: bytes) -> Iterator[Entry]:
    found = cursor.set_range(start[:HEAD_SIZE])
    while found:
        stored = cursor.key()
        if len(stored) < HEAD_SIZE:
            yield stored, cursor.value()
            found = cursor.next()
            continue
        # A page of a scan reads and sorts a whole cluster: dear only where thousands of keys share their first
        # HEAD_SIZE bytes.
        head = stored[:HEAD_SIZE]
        cluster = []
        while found and cursor.key().startswith(head):
            tail, value = split_long_value(cursor.value())
            cluster.append((head + tail, value))
            found = cursor.next()
        cluster.sort()
        for entry in cluster:
            if entry[0] >= start:
                yield entry


def scan_all(cursor: Cursor, low: bytes, start: bytes, limit: int) -> list[Entry]:
    """Up to `limit` entries that begin with `low`, from `start` on."""
    found: list[Entry] = []
    if limit <= 0:
        return found
    for entry in _entries(cursor, max(low, start)):
        if not entry[0].startswith(low):
            break
        found.append(entry)
        if len(found) >= limit:
            break
    return found


def scan_nearest(
    cursor: Cursor, low: bytes, start: bytes, limit: int, *, calls: bool, above: bytes | None = None
) -> list[Entry]:
    """As `scan_all`, without the entries whose path is below that of another found one.

    `calls`: whether the keys end in a fingerprint. `above`: the path key of an entry found before `start`, which
    is not below `low`.
    """
    found: list[Entry] = []
    if limit <= 0:
        return found
    path_end = -CALL_SIZE - 1 if calls else None
    while True:
        for entry in _entries(cursor, start):
            full = entry[0]
            if not full.startswith(low):
                return found
            if above is not None and full.startswith(above) and not full.startswith(CALL_MARK, len(above)):
                if len(above) >= HEAD_SIZE:
                    continue  # what is below shares its head: the rest of this cluster, already read
                start = above + b"\xff"  # no path part begins with it
                break
            found.append(entry)
            if len(found) >= limit:
                return found
            above = full[:path_end]
        else:
            return found


def nearest_keys(cursor: Cursor, low: bytes, above: bytes, limit: int) -> list[bytes]:
    """The full keys below `low` of what `scan_nearest` finds, after the entry at `above`, or from `low` itself on."""
    start = above + (b"\x02" if above == low else b"\xff")  # no path part begins with less, or with that
    if len(above) >= HEAD_SIZE or len(start) >= HEAD_SIZE:
        return _nearest_long_keys(cursor, low, above, limit)
    found: list[bytes] = []
    key, go_on = cursor.key, cursor.next
    there = cursor.set_range(start)
    while there and len(found) < limit:
        stored = key()
        if not stored.startswith(low):
            break
        if found and stored.startswith(above):
            there = cursor.set_range(above + b"\xff")
            continue
        if len(stored) >= HEAD_SIZE:
            return found or _nearest_long_keys(cursor, low, above, limit)
        found.append(stored)
        above = stored
        there = go_on()
    return found


def _nearest_long_keys(cursor: Cursor, low: bytes, above: bytes, limit: int) -> list[bytes]:
    """As `nearest_keys`, where some keys are not stored as they are."""
    after = None if above == low else above
    start = low + b"\x02" if after is None else after + b"\x00"
    return [full for full, _ in scan_nearest(cursor, low, start, limit, calls=False, above=after)]


def holds(cursor: Cursor, path_key: bytes, *, calls: bool) -> bool:
    """Whether there is an entry at exactly this path."""
    for full, _ in _entries(cursor, path_key + CALL_MARK if calls else path_key):
        return full[:-CALL_SIZE] == path_key + CALL_MARK if calls else full == path_key
    return False


def scan_keys(cursor: Cursor, low: bytes) -> list[bytes]:
    """Every full key that begins with `low`."""
    found = []
    for full, _ in _entries(cursor, low):
        if not full.startswith(low):
            break
        found.append(full)
    return found
