# Goal: a file path is identified by its base key and relative path, and computes like a PurePath.

import pickle
from pathlib import Path, PurePath
from typing import Any

import pytest

from cocoindex_sim import ContextKey
from cocoindex_sim.connectorkits.fingerprint import fingerprint_object
from cocoindex_sim.connectors.localfs import FilePath
from cocoindex_sim.resources import file

BASE, OTHER = ContextKey[Path]("file_path_base"), ContextKey[Path]("file_path_other")


def test_identity_is_base_key_and_path() -> None:  # FS-01
    path = FilePath("x/y", base_dir=BASE)
    same = FilePath(PurePath("x/./y"), base_dir=BASE)
    assert path == same
    assert hash(path) == hash(same)
    assert fingerprint_object(path) == fingerprint_object(same)
    others = [FilePath("x/y"), FilePath("x/y", base_dir=OTHER), FilePath("x", base_dir=BASE), PurePath("x/y")]
    for other in others:
        assert path != other
    assert len({fingerprint_object(other) for other in [path, *others]}) == 5


def test_a_path_of_another_connector_is_the_same_path() -> None:  # FS-01
    assert file.FilePath[Any](None, PurePath("x")) == FilePath("x")


def test_paths_sort_by_base_then_path_without_base_first() -> None:
    in_order = [FilePath("a"), FilePath("z"), FilePath("c", base_dir=BASE), FilePath("b", base_dir=OTHER)]
    assert sorted([*in_order[2:], *in_order[:2]]) == in_order
    assert in_order[0] <= in_order[0] >= in_order[0]
    assert in_order[3] > in_order[2]
    with pytest.raises(TypeError):
        FilePath("a") < "b"  # type: ignore[operator]  # noqa: B015  # the mistake under test


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (lambda p: p / "q", "x/y.tar.gz/q"),
        (lambda p: "q" / p, "q/x/y.tar.gz"),
        (lambda p: p.joinpath("k", PurePath("l")), "x/y.tar.gz/k/l"),
        (lambda p: p.parent, "x"),
        (lambda p: p.parents[1], "."),
        (lambda p: p.with_name("k"), "x/k"),
        (lambda p: p.with_stem("k"), "x/k.gz"),
        (lambda p: p.with_suffix(".k"), "x/y.tar.k"),
        (lambda p: p.with_segments("k", "l"), "k/l"),
    ],
)
def test_operations_keep_the_base(changed: Any, expected: str) -> None:  # FS-02
    result = changed(FilePath("x/y.tar.gz", base_dir=BASE))
    assert result == FilePath(expected, base_dir=BASE)
    assert isinstance(result, FilePath)


def test_parts_are_those_of_the_relative_path() -> None:  # FS-02
    path = FilePath("x/y.tar.gz", base_dir=BASE)
    assert (path.name, path.stem, path.suffix, path.suffixes) == ("y.tar.gz", "y.tar", ".gz", [".tar", ".gz"])
    assert (path.parts, str(path), path.as_posix(), path.path) == (
        ("x", "y.tar.gz"),
        "x/y.tar.gz",
        "x/y.tar.gz",
        PurePath("x/y.tar.gz"),
    )
    assert (path.base_dir, FilePath("x").base_dir) == (BASE, None)
    assert path.match("*.gz")
    assert not path.is_absolute()
    assert FilePath("/x").is_absolute()
    assert path.is_relative_to("x")
    assert repr(path) == "FilePath(PurePosixPath('x/y.tar.gz'), base_dir_key='file_path_base')"


def test_relative_to_gives_a_pure_path() -> None:  # FS-02
    assert FilePath("x/y", base_dir=BASE).relative_to("x") == PurePath("y")
    with pytest.raises(ValueError, match="'q'"):
        FilePath("x/y").relative_to("q")


def test_without_a_base_a_path_resolves_against_the_current_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # FS-03
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("real")
    root = tmp_path.resolve()
    assert FilePath("a/../b").resolve() == root / "b"
    assert FilePath("link/x").resolve() == root / "real" / "x"
    assert FilePath(root / "abs").resolve() == root / "abs"
    assert Path(FilePath("b")) == root / "b"


def test_a_base_is_only_known_inside_a_component() -> None:  # FS-03
    with pytest.raises(RuntimeError, match="No ComponentContext available"):
        FilePath("x", base_dir=BASE).resolve()


def test_a_base_is_a_context_key() -> None:
    with pytest.raises(TypeError, match="base_dir is a ContextKey, got '/tmp'"):
        FilePath("x", base_dir="/tmp")  # type: ignore[arg-type]  # the mistake under test


def test_a_path_survives_pickling() -> None:
    assert pickle.loads(pickle.dumps(FilePath("x/y"))) == FilePath("x/y")


def test_a_path_of_no_connector_does_not_resolve() -> None:
    with pytest.raises(NotImplementedError):
        file.FilePath[Any](None, PurePath("x")).resolve()
