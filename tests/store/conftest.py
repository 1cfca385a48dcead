"""Both stores behind one fixture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cocoindex_sim.ports import StateStore
from cocoindex_sim.store import LmdbStore, MemoryStore


@pytest.fixture(params=["lmdb", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    opened: StateStore = LmdbStore(str(tmp_path / "db"), 1 << 20) if request.param == "lmdb" else MemoryStore().open()
    yield opened
    opened.close()
