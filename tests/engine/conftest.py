"""Fixtures of the engine tests."""

import linecache
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cocoindex_sim.world import SeededRandom

from .bench import Bench
from .field import Field
from .project import Project


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench whose process is the current one."""
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture(params=[None, 1, 2], ids=["in order", "random 1", "random 2"])
def field(request: pytest.FixtureRequest) -> Iterator[Field]:
    """A field whose loop keeps asyncio's order, and some that draw who goes next."""
    field = Field(None if request.param is None else SeededRandom(random.Random(request.param)))
    yield field
    field.bench.close()


@pytest.fixture
def project(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A pipeline file that can be edited."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a cached .pyc is good for any text of equal size and second
    yield Project(bench, tmp_path, monkeypatch)
    linecache.clearcache()
