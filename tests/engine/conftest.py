"""Fixtures of the engine tests."""

import random
from collections.abc import Iterator

import pytest

from cocoindex_sim.world import SeededRandom

from .bench import Bench
from .field import Field


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
