"""The fixtures: a world for one test, and handles on its parts. All are sync and function scoped."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from ._marker import marker_values, options_of
from ._seeds import derived_seed, seed_name

if TYPE_CHECKING:
    from cocoindex_sim.fakes.kafka import KafkaCluster
    from cocoindex_sim.world import World

    from .handles import CocoApp, CocoClock, CocoFiles, CocoTarget, CocoTimeline

__all__ = [
    "WORLD",
    "coco_app",
    "coco_clock",
    "coco_fs",
    "coco_kafka",
    "coco_run",
    "coco_seed",
    "coco_target",
    "coco_timeline",
    "coco_world",
    "parametrize_runs",
]

WORLD = pytest.StashKey["World"]()
"""The world of a test, while it has one."""


def parametrize_runs(metafunc: pytest.Metafunc) -> None:
    """Have a test that is marked with a number of runs run in asyncio's order and then so many times by the policy."""
    if "_coco_run" not in metafunc.fixturenames or "runs" not in marker_values(metafunc.definition):
        return
    runs = options_of(metafunc.definition).runs
    ids = ["in-order", *(f"run-{run}" for run in range(1, runs + 1))]
    metafunc.parametrize("_coco_run", range(runs + 1), ids=ids, indirect=True)


@pytest.fixture(name="_coco_run")
def coco_run(request: pytest.FixtureRequest) -> int | None:
    """Which run of its test this is: 0 is in asyncio's order. None when its marker says nothing about runs."""
    run: int | None = getattr(request, "param", None)
    return run


@pytest.fixture
def coco_seed(request: pytest.FixtureRequest, _coco_run: int | None) -> int:
    """The seed of this test: the same in every process, from the base seed of the session and the test's node id."""
    if inspect.iscoroutinefunction(request.function):
        world = next((name for name in request.fixturenames if name.startswith("coco_")), "coco_seed")
        pytest.fail(
            f"{request.node.name!r} is an async test and takes {world}, which runs its own event loop;"
            " make it a plain `def`, and have coco_world.run(...) run what is async",
            pytrace=False,
        )
    return derived_seed(options_of(request.node).seed, seed_name(request.node), 0)


@pytest.fixture
def coco_world(request: pytest.FixtureRequest, coco_seed: int, _coco_run: int | None) -> Iterator[World]:
    """A simulated world in which nothing has happened yet; closed after the test.

    Its seed is `coco_seed`. With the marker `coco(runs=N)` the test is run in asyncio's order, and then N times as the
    policy has it. The test has to be a plain `def`: the world has a loop of its own, and runs it when it is told to.
    """
    from ._worlds import make_world, write_world_trace

    options = options_of(request.node)
    world = make_world(request.node, options, coco_seed, _coco_run)
    request.node.stash[WORLD] = world
    try:
        yield world
    finally:
        del request.node.stash[WORLD]
        world.close()
        write_world_trace(options.trace, request.node.nodeid, world)


@pytest.fixture
def coco_clock(coco_world: World) -> CocoClock:
    """The virtual clock of `coco_world`."""
    from .handles import CocoClock

    return CocoClock(coco_world)


@pytest.fixture
def coco_fs(coco_world: World) -> CocoFiles:
    """The disk of `coco_world`, as somebody beside the pipeline uses it."""
    from .handles import CocoFiles

    return CocoFiles(coco_world)


@pytest.fixture
def coco_kafka(coco_world: World) -> KafkaCluster:
    """The Kafka cluster of `coco_world`, which every client that a pipeline constructs belongs to."""
    return coco_world.kafka


@pytest.fixture
def coco_target(coco_world: World) -> CocoTarget:
    """The targets of `coco_world`: what the pipeline has brought about."""
    from .handles import CocoTarget

    return CocoTarget(coco_world)


@pytest.fixture
def coco_app(coco_world: World, request: pytest.FixtureRequest) -> CocoApp:
    """The pipeline of `coco_world`; load one first."""
    from .handles import CocoApp

    return CocoApp(coco_world, request.path.parent)


@pytest.fixture
def coco_timeline(coco_world: World) -> CocoTimeline:
    """What has happened in `coco_world`, in order."""
    from .handles import CocoTimeline

    return CocoTimeline(coco_world)
