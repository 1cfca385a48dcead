"""Fixtures of the engine tests."""

from collections.abc import Iterator

import pytest

from .bench import Bench


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A bench whose process is the current one."""
    bench = Bench()
    yield bench
    bench.close()
