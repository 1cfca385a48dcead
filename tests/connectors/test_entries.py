# Goal: from what may be there and what should be, one idempotent action that never takes what is not ours.

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim import NON_EXISTENCE, ContextProvider
from cocoindex_sim.connectorkits.fingerprint import fingerprint_bytes
from cocoindex_sim.connectors.localfs._disk import Disk
from cocoindex_sim.connectors.localfs._entries import (
    DirRecord,
    DirSpec,
    EnsureDir,
    EntryHandler,
    FileSpec,
    Place,
    Remove,
    WriteFile,
    is_plain,
)

from .connector_runner import new_process, tree

OLD, NEW = fingerprint_bytes(b"old"), fingerprint_bytes(b"new")


@pytest.fixture(autouse=True)
def process() -> Iterator[None]:
    with new_process(Disk()):
        yield


@pytest.fixture
def handler(tmp_path: Path) -> EntryHandler:
    """Of the entries of `tmp_path`."""
    return EntryHandler(Place(None, None, str(tmp_path)))


def apply(*actions: Any, **bases: Path) -> None:
    context = ContextProvider()
    context._values.update(bases)
    sink = EntryHandler().reconcile((None, "x"), FileSpec(b"", False), [], True)
    assert sink is not None
    sink.sink.fn(context, actions)


def reconciled(handler: EntryHandler, *args: Any) -> tuple[Any, Any]:
    """Action and record."""
    output = handler.reconcile(*args)
    assert output is not None
    return output.action, output.tracking_record


# -- reconcile ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "may_be_missing", "written"),
    [
        ([], True, True),  # first declaration
        ([NEW], False, False),  # unchanged: an edited or deleted file is not looked at (FS-32)
        ([OLD], False, True),
        ([NEW], True, True),  # full reprocess, or a first write that may have failed
        ([OLD, NEW], False, True),  # either may be there
        ([NEW, NEW], False, False),
        ([DirRecord(True)], False, True),  # a directory becomes a file
        ([NEW, DirRecord(True)], False, True),
    ],
)
def test_a_file_is_written_unless_it_is_known_to_hold_the_content(
    handler: EntryHandler, tmp_path: Path, records: list[Any], may_be_missing: bool, written: bool
) -> None:  # FS-31, FS-32
    output = handler.reconcile("f", FileSpec(b"new", False), records, may_be_missing)
    assert (output is not None) == written
    if output is not None:
        assert output.action == WriteFile(Place(None, None, f"{tmp_path}/f"), b"new", False)
        assert output.tracking_record == NEW
        assert output.child_invalidation is None


