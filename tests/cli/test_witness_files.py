# Goal: what a pipeline reads of files, and what becomes of these, is seen; what it writes itself is a target and no change.

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cocoindex_sim.cli._witness_files import FileWitness
from cocoindex_sim.runtime import real_ports


@pytest.fixture
def witness(tmp_path: Path) -> FileWitness:
    source = tmp_path / "in"
    (source / "sub").mkdir(parents=True)
    (source / "unread").mkdir()
    for name in ("a", "b", "sub/c", "unread/d"):
        (source / name).write_text(name)
    return FileWitness(real_ports().file_system)


def relative(tmp_path: Path) -> Callable[[dict[str, bytes]], dict[str, str]]:
    return lambda found: {str(Path(path).relative_to(tmp_path)): content.decode() for path, content in found.items()}


def changes(witness: FileWitness, tmp_path: Path) -> list[tuple[str, str | None]]:
    return [
        (str(Path(path).relative_to(tmp_path)), None if content is None else content.decode())
        for _, path, content in witness.changes()
    ]


def test_what_is_in_the_directories_that_are_listed_is_given(witness: FileWitness, tmp_path: Path) -> None:
    witness.scandir(str(tmp_path / "in"))
    witness.scandir(str(tmp_path / "in/sub"))
    (tmp_path / "in/unread/e").write_text("nobody looks")
    witness.stop()
    assert relative(tmp_path)(witness.given()) == {"in/a": "a", "in/b": "b", "in/sub/c": "sub/c"}
    assert witness.changes() == []


def test_what_is_read_by_name_is_given_alone(witness: FileWitness, tmp_path: Path) -> None:
    assert witness.read(str(tmp_path / "in/sub/c")) == b"sub/c"
    (tmp_path / "in/sub/other").write_text("nobody asks")
    (tmp_path / "in/sub/c").write_text("changed")
    witness.stop()
    assert relative(tmp_path)(witness.given()) == {"in/sub/c": "sub/c"}
    assert changes(witness, tmp_path)[-1:] == [("in/sub/c", "changed")]


def test_changes_are_seen_until_the_end_and_no_further(witness: FileWitness, tmp_path: Path) -> None:
    witness.scandir(str(tmp_path / "in"))
    (tmp_path / "in/a").write_text("changed")
    (tmp_path / "in/b").unlink()
    (tmp_path / "in/new").write_text("new")
    witness.stop()
    (tmp_path / "in/late").write_text("late")
    found = dict(changes(witness, tmp_path))
    assert found == {"in/a": "changed", "in/b": None, "in/new": "new"}
    assert [at_s for at_s, *_ in witness.changes()] == sorted(at_s for at_s, *_ in witness.changes())


def test_a_directory_that_is_renamed_takes_its_files_along(witness: FileWitness, tmp_path: Path) -> None:
    witness.scandir(str(tmp_path / "in"))
    witness.scandir(str(tmp_path / "in/sub"))
    (tmp_path / "in/sub").rename(tmp_path / "in/moved")
    witness.scandir(str(tmp_path / "in/moved"))  # as a pipeline does that is told of it
    witness.stop()
    assert "in/moved/c" not in relative(tmp_path)(witness.given())
    assert dict(changes(witness, tmp_path)) == {"in/sub/c": None, "in/moved/c": "sub/c"}


def test_what_the_pipeline_writes_is_a_target(witness: FileWitness, tmp_path: Path) -> None:
    out = tmp_path / "in/out"
    witness.mkdir(str(out))
    for name in ("x", "gone"):
        witness.replace_content(str(out / name), name.encode())
    witness.unlink(str(out / "gone"))
    witness.scandir(str(tmp_path / "in"))
    witness.scandir(str(out))
    witness.stop()
    assert relative(tmp_path)(witness.targets()) == {"in/out/x": "x"}
    assert "in/out/x" not in relative(tmp_path)(witness.given())
    assert witness.changes() == []


def test_what_is_ignored_is_not_there(witness: FileWitness, tmp_path: Path) -> None:
    witness.ignore(str(tmp_path / "in/unread"))
    witness.scandir(str(tmp_path / "in/unread"))
    witness.stop()
    assert witness.given() == {}


def test_where_nothing_can_be_watched_the_last_change_is_seen(
    witness: FileWitness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no more watches")

    monkeypatch.setattr("cocoindex_sim.cli._witness_files.RustNotify", refuse)
    witness.scandir(str(tmp_path / "in"))
    for text in ("first", "last"):
        (tmp_path / "in/a").write_text(text)
    witness.stop()
    assert relative(tmp_path)(witness.given()) == {"in/a": "a", "in/b": "b"}
    assert changes(witness, tmp_path) == [("in/a", "last")]
    assert "can't be watched (no more watches): of its changes, only the last is recorded" in caplog.text
