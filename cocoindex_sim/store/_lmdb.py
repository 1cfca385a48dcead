"""State on disk: one LMDB environment and one key space in `db_path/sim/`.

Every commit is synced. A full map is doubled and the commit repeated; LMDB allows that only while nothing reads, so
reads hold a lock for their short time. No read transaction outlives a call.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar
from weakref import WeakValueDictionary

import lmdb

from ..values import StateError, StateFormatError
from ._directory import DATA_FILE, SUBDIRECTORY, check_directory, claim_directory, release_directory
from ._scan import Cursor
from ._space import ByteStore

__all__ = ["LmdbStore", "ReadOnlyStore", "open_readonly"]

T = TypeVar("T")

_log = logging.getLogger(__name__)

_MAP_SIZE_MIN = 1 << 16

# Of this operating system process, whatever runs in it: LMDB's locks break when one process opens a directory twice.
# Weak, so that a store nobody refers to any more does not keep its directory (APP-20).
_opened: WeakValueDictionary[str, _LmdbBytes] = WeakValueDictionary()
# Reentrant: collecting a forgotten store closes it, at any point of opening another.
_opening = threading.RLock()


class _LmdbBytes(ByteStore):
    """What writers and read-only readers share: reading."""

    _env: lmdb.Environment

    def __init__(self, directory: str) -> None:
        super().__init__(directory)
        self._reading = threading.Lock()
        self._closed = False

    def lookup(self, stored_key: bytes) -> bytes | None:
        """The value under a stored key."""
        while True:
            try:
                with self._reading, self._env.begin(buffers=False) as txn:
                    return txn.get(stored_key)
            except lmdb.MapResizedError:
                self._follow()
            except lmdb.Error as error:
                raise self._error(error) from error

    def read(self, visit: Callable[[Cursor], T]) -> T:
        """What `visit` makes of a cursor on the latest commit."""
        while True:
            try:
                with self._reading, self._env.begin(buffers=False) as txn, txn.cursor() as cursor:
                    return visit(cursor)
            except lmdb.MapResizedError:
                self._follow()
            except lmdb.Error as error:
                raise self._error(error) from error

    def _follow(self) -> None:
        # The process that writes made its map larger.
        with self._reading:
            self._env.set_mapsize(0)

    def close(self) -> None:
        """Give the directory back. Idempotent."""
        with self.writing, self._reading:
            if self._closed:
                return
            self._closed = True
            self._env.close()
            self._give_back()

    def _give_back(self) -> None:
        with _opening:
            key = os.path.realpath(self.directory)
            if _opened.get(key) is self:
                del _opened[key]

    def __del__(self) -> None:
        # Absent when opening failed.
        if hasattr(self, "_env"):
            with suppress(Exception):
                self.close()

    def _error(self, error: lmdb.Error) -> StateError:
        if self._closed:
            return StateError(f"the state directory {self.directory!r} is closed; open the environment again")
        return StateError(
            f"the state directory {self.directory!r} can't be used ({type(error).__name__}: {error}); check the disk"
            " it is on, or restore it from a backup"
        )


class LmdbStore(_LmdbBytes):
    """The state directory `directory`, created where it is missing and held until `close`.

    `map_size_bytes`: where the map starts; it grows by itself. Raises: StateError `environment already open in this
    program` when this process has it open, StateLockedError when another process has, StateFormatError for a newer
    format or CocoIndex's own state (both left untouched), StateError for a path that can't be used.
    """

    def __init__(self, directory: str | os.PathLike[str], map_size_bytes: int = 4 << 30) -> None:
        super().__init__(os.path.abspath(directory))
        with _opening:
            key = _admit(self.directory)
            self._lock = claim_directory(self.directory)
            try:
                self._env = _open(self.directory, map_size=max(map_size_bytes, _MAP_SIZE_MIN), readonly=False)
                # A reader that was killed would keep the pages it saw from being used again.
                self._env.reader_check()
            except BaseException:
                release_directory(self.directory, self._lock)
                raise
            _opened[key] = self

    def write(self, batch: dict[bytes, bytes | None], cleared: bytes = b"") -> None:
        """Put and delete in one durable step."""
        if not batch and not cleared:
            return
        puts = [(key, value) for key, value in batch.items() if value is not None]
        deletes = [key for key, value in batch.items() if value is None]
        while True:
            try:
                with self._env.begin(write=True, buffers=False) as txn, txn.cursor() as cursor:
                    if cleared and cursor.set_range(cleared):
                        while cursor.key().startswith(cleared) and cursor.delete():
                            pass
                    for key in deletes:
                        txn.delete(key)
                    cursor.putmulti(puts)
                return
            except lmdb.MapFullError:
                self._grow()
            except lmdb.Error as error:
                raise self._error(error) from error

    def _grow(self) -> None:
        # DUR-07. `writing` is held, so no other transaction of this process can be open.
        try:
            size = self._env.info()["map_size"]
            _log.warning("the state map of %r is full at %d bytes: doubling it", self.directory, size)
            with self._reading:
                self._env.set_mapsize(2 * size)
        except lmdb.Error as error:
            raise self._error(error) from error

    def _give_back(self) -> None:
        super()._give_back()
        release_directory(self.directory, self._lock)


class ReadOnlyStore(_LmdbBytes):
    """The state directory `directory` for reading, whether or not another process holds it.

    It sees each commit of that process. It changes nothing but its place in LMDB's table of readers.
    """

    sole_writer = False

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        super().__init__(os.path.abspath(directory))
        with _opening:
            key = _admit(self.directory)
            if not check_directory(self.directory) or not (Path(self.directory) / SUBDIRECTORY / DATA_FILE).exists():
                raise StateError(f"{self.directory!r} holds no state; name the db_path of an environment that has run")
            self._env = _open(self.directory, map_size=0, readonly=True)
            _opened[key] = self

    def write(self, batch: dict[bytes, bytes | None], cleared: bytes = b"") -> None:
        """Refuse: raises StateError."""
        raise StateError(f"the state directory {self.directory!r} is open for reading only")


def open_readonly(directory: str | os.PathLike[str]) -> ReadOnlyStore:
    """Open a state directory for reading, beside a process that may be writing to it.

    Raises: StateError for a directory without state or that this process has open, StateFormatError for a format
    this version does not read.
    """
    return ReadOnlyStore(directory)


def _admit(directory: str) -> str:
    key = os.path.realpath(directory)
    if key in _opened:
        raise StateError(f"environment already open in this program: {directory!r}; close the other one first")
    return key


def _open(directory: str, *, map_size: int, readonly: bool) -> lmdb.Environment:
    path = Path(directory) / SUBDIRECTORY
    try:
        return lmdb.open(
            os.fspath(path),
            map_size=map_size,
            readonly=readonly,
            create=not readonly,
            # No writer was ever there without LMDB's lock file: this is a copy, and stays as it is.
            lock=not readonly or (path / "lock.mdb").exists(),
            mode=0o600,
            max_spare_txns=1,
        )
    except (lmdb.VersionMismatchError, lmdb.InvalidError, lmdb.CorruptedError) as error:
        raise StateFormatError(
            f"{os.fspath(path / DATA_FILE)!r} is not a state file this version reads ({type(error).__name__}: {error});"
            " it was left untouched: restore it from a backup, or delete the directory and update again"
        ) from error
    except (lmdb.Error, OSError) as error:
        raise StateError(
            f"the state directory {directory!r} can't be opened ({type(error).__name__}: {error}); make it readable"
            " and, for updates, writable, and check the space left on its disk"
        ) from error