def test_a_directory_always_gets_an_action_and_remembers_who_created_it(handler: EntryHandler, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    for name, records, created in [
        ("new", [], True),
        ("there", [], False),
        ("there", [DirRecord(True)], True),
        ("there", [DirRecord(False), DirRecord(True)], True),
        ("there", [DirRecord(False)], False),
        ("new", [DirRecord(False)], True),  # gone, and created again
    ]:
        action, record = reconciled(handler, name, DirSpec(True), records, False)
        assert action == EnsureDir(Place(None, None, f"{tmp_path}/{name}"), True)  # FS-37, TGT-19
        assert record == DirRecord(created)
    assert tree(tmp_path) == {"there": None}  # reconcile only looks


def test_a_removal_knows_what_may_have_been_written(handler: EntryHandler, tmp_path: Path) -> None:
    place = Place(None, None, f"{tmp_path}/e")
    for records, may_be_missing, expected in [
        ([OLD], False, Remove(place, (OLD,), False, False)),
        ([OLD, NEW], True, Remove(place, (OLD, NEW), True, False)),
        ([DirRecord(False)], False, Remove(place, (), False, False)),
        ([DirRecord(False), DirRecord(True), OLD], False, Remove(place, (OLD,), False, True)),
    ]:
        assert reconciled(handler, "e", NON_EXISTENCE, records, may_be_missing) == (expected, NON_EXISTENCE)


def test_all_actions_go_to_one_sink(handler: EntryHandler) -> None:  # TGT-12
    outputs = [
        EntryHandler().reconcile((None, "x"), FileSpec(b"", False), [], True),
        handler.reconcile("x", DirSpec(False), [], True),
        handler.reconcile("x", NON_EXISTENCE, [OLD], False),
    ]
    assert len({output.sink for output in outputs if output is not None}) == 1


def test_root_keys_are_base_and_path_and_a_declared_one_knows_its_base() -> None:  # FS-40
    root = EntryHandler()
    action, _ = reconciled(root, ("k", "a/b"), FileSpec(b"", False, "/base"), [], True)
    assert action.place.location == "/base/a/b"
    action, _ = reconciled(root, ("k", "/a"), FileSpec(b"", False, "/base"), [], True)
    assert action.place.location == "/a"
    action, _ = reconciled(root, (None, "a/b"), FileSpec(b"", False), [], True)
    assert action.place.location == "a/b"
    action, _ = reconciled(root, ("k", "a/b"), NON_EXISTENCE, [OLD], False)
    context = ContextProvider()
    with pytest.raises(KeyError, match="k"):
        action.place.settled(context)
    context._values["k"] = Path("/now/here")
    assert action.place.settled(context).location == "/now/here/a/b"


def test_what_is_below_a_directory_that_goes_has_a_handler(tmp_path: Path) -> None:
    child = EntryHandler().child_handler_for_deletion((None, str(tmp_path)), [DirRecord(True)])
    nested = child.child_handler_for_deletion("n", [DirRecord(True)])
    action, _ = reconciled(nested, "f", NON_EXISTENCE, [OLD], False)
    assert action.place == Place(None, None, f"{tmp_path}/n/f")


# -- the sink ----------------------------------------------------------------------------------------------------------


def place(path: Path) -> Place:
    return Place(None, None, str(path))


@given(st.text(st.sampled_from("ab./\\:\0 é"), max_size=6))
def test_a_plain_name_is_what_any_system_makes_of_it(name: str) -> None:
    if is_plain(name):
        assert PurePosixPath(name).as_posix() == PureWindowsPath(name).as_posix() == name
        assert PurePosixPath(name).parts == PureWindowsPath(name).parts == (name,)
        assert name != ".."


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a/", "c:", "a\\b"])
def test_what_is_no_single_name_everywhere_is_not_plain(name: str) -> None:
    assert not is_plain(name)


@pytest.mark.parametrize("name", ["a", ".a", "...", "a b.txt", "é"])
def test_most_single_names_are_plain(name: str) -> None:
    assert is_plain(name)


def test_actions_are_idempotent(tmp_path: Path) -> None:  # TGT-14
    for _ in range(2):
        apply(
            EnsureDir(place(tmp_path / "d"), False),
            WriteFile(place(tmp_path / "d/f"), b"x", False),
            WriteFile(place(tmp_path / "p/q/f"), b"y", True),
        )
        assert tree(tmp_path) == {"d": None, "d/f": "x", "p": None, "p/q": None, "p/q/f": "y"}
    for _ in range(2):
        apply(
            Remove(place(tmp_path / "d"), (), False, True),
            Remove(place(tmp_path / "d/f"), (fingerprint_bytes(b"x"),), False, False),
            Remove(place(tmp_path / "p/q/f"), (fingerprint_bytes(b"y"),), False, False),
        )
        assert tree(tmp_path) == {"p": None, "p/q": None}  # FS-33: made by create_parent_dirs, they stay


def test_directories_go_last_and_deepest_first(tmp_path: Path) -> None:
    (tmp_path / "a/b/c").mkdir(parents=True)
    apply(*(Remove(place(tmp_path / name), (), False, True) for name in ("a", "a/b", "a/b/c")))
    assert tree(tmp_path) == {}


def test_a_directory_that_is_not_ours_or_not_empty_stays(tmp_path: Path) -> None:  # FS-35 done better
    (tmp_path / "theirs").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/foreign").write_text("x")
    (tmp_path / "link").symlink_to("theirs")
    apply(
        Remove(place(tmp_path / "theirs"), (), False, False),
        Remove(place(tmp_path / "full"), (), False, True),
        Remove(place(tmp_path / "link"), (), False, True),
        Remove(place(tmp_path / "gone"), (), False, True),
        Remove(place(tmp_path / "gone/below"), (), False, True),
    )
    assert sorted(os.listdir(tmp_path)) == ["full", "link", "theirs"]


def test_a_file_in_doubt_goes_only_with_a_content_we_had_for_it(tmp_path: Path) -> None:
    for name, content in [("ours", "old"), ("theirs", "foreign"), ("edited", "edited")]:
        (tmp_path / name).write_text(content)
    apply(
        Remove(place(tmp_path / "ours"), (OLD, NEW), True, False),
        Remove(place(tmp_path / "theirs"), (OLD,), True, False),
        Remove(place(tmp_path / "edited"), (OLD,), False, False),  # not in doubt: it was ours once (FS-33)
        Remove(place(tmp_path / "gone"), (OLD,), True, False),
        Remove(place(tmp_path / "theirs/below"), (OLD,), True, False),
    )
    assert tree(tmp_path) == {"theirs": "foreign"}


@pytest.mark.parametrize("is_in_doubt", [True, False])
def test_a_directory_in_place_of_a_file_of_ours_stays(tmp_path: Path, is_in_doubt: bool) -> None:
    (tmp_path / "d").mkdir()
    apply(Remove(place(tmp_path / "d"), (OLD,), is_in_doubt, False))
    assert tree(tmp_path) == {"d": None}


def test_a_missing_parent_names_it_and_the_way_out(tmp_path: Path) -> None:  # FS-34
    for action in (WriteFile(place(tmp_path / "p/f"), b"", False), EnsureDir(place(tmp_path / "p/f"), False)):
        with pytest.raises(FileNotFoundError) as caught:
            apply(action)
        assert f"parent directory {str(tmp_path / 'p')!r} does not exist" in str(caught.value)
        assert "create_parent_dirs=True" in str(caught.value)
        assert caught.value.filename == str(tmp_path / "p/f")
    assert tree(tmp_path) == {}


def test_a_file_and_a_directory_do_not_replace_each_other(tmp_path: Path) -> None:  # FS-39
    (tmp_path / "f").write_text("x")
    (tmp_path / "d").mkdir()
    with pytest.raises(FileExistsError, match="A file is where a directory is declared"):
        apply(EnsureDir(place(tmp_path / "f"), True))
    with pytest.raises(IsADirectoryError, match="A directory is where a file is declared"):
        apply(WriteFile(place(tmp_path / "d"), b"", True))
    assert tree(tmp_path) == {"f": "x", "d": None}


def test_actions_say_what_they_do_without_the_content() -> None:
    where = Place("k", "/base", "f")
    assert [
        repr(a) for a in (WriteFile(where, b"secret", False), EnsureDir(where, True), Remove(where, (), True, True))
    ] == [
        "WriteFile('/base/f', 6 bytes)",
        "EnsureDir('/base/f')",
        "Remove('/base/f')",
    ]
