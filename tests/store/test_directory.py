"""Goal: a state directory that is not ours to use is refused by name, with a next step, and left as it was."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from cocoindex_sim.store import FORMAT_FILE, FORMAT_VERSION, SUBDIRECTORY, LmdbStore, ReadOnlyStore, open_readonly
from cocoindex_sim.values import StateError, StateFormatError

OPENERS: list[Callable[[Path], LmdbStore | ReadOnlyStore]] = [LmdbStore, open_readonly]


def snapshot(directory: Path) -> dict[str, tuple[bytes, int]]:
    """Content and modification time of every file, and every directory."""
    return {
        str(path.relative_to(directory)): (path.read_bytes() if path.is_file() else b"", path.stat().st_mtime_ns)
        for path in [directory, *directory.rglob("*")]
    }


@pytest.fixture
def used(tmp_path: Path) -> Path:
    """A directory that has been used and closed."""
    directory = tmp_path / "db"
    LmdbStore(directory).close()
    return directory


def test_a_new_directory_is_created_with_its_parents_and_says_who_wrote_it(tmp_path: Path) -> None:
    # APP-19
    directory = tmp_path / "a" / "b"
    LmdbStore(directory).close()
    assert [path.name for path in directory.iterdir()] == [SUBDIRECTORY]
    content = json.loads((directory / SUBDIRECTORY / FORMAT_FILE).read_text())
    assert content == {"format": FORMAT_VERSION, "written_by": version("cocoindex-sim")}


def test_what_else_is_in_the_directory_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    LmdbStore(tmp_path).close()
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("opener", OPENERS)
def test_a_newer_format_is_refused_untouched(opener: Callable[[Path], object], used: Path) -> None:
    newer = {"format": FORMAT_VERSION + 1, "written_by": "9.8.7", "more": True}
    (used / SUBDIRECTORY / FORMAT_FILE).write_text(json.dumps(newer))
    before = snapshot(used)
    with pytest.raises(StateFormatError) as caught:
        opener(used)
    assert str(caught.value) == (
        f"the state in {str(used / 'sim')!r} has format {FORMAT_VERSION + 1}, written by cocoindex-sim 9.8.7; this is"
        f" cocoindex-sim {version('cocoindex-sim')}, which reads format {FORMAT_VERSION}; it was left untouched:"
        " upgrade cocoindex-sim, or choose another directory (Settings.db_path or COCOINDEX_DB)"
    )
    assert snapshot(used) == before


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"{}",
        b'{"format": "1", "written_by": "0"}',
        b'{"format": true, "written_by": "0"}',
        b'{"format": 0, "written_by": "0"}',
        b'{"format": 1}',
    ],
)
def test_an_unreadable_format_is_refused_untouched(
    opener: Callable[[Path], object], content: bytes, used: Path
) -> None:
    (used / SUBDIRECTORY / FORMAT_FILE).write_bytes(content)
    before = snapshot(used)
    with pytest.raises(StateFormatError, match=r"format\.json' can't be read .* left untouched: restore the file"):
        opener(used)
    assert snapshot(used) == before


@pytest.mark.parametrize("opener", OPENERS)
def test_state_that_does_not_say_who_wrote_it_is_refused_untouched(
    opener: Callable[[Path], object], used: Path
) -> None:
    (used / SUBDIRECTORY / FORMAT_FILE).unlink()
    before = snapshot(used)
    with pytest.raises(StateFormatError, match=r"no 'format\.json' that says who wrote it; it was left untouched"):
        opener(used)
    assert snapshot(used) == before


@pytest.mark.parametrize("opener", OPENERS)
@pytest.mark.parametrize("at", ["mdb/data.mdb", "data.mdb"])
@pytest.mark.parametrize("ours", [False, True])
def test_the_state_of_cocoindex_is_refused_untouched(
    opener: Callable[[Path], object], at: str, ours: bool, tmp_path: Path
) -> None:
    # DUR-09
    if ours:
        LmdbStore(tmp_path).close()
    theirs = tmp_path / at
    theirs.parent.mkdir(exist_ok=True)
    theirs.write_bytes(bytes(36864))
    theirs.with_name("lock.mdb").write_bytes(bytes(8192))
    before = snapshot(tmp_path)
    with pytest.raises(StateFormatError) as caught:
        opener(tmp_path)
    assert str(caught.value) == (
        f"{str(tmp_path)!r} holds CocoIndex's own state ({Path(at).parts[0]!r}); it was left untouched, and can't be"
        " shared: choose another directory (Settings.db_path or COCOINDEX_DB)"
    )
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("opener", OPENERS)
def test_damaged_data_is_refused(opener: Callable[[Path], object], used: Path) -> None:
    data = used / SUBDIRECTORY / "data.mdb"
    data.write_bytes(b"not a database" * 1000)
    before = data.read_bytes()
    for _ in range(2):
        with pytest.raises(StateFormatError, match=r"data\.mdb' is not a state file this version reads"):
            opener(used)
    assert data.read_bytes() == before


@pytest.mark.parametrize("opener", OPENERS)
def test_a_path_that_is_a_file_is_refused(opener: Callable[[Path], object], tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(StateError, match="file' is not a directory; choose another directory"):
        opener(file)
    with pytest.raises(StateError, match=r"below' can't be used .NotADirectoryError.*; make it readable and writable"):
        opener(file / "below")
    assert file.read_text() == "mine"


@pytest.mark.real
def test_a_directory_that_can_not_be_written_is_refused() -> None:
    # Root may write anywhere, so the child becomes somebody else, which needs a directory everybody can reach.
    child = """
import os, sys
from cocoindex_sim.store import LmdbStore
from cocoindex_sim.values import StateError
if os.geteuid() == 0:
    os.setuid(65534)
for directory in sys.argv[1:]:
    try:
        LmdbStore(directory)
    except StateError as error:
        print(error)
"""
    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o555)
        done = subprocess.run(
            [sys.executable, "-c", child, base, f"{base}/new"], capture_output=True, text=True, check=True
        )
        first, second = done.stdout.splitlines()
        assert first.startswith(f"the state directory {base!r} can't be used (PermissionError: ")
        assert second.startswith(f"the state directory {base + '/new'!r} can't be used (PermissionError: ")
        assert "make it readable and writable, or choose another directory" in second
        assert os.listdir(base) == []
        os.chmod(base, 0o755)


@pytest.mark.parametrize("make", [False, True])
def test_reading_only_creates_nothing(make: bool, tmp_path: Path) -> None:
    directory = tmp_path / "db"
    if make:
        directory.mkdir()
    with pytest.raises(StateError, match="db' holds no state; name the db_path of an environment that has run"):
        open_readonly(directory)
    assert directory.exists() == make
    assert not make or list(directory.iterdir()) == []
