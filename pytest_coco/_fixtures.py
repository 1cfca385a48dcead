"""The fixtures."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ._options import OPTIONS
from ._seeds import derived_seed

if TYPE_CHECKING:
    from cocoindex_sim.world import World

__all__ = ["coco_world"]


@pytest.fixture
def coco_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A simulated world in which nothing has happened yet; closed after the test.

    Its seed comes from `--coco-seed` and the test's node id. The test has to be a plain `def`: the world has a loop of
    its own and runs it when it is told to.
    """
    if inspect.iscoroutinefunction(request.function):
        pytest.fail(
            f"{request.node.name!r} is an async test and takes coco_world, which runs its own event loop;"
            " make it a plain `def`",
            pytrace=False,
        )
    from cocoindex_sim.world import World

    world = World(derived_seed(request.config.stash[OPTIONS].seed, request.node.nodeid, 0))
    try:
        yield world
    finally:
        world.close()
