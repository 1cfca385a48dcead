"""Goal: a stage outlives the processes of its world, and leaves nothing of a killed one behind."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from cocoindex_sim.fakes import CRASH_SITE, Hazard
from cocoindex_sim.world import World
from pytest_coco.contracts import Contract
from pytest_coco.contracts._stage import SimulatedStage


@pytest.fixture
def stage() -> Iterator[SimulatedStage]:
    with World() as world:
        yield SimulatedStage(Contract(), world, in_order=True)


def test_a_stage_goes_on_with_another_process_when_one_is_killed(stage: SimulatedStage) -> None:
    async def kill() -> None:
        stage.world.hazards.on_crash(Hazard(CRASH_SITE, 1, "store.commit"))

    async def begin() -> None:
        stage.keep = asyncio.get_running_loop().create_task(kill())  # type: ignore[attr-defined]  # for this test

    stage.run(begin())
    assert not stage.survives(lambda: stage.let(1.0))
    assert stage.lives == 2
    assert stage.survives(lambda: stage.let(1.0))


def test_time_goes_on_after_a_crash(stage: SimulatedStage) -> None:
    stage.let(1.0)
    stage.crash()
    stage.let(1.0)
    assert (stage.lives, stage.loop.time()) == (2, 2.0)


def test_a_wait_ends_when_something_is_noted_or_its_time_is_up(stage: SimulatedStage) -> None:
    stage.run(asyncio.sleep(0.1))
    assert not stage.until(lambda: False, 0.3)
    assert stage.loop.time() == pytest.approx(0.4)
    began_s = stage.loop.time()

    async def later() -> None:
        await asyncio.sleep(0.01)
        stage.note("it happened")

    async def begin() -> None:
        asyncio.get_running_loop().create_task(later())

    stage.run(begin())
    assert stage.until(lambda: stage.timeline, 10.0)
    assert stage.loop.time() == pytest.approx(began_s + 0.01)


def test_a_hook_may_be_sync_or_async_and_its_error_is_told_with_its_arguments(stage: SimulatedStage) -> None:
    class Hooks(Contract):
        def sync(self, number: int) -> int:
            return number + 1

        async def asynchronous(self, number: int) -> int:
            await asyncio.sleep(1)
            return number + 2

        def fails(self, text: str) -> None:
            raise KeyError(text)

    stage.subject = Hooks()
    assert stage.call("sync", 1) == 2
    assert stage.call("asynchronous", 1) == 3
    with pytest.raises(AssertionError, match=r"the hook fails\('x'\) raised KeyError: 'x'"):
        stage.call("fails", "x")
