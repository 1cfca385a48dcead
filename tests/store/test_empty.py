# Goal: a directory without state can be read as one, without anything being made of it.

from pathlib import Path

import pytest

from cocoindex_sim.ports import ComponentRecord, RecordKey, TombstoneRecord
from cocoindex_sim.store import LmdbStore, open_for_reading
from cocoindex_sim.values import ROOT_PATH, StateError, StateFormatError

ROOT = RecordKey("component", ROOT_PATH)


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_where_no_state_is_there_are_no_apps_and_none_are_made(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    store = open_for_reading(tmp_path / name)
    assert store.spaces() == []
    space = store.space("app")
    assert space.get(ROOT) is None
    assert space.scan("component", ROOT_PATH) == []
    assert space.scan_nearest("component", ROOT_PATH) == []
    with pytest.raises(StateError, match="open for reading only"):
        space.commit([(RecordKey("tombstone", ROOT_PATH), TombstoneRecord())])
    store.close()
    assert [path.name for path in tmp_path.rglob("*")] == ["empty"]


def test_where_state_is_it_is_read(tmp_path: Path) -> None:
    writer = LmdbStore(tmp_path)
    writer.space("app").commit([(ROOT, ComponentRecord("main"))])
    writer.close()
    reader = open_for_reading(tmp_path)
    assert reader.space("app").get(ROOT) == ComponentRecord("main")
    reader.close()


def test_what_is_no_state_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="is not a directory"):
        open_for_reading(tmp_path / "file")
    (tmp_path / "mdb").mkdir()
    with pytest.raises(StateFormatError, match="CocoIndex's own state"):
        open_for_reading(tmp_path)
