"""Goal: storage settings under their present and their older names, given or from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim import LmdbSettings, Settings

GIB = 1 << 30


def test_the_older_names_mean_the_same() -> None:
    # APP-21
    settings = Settings("db", lmdb_max_dbs=5)
    assert settings.db_settings == LmdbSettings(max_dbs=5, map_size=4 * GIB)
    assert (settings.lmdb_max_dbs, settings.lmdb_map_size) == (5, 4 * GIB)
    settings.lmdb_map_size = 7
    settings.lmdb_max_dbs = 9
    assert settings.db_settings == LmdbSettings(9, 7)
    settings.db_settings = LmdbSettings(3)
    assert settings.lmdb_max_dbs == 3


@pytest.mark.parametrize("older", [{"lmdb_max_dbs": 5}, {"lmdb_map_size": 5}])
def test_both_together_are_refused(older: dict[str, Any]) -> None:
    # APP-21
    with pytest.raises(ValueError, match="not both"):
        Settings("db", LmdbSettings(), **older)
    assert Settings("db", LmdbSettings(), lmdb_max_dbs=None) == Settings("db")


def test_settings_are_plain_values() -> None:
    assert Settings() == Settings(db_path=None, db_settings=LmdbSettings(1024, 4 * GIB))
    assert Settings("a") != Settings("b")
    assert "db_path='a'" in repr(Settings("a"))
    with pytest.raises(TypeError, match="positional"):
        Settings("a", LmdbSettings(), 5)  # type: ignore[call-arg]


def test_sizes_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # APP-21
    monkeypatch.setenv("COCOINDEX_LMDB_MAX_DBS", "7")
    monkeypatch.setenv("COCOINDEX_LMDB_MAP_SIZE", "1024")
    assert Settings.from_env().db_settings == LmdbSettings(7, 1024)
    assert Settings.from_env(Path("db")).db_path == Path("db")
    monkeypatch.delenv("COCOINDEX_LMDB_MAP_SIZE")
    assert Settings.from_env("db").lmdb_map_size == 4 * GIB


@pytest.mark.parametrize("variable", ["COCOINDEX_LMDB_MAX_DBS", "COCOINDEX_LMDB_MAP_SIZE"])
@pytest.mark.parametrize("text", ["x", "1e3", "1.5", "0"])
def test_what_can_not_be_read_is_named(monkeypatch: pytest.MonkeyPatch, variable: str, text: str) -> None:
    # APP-21
    monkeypatch.setenv(variable, text)
    with pytest.raises(ValueError, match=f"{variable} must be an integer.*{text!r}"):
        Settings.from_env()
