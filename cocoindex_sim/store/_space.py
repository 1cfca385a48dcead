"""The records of one app, and the catalogue of apps, over any ordered store of bytes."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TypeVar
from weakref import WeakValueDictionary

import msgspec

from ..ports import Record, RecordKey, RecordKind, Write
from ..values import StablePath, StateError
from ._layout import (
    CALL_MARK,
    CALL_SIZE,
    DECODERS,
    HEAD_SIZE,
    LAST_NUMBER,
    NAMES,
    KindPrefixes,
    encode_record,
    full_key,
    kind_prefixes,
    long_key,
    long_value,
    record_key,
    space_prefix,
    split_long_value,
)
from ._scan import Cursor, Entry, holds, nearest_keys, scan_all, scan_keys, scan_nearest

__all__ = ["ByteStore", "Space"]

T = TypeVar("T")


class ByteStore(ABC):
    """A `StateStore` over four calls on bytes: `lookup`, `read`, `write` and `close`.

    Spaces hold their store, never the other way round, so that a forgotten store is collected at once (APP-20).
    """

    directory: str
    """Where the state is, for errors."""

    sole_writer = True
    """Whether apps come and go through this object only, so that what was looked up stays true."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.writing = threading.RLock()
        self._spaces: WeakValueDictionary[str, Space] = WeakValueDictionary()

    @abstractmethod
    def lookup(self, stored_key: bytes) -> bytes | None:
        """The value under a stored key."""

    @abstractmethod
    def read(self, visit: Callable[[Cursor], T]) -> T:
        """What `visit` makes of a cursor on the latest commit; the cursor ends with the call."""

    @abstractmethod
    def write(self, batch: dict[bytes, bytes | None], cleared: bytes = b"") -> None:
        """Put and delete (None) in one durable step; also delete every key that begins with `cleared`, if given.

        Called with `writing` held.
        """

    @abstractmethod
    def close(self) -> None:
        """Give the directory back. Idempotent."""

    def space(self, app: str) -> Space:
        """The records of an app, empty if it never ran."""
        with self.writing:
            space = self._spaces.get(app)
            if space is None:
                space = self._spaces[app] = Space(self, app)
            return space

    def spaces(self) -> list[str]:
        """The names of the apps that have records, sorted."""

        def visit(cursor: Cursor) -> list[str]:
            found = scan_all(cursor, NAMES, NAMES, 1 << 62)
            return [
                full[len(NAMES) :].decode()
                for full, prefix in found
                if cursor.set_range(prefix) and cursor.key().startswith(prefix)
            ]

        return self.read(visit)

    def drop_space(self, app: str) -> None:
        """Forget everything about an app. Blocking."""
        with self.writing:
            name = NAMES + app.encode()
            prefix = self.find(name)
            if prefix is not None:
                self.write({name if len(name) < HEAD_SIZE else long_key(name): None}, prefix)
            space = self._spaces.get(app)
            if space is not None:
                space.forget()

    def find(self, full: bytes) -> bytes | None:
        """The value under a full key."""
        if len(full) < HEAD_SIZE:
            return self.lookup(full)
        stored = self.lookup(long_key(full))
        return None if stored is None else split_long_value(stored)[1]


