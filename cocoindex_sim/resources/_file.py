"""Files as pipelines see them: read once, decoded, and checked for change without reading (FS-05..07)."""

from __future__ import annotations

import codecs
from abc import ABC, abstractmethod
from datetime import datetime
from typing import Final, Generic, NamedTuple

from ..engine import MemoStateOutcome, fingerprint_bytes, with_quick_check
from ..values import NonExistenceType
from ._path import FilePath, ResolvedPathT

__all__ = ["FileLike", "FileMetadata"]


class FileMetadata(NamedTuple):
    """What a source knows about a file without reading it.

    `size` in bytes; `modified_time` to the microsecond, in whatever zone the source uses throughout;
    `content_fingerprint` where the source has one.
    """

    size: int
    modified_time: datetime
    content_fingerprint: bytes | None = None


class FileLike(ABC, Generic[ResolvedPathT]):
    """A file of some source, identified by its path.

    As a memo argument it is its path, checked by modification time first and by content fingerprint when that differs;
    the size is not consulted (FS-07). Subclasses define `_fetch_metadata` and `_read_impl`.
    """

    __slots__ = ("_cached_content", "_cached_content_fingerprint", "_file_path", "_metadata")

    def __init__(self, file_path: FilePath[ResolvedPathT], *, _metadata: FileMetadata | None = None) -> None:
        self._file_path = file_path
        self._metadata = _metadata
        self._cached_content: bytes | None = None
        self._cached_content_fingerprint: bytes | None = None

    @abstractmethod
    async def _fetch_metadata(self) -> FileMetadata:
        """Ask the source about the file; called at most once."""

    @abstractmethod
    async def _read_impl(self, size: int = -1) -> bytes:
        """Read the first `size` bytes from the source, or all of the file if negative."""

    async def _compute_content_fingerprint(self) -> bytes:
        """The source's own fingerprint, or that of the content."""
        metadata = await self._ensure_metadata()
        if metadata.content_fingerprint is not None:
            return metadata.content_fingerprint
        return fingerprint_bytes(await self.read())

    async def _ensure_metadata(self) -> FileMetadata:
        if self._metadata is None:
            self._metadata = await self._fetch_metadata()
        return self._metadata

    @property
    def file_path(self) -> FilePath[ResolvedPathT]:
        """Where the file is."""
        return self._file_path

    async def size(self) -> int:
        """The size in bytes when the file was found."""
        return (await self._ensure_metadata()).size

    async def content_fingerprint(self) -> bytes:
        """A fingerprint of the content; computed once."""
        if self._cached_content_fingerprint is None:
            self._cached_content_fingerprint = await self._compute_content_fingerprint()
        return self._cached_content_fingerprint

    async def read(self, size: int = -1) -> bytes:
        """The content, or its first `size` bytes.

        The whole content is read once and kept; a part comes from it when it is there. Raises what the source raises:
        `FileNotFoundError`, `PermissionError`, ...
        """
        if self._cached_content is None:
            content = await self._read_impl(size)
            if size < 0:
                self._cached_content = content
            return content
        return self._cached_content if size < 0 else self._cached_content[:size]

    async def read_text(self, encoding: str | None = None, errors: str = "replace") -> str:
        """The content as text.

        Without an encoding a byte order mark decides between UTF-8, UTF-16 and UTF-32, and UTF-8 is the default. The
        mark of UTF-8 is dropped; the others stay as U+FEFF (FS-06). `errors` as for `bytes.decode`.
        """
        content = await self.read()
        return content.decode(encoding or _encoding_of(content), errors)

    def __coco_memo_key__(self) -> object:
        return self._file_path.__coco_memo_key__()

    def _has_modified_time(self, prev_state: tuple[datetime, bytes]) -> bool:
        return self._metadata is not None and self._metadata.modified_time == prev_state[0]

    @with_quick_check(_has_modified_time)
    async def __coco_memo_state__(self, prev_state: tuple[datetime, bytes] | NonExistenceType) -> MemoStateOutcome:
        modified_time = (await self._ensure_metadata()).modified_time
        if isinstance(prev_state, NonExistenceType):
            return MemoStateOutcome((modified_time, await self.content_fingerprint()), False)
        if prev_state[0] == modified_time:
            return MemoStateOutcome(prev_state, True)
        content_fingerprint = await self.content_fingerprint()
        return MemoStateOutcome((modified_time, content_fingerprint), content_fingerprint == prev_state[1])


# UTF-32 first: the mark of UTF-16 little-endian begins that of UTF-32 little-endian.
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_MARKS_BEGIN: Final = frozenset(mark[:1] for mark, _ in _MARKS)


def _encoding_of(content: bytes) -> str:
    if content[:1] not in _MARKS_BEGIN:
        return "utf-8"
    return next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
