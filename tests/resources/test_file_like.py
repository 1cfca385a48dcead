# Goal: a file is read once, decoded by its mark, and compared by time before content.

import asyncio
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

import pytest

from cocoindex_sim import NON_EXISTENCE, MemoStateOutcome
from cocoindex_sim.connectorkits.fingerprint import fingerprint_bytes, fingerprint_object
from cocoindex_sim.resources.file import FileLike, FileMetadata, FilePath

NOON, LATER = datetime(2024, 1, 1, 12), datetime(2024, 1, 1, 12, 0, 0, 1)


class Source:
    """What a file is read from, and how often it was."""

    def __init__(self, content: bytes, modified_time: datetime = NOON, fingerprint: bytes | None = None) -> None:
        self.content = content
        self.modified_time = modified_time
        self.fingerprint = fingerprint
        self.reads: list[int] = []


class RemoteFile(FileLike[Path]):
    def __init__(self, source: Source, path: str = "f") -> None:
        super().__init__(FilePath[Path](None, PurePath(path)))
        self.source = source

    async def _fetch_metadata(self) -> FileMetadata:
        return FileMetadata(len(self.source.content), self.source.modified_time, self.source.fingerprint)

    async def _read_impl(self, size: int = -1) -> bytes:
        self.source.reads.append(size)
        return self.source.content if size < 0 else self.source.content[:size]


def run(work: Any) -> Any:
    return asyncio.run(work)


def test_a_full_read_is_kept_and_serves_the_parts() -> None:  # FS-05
    source = Source(b"hello")
    file = RemoteFile(source)
    assert run(file.read(3)) == b"hel"
    assert run(file.read()) == b"hello"
    source.content = b"other"
    assert run(file.read()) == b"hello"
    assert run(file.read(-5)) == b"hello"
    assert run(file.read(3)) == b"hel"
    assert run(file.read(0)) == b""
    assert source.reads == [3, -1]


def test_a_partial_read_is_not_kept() -> None:  # FS-05
    source = Source(b"hello")
    file = RemoteFile(source)
    run(file.read(3))
    source.content = b"other"
    assert run(file.read(3)) == b"oth"


def test_the_size_is_that_of_the_first_look() -> None:  # FS-05
    source = Source(b"hello")
    file = RemoteFile(source)
    assert run(file.size()) == 5
    source.content = b"longer than before"
    assert run(file.size()) == 5


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"caf\xc3\xa9", "café"),
        (b"a\xffb", "a\ufffdb"),
        (b"\xef\xbb\xbfhi", "hi"),
        (b"\xff\xfeh\0i\0", "\ufeffhi"),
        (b"\xfe\xff\0h\0i", "\ufeffhi"),
        (b"\xff\xfe\0\0h\0\0\0", "\ufeffh"),
        (b"\0\0\xfe\xff\0\0\0h", "\ufeffh"),
    ],
)
def test_text_is_decoded_by_its_mark_or_as_utf8(content: bytes, text: str) -> None:  # FS-06
    assert run(RemoteFile(Source(content)).read_text()) == text


def test_an_encoding_is_taken_as_given() -> None:  # FS-06
    assert run(RemoteFile(Source(b"\xef\xbb\xbfhi")).read_text("utf-8")) == "\ufeffhi"
    assert run(RemoteFile(Source(b"h\xe9")).read_text("latin-1")) == "hé"
    with pytest.raises(UnicodeDecodeError):
        run(RemoteFile(Source(b"a\xffb")).read_text(errors="strict"))
    with pytest.raises(LookupError):
        run(RemoteFile(Source(b"a")).read_text("nonsense"))


def test_the_fingerprint_is_that_of_the_content_and_computed_once() -> None:
    source = Source(b"hello")
    file = RemoteFile(source)
    assert run(file.content_fingerprint()) == run(file.content_fingerprint()) == fingerprint_bytes(b"hello")
    assert source.reads == [-1]


def test_a_fingerprint_of_the_source_spares_the_read() -> None:
    source = Source(b"hello", fingerprint=b"etag")
    assert run(RemoteFile(source).content_fingerprint()) == b"etag"
    assert source.reads == []


def test_as_memo_argument_a_file_is_its_path() -> None:  # FS-07
    assert fingerprint_object(RemoteFile(Source(b"a"))) == fingerprint_object(RemoteFile(Source(b"b", LATER)))
    assert fingerprint_object(RemoteFile(Source(b"a"))) != fingerprint_object(RemoteFile(Source(b"a"), "g"))


def state(source: Source, previous: Any) -> MemoStateOutcome:
    outcome: MemoStateOutcome = run(RemoteFile(source).__coco_memo_state__(previous))
    return outcome


def test_the_first_state_is_time_and_content() -> None:  # FS-07
    assert state(Source(b"a"), NON_EXISTENCE) == MemoStateOutcome((NOON, fingerprint_bytes(b"a")), False)


def test_an_equal_time_is_valid_without_reading_even_if_the_content_changed() -> None:  # FS-07, EDGE-12
    source = Source(b"changed, with another size")
    before = (NOON, fingerprint_bytes(b"a"))
    assert state(source, before) == MemoStateOutcome(before, True)
    assert source.reads == []


def test_another_time_is_valid_only_with_equal_content() -> None:  # FS-07
    before = (NOON, fingerprint_bytes(b"a"))
    assert state(Source(b"a", LATER), before) == MemoStateOutcome((LATER, before[1]), True)
    assert state(Source(b"b", LATER), before) == MemoStateOutcome((LATER, fingerprint_bytes(b"b")), False)


def test_a_file_says_how_it_is_read() -> None:
    with pytest.raises(TypeError, match="abstract"):
        FileLike(FilePath[Path](None, PurePath("f")))  # type: ignore[abstract]  # the mistake under test