class Space:
    """A `StateSpace`: the records of one app in a store."""

    __slots__ = ("__weakref__", "_name", "_prefixes", "_store")

    def __init__(self, store: ByteStore, app: str) -> None:
        self._store = store
        self._name = NAMES + app.encode()
        self._prefixes: KindPrefixes | None = None

    def _find(self) -> KindPrefixes | None:
        prefix = self._store.find(self._name)
        if prefix is None:
            return None
        prefixes = kind_prefixes(prefix)
        if self._store.sole_writer:
            self._prefixes = prefixes
        return prefixes

    def forget(self) -> None:
        """Look the app up again: its space was dropped."""
        self._prefixes = None

    def _decode(self, kind: RecordKind, prefix_size: int, full: bytes, value: bytes) -> Record:
        try:
            return DECODERS[kind](value)
        except msgspec.DecodeError as error:
            raise StateError(
                f"the {kind} record at {record_key(kind, prefix_size, full).path} in {self._store.directory!r} can't be"
                f" read ({error}); restore the directory from a backup, or delete it and update again"
            ) from error

    def _decode_all(self, kind: RecordKind, prefix_size: int, found: list[Entry]) -> list[tuple[RecordKey, Record]]:
        return [
            (record_key(kind, prefix_size, full), self._decode(kind, prefix_size, full, value)) for full, value in found
        ]

    def get(self, key: RecordKey) -> Record | None:
        """The record, or None."""
        prefixes = self._prefixes or self._find()
        if prefixes is None:
            return None
        kind = key.kind
        full = full_key(prefixes, key) if kind == "memo" else prefixes[kind] + key.path.encoded
        value = self._store.lookup(full) if len(full) < HEAD_SIZE else self._store.find(full)
        if value is None:
            return None
        return self._decode(kind, len(prefixes[kind]), full, value)

    def scan(
        self, kind: RecordKind, below: StablePath, *, after: RecordKey | None = None, limit: int = 1000
    ) -> list[tuple[RecordKey, Record]]:
        """Up to `limit` records at or below a path, in key order, beginning after a key."""
        prefixes = self._prefixes or self._find()
        if prefixes is None:
            return []
        low = prefixes[kind] + below.encoded
        start = low if after is None else full_key(prefixes, after) + b"\x00"
        found = self._store.read(lambda cursor: scan_all(cursor, low, start, limit))
        return self._decode_all(kind, len(prefixes[kind]), found)

    def scan_calls(self, path: StablePath) -> list[bytes]:
        """The call fingerprints of the memo records at exactly this path, in order."""
        prefixes = self._prefixes or self._find()
        if prefixes is None:
            return []
        low = prefixes["memo"] + path.encoded + CALL_MARK
        return [full[-CALL_SIZE:] for full in self._store.read(lambda cursor: scan_keys(cursor, low))]

    def scan_nearest(
        self, kind: RecordKind, below: StablePath, *, after: RecordKey | None = None, limit: int = 1000
    ) -> list[tuple[RecordKey, Record]]:
        """As `scan`, but only records strictly below, and none that has another found record above it."""
        prefixes = self._prefixes or self._find()
        if prefixes is None:
            return []
        prefix = prefixes[kind]
        low = prefix + below.encoded
        start = low + b"\x02"  # what is strictly below: no path part begins with less
        after_key = None if after is None else full_key(prefixes, after)
        calls = kind == "memo"

        def visit(cursor: Cursor) -> list[Entry]:
            if after is None or after_key is None:
                return scan_nearest(cursor, low, start, limit, calls=calls)
            path_keys = (prefix + path.encoded for path in _paths_to(after.path, below))
            above = next((key for key in path_keys if holds(cursor, key, calls=calls)), None)
            return scan_nearest(cursor, low, max(start, after_key + b"\x00"), limit, calls=calls, above=above)

        return self._decode_all(kind, len(prefix), self._store.read(visit))

    def nearest_paths(
        self, kind: RecordKind, below: StablePath, *, after: StablePath | None = None, limit: int = 10_000
    ) -> list[bytes]:
        """The encoded paths of what `scan_nearest` finds, without reading the records. Not for memos."""
        prefixes = self._prefixes or self._find()
        if prefixes is None:
            return []
        prefix = prefixes[kind]
        low = prefix + below.encoded
        above = low if after is None else prefix + after.encoded
        return [
            full[len(prefix) :] for full in self._store.read(lambda cursor: nearest_keys(cursor, low, above, limit))
        ]

    def commit(self, writes: list[Write]) -> None:
        """Apply all writes in one durable step, the last one for a key winning. Blocking; runs in an executor."""
        store = self._store
        batch: dict[bytes, bytes | None] = {}
        with store.writing:
            prefixes = self._prefixes or self._find()
            if prefixes is None and writes:
                prefixes = self._create(batch)
            for key, record in writes:
                assert prefixes is not None
                kind = key.kind
                stored_key = full_key(prefixes, key) if kind == "memo" else prefixes[kind] + key.path.encoded
                value = None if record is None else encode_record(record)
                if len(stored_key) >= HEAD_SIZE:
                    value = None if value is None else long_value(stored_key, value)
                    stored_key = long_key(stored_key)
                batch[stored_key] = value
            store.write(batch)
            self._prefixes = prefixes

    def _create(self, batch: dict[bytes, bytes | None]) -> KindPrefixes:
        last = self._store.lookup(LAST_NUMBER)
        number = 1 + (int.from_bytes(last, "big") if last else 0)
        prefix = space_prefix(number)
        name = self._name
        batch[LAST_NUMBER] = number.to_bytes(8, "big")
        if len(name) < HEAD_SIZE:
            batch[name] = prefix
        else:
            batch[long_key(name)] = long_value(name, prefix)
        return kind_prefixes(prefix)


def _paths_to(path: StablePath, below: StablePath) -> Iterator[StablePath]:
    """The paths from right under `below` down to `path` itself."""
    if not path.is_at_or_below(below):
        return
    for above in path.ancestors():
        if len(above.encoded) > len(below.encoded):
            yield above
    if path != below:
        yield path
