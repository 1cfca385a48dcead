"""Storage settings, given or read from environment variables (APP-18, APP-21)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final

from ..values import CocoSimError

__all__ = ["LmdbSettings", "Settings", "SettingsError", "default_db_path", "default_max_inflight_components"]

_GIB: Final = 1 << 30


class SettingsError(CocoSimError, ValueError):
    """A setting is missing, or its environment variable can't be read; the text names it."""


@dataclass
class LmdbSettings:
    """Sizes of the state database. `map_size`: bytes the map starts with; it grows by itself."""

    max_dbs: int = 1024
    map_size: int = 4 * _GIB

    def check(self) -> None:
        """ValueError for sizes that can't be (APP-21)."""
        if self.max_dbs < 1:
            raise ValueError(f"max_dbs must be at least 1, got {self.max_dbs!r}")
        if self.map_size < 1:
            raise ValueError(f"map_size must be at least 1 byte, got {self.map_size!r}")


@dataclass(init=False)
class Settings:
    """Where and how an environment keeps its state.

    `db_path`: the state directory. `lmdb_max_dbs` and `lmdb_map_size` are older names for what `db_settings` holds;
    ValueError when both are given.
    """

    db_path: os.PathLike[str] | str | None
    db_settings: LmdbSettings
    global_execution_options: None

    def __init__(
        self,
        db_path: os.PathLike[str] | str | None = None,
        db_settings: LmdbSettings | None = None,
        *,
        lmdb_max_dbs: int | None = None,
        lmdb_map_size: int | None = None,
        global_execution_options: None = None,
    ) -> None:
        older = {"max_dbs": lmdb_max_dbs, "map_size": lmdb_map_size}
        given = {name: value for name, value in older.items() if value is not None}
        if given and db_settings is not None:
            raise ValueError("give db_settings or lmdb_max_dbs/lmdb_map_size, not both")
        self.db_path = db_path
        self.db_settings = db_settings if db_settings is not None else LmdbSettings(**given)
        self.global_execution_options = global_execution_options

    @classmethod
    def from_env(cls, db_path: os.PathLike[str] | str | None = None) -> Settings:
        """Settings from COCOINDEX_LMDB_MAX_DBS and COCOINDEX_LMDB_MAP_SIZE. SettingsError naming what can't be read."""
        sizes: dict[str, Any] = {}
        for name in ("max_dbs", "map_size"):
            found = _integer(f"COCOINDEX_LMDB_{name.upper()}")
            if found is not None:
                sizes[name] = found
        return cls(db_path, LmdbSettings(**sizes))

    @property
    def lmdb_max_dbs(self) -> int:
        """Older name for `db_settings.max_dbs`."""
        return self.db_settings.max_dbs

    @lmdb_max_dbs.setter
    def lmdb_max_dbs(self, number: int) -> None:
        self.db_settings.max_dbs = number

    @property
    def lmdb_map_size(self) -> int:
        """Older name for `db_settings.map_size`."""
        return self.db_settings.map_size

    @lmdb_map_size.setter
    def lmdb_map_size(self, size: int) -> None:
        self.db_settings.map_size = size


def default_db_path() -> str | None:
    """What COCOINDEX_DB names, for the default environment."""
    return os.environ.get("COCOINDEX_DB") or None


def default_max_inflight_components() -> int:
    """How many components may be in flight unless an app says otherwise (APP-16)."""
    found = _integer("COCOINDEX_MAX_INFLIGHT_COMPONENTS")
    return 1024 if found is None else found


def _integer(variable: str) -> int | None:
    text = os.environ.get(variable)
    if not text:
        return None
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise SettingsError(f"environment variable {variable} must be an integer, at least 1, got {text!r}")
    return number
