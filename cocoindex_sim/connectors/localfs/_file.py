"""A local file, as pipelines get it."""

from __future__ import annotations

import asyncio
import pathlib
from collections.abc import Callable
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Final, TypeVar

from ...engine import MemoStateOutcome, current_process, fingerprint_bytes, with_quick_check
from ...ports import FileStat
from ...resources.file import FileLike, FileMetadata
from ...values import NonExistenceType
from ._path import FilePath

__all__ = ["DIRECT_READ_BYTES_MAX", "Delivered", "File", "GoneFileError", "offload"]

T = TypeVar("T")

_EPOCH: Final = datetime(1970, 1, 1)

DIRECT_READ_BYTES_MAX: Final = 64 * 1024
"""Reading this much costs the event loop less than handing it to a thread."""


class Delivered:
    """What is remembered of a file that was handed to a pipeline in live mode, to tell news from noise.

    `stat` was taken at `taken_ns`, of the wall clock. `fingerprint`: of the content, once the pipeline has read it all.
    `is_refused`: reading it failed.
    """

    __slots__ = ("fingerprint", "is_refused", "stat", "taken_ns")

    def __init__(self, stat: FileStat, taken_ns: int) -> None:
        self.stat = stat
        self.taken_ns = taken_ns
        self.fingerprint: bytes | None = None
        self.is_refused = False


class GoneFileError(FileNotFoundError):
    """A file that is followed is gone before its turn. No failure: the watch tells of it, and the item goes (FS-24)."""

    __coco_passed_over__ = True


class File(FileLike[pathlib.Path]):
    """A local file. Reading it and asking for its size raise what the operating system raises."""

    __slots__ = ("_below", "_delivered", "_location", "_mtime_says_nothing")

    def __init__(
        self, file_path: FilePath, *, _below: str | None = None, _stat: FileStat | None = None,
        _location: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(file_path, _metadata=None if _stat is None else _metadata_of(_stat))
        # The file's own path, below `file_path`, until somebody wants to have it whole: for most files nobody does.
        self._below = _below
        self._location = _location
        self._delivered: Delivered | None = None
        # A watch saw it change, and its modification time did not: the content decides.
        self._mtime_says_nothing = False

    @property
    def file_path(self) -> FilePath:
        """Where the file is."""
        if self._below is not None:
            self._file_path, self._below = self._file_path / self._below, None
        return self._file_path  # type: ignore[return-value]  # localfs's own kind

    def __coco_memo_key__(self) -> object:
        below, directory = self._below, self._file_path
        if below is None or not isinstance(directory.path, pathlib.PurePosixPath):
            return self.file_path.__coco_memo_key__()
        above = str(directory.path)
        text = below if above == "." else f"{above.removesuffix('/')}/{below}"
        return text if directory.base_dir is None else (directory.base_dir.key, text)

    def _locate(self) -> str:
        if self._location is None:
            self._location = str(self.file_path.resolve())
        return self._location

    async def _fetch_metadata(self) -> FileMetadata:
        return _metadata_of(current_process().ports.file_system.stat(self._locate()))

    async def _read_impl(self, size: int = -1) -> bytes:
        delivered = self._delivered
        if delivered is None:
            return await self._read_from_disk(size)
        try:
            content = await self._read_from_disk(size)
        except (FileNotFoundError, NotADirectoryError) as error:
            delivered.is_refused = True
            raise GoneFileError(error.errno, error.strerror, self._locate()) from None
        except OSError:
            delivered.is_refused = True
            raise
        delivered.is_refused = False
        if size < 0:
            self._cached_content_fingerprint = delivered.fingerprint = fingerprint_bytes(content)
        return content

    async def _read_from_disk(self, size: int) -> bytes:
        file_system, location = current_process().ports.file_system, self._locate()
        expected = size
        if size < 0:
            expected = self._metadata.size if self._metadata else file_system.stat(location).size
        if expected <= DIRECT_READ_BYTES_MAX:
            return file_system.read(location, size)
        return await offload(file_system.read, location, size)

    def _surely_stands(self, prev_state: tuple[datetime, bytes]) -> bool:
        return not self._mtime_says_nothing and self._has_modified_time(prev_state)

    @with_quick_check(_surely_stands)
    async def __coco_memo_state__(self, prev_state: tuple[datetime, bytes] | NonExistenceType) -> MemoStateOutcome:
        if self._mtime_says_nothing and not isinstance(prev_state, NonExistenceType):
            prev_state = (datetime.min, prev_state[1])
        return await super().__coco_memo_state__(prev_state)


def _metadata_of(stat: FileStat) -> FileMetadata:
    return FileMetadata(stat.size, _EPOCH + timedelta(microseconds=stat.mtime_ns // 1000))


async def offload(function: Callable[..., T], *args: object) -> T:
    """Call on a worker thread, in the caller's context; right here when a coroutine is driven without an event loop."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return function(*args)
    return await loop.run_in_executor(None, copy_context().run, function, *args)
