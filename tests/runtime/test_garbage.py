# Goal: while runs are at work Python looks for cyclic garbage less often, and then as often as before.

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from cocoindex_sim.runtime._garbage import OBJECTS

from ..engine.bench import Bench

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def usual() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def during_a_run() -> tuple[int, int, int]:
    seen = []

    async def main() -> None:
        seen.append(gc.get_threshold())

    bench = Bench()
    bench.update(bench.app(main))
    bench.close()
    return seen[0]


def test_the_collector_is_less_busy_as_long_as_a_run_is_at_work() -> None:
    assert during_a_run() == (OBJECTS, *USUAL[1:])
    assert gc.get_threshold() == USUAL


@pytest.mark.parametrize("chosen", [(OBJECTS + 1, 5, 5), (0, 10, 10)])
def test_what_a_program_chose_for_itself_stays(chosen: tuple[int, int, int]) -> None:
    gc.set_threshold(*chosen)
    assert during_a_run() == chosen
    assert gc.get_threshold() == chosen


def test_what_a_program_chooses_during_a_run_stays() -> None:
    async def main() -> None:
        gc.set_threshold(1_000, 10, 10)

    bench = Bench()
    bench.update(bench.app(main))
    bench.close()
    assert gc.get_threshold() == (1_000, 10, 10)


def test_the_last_of_several_runs_restores_it() -> None:
    seen = []

    async def main(turns: int) -> None:
        for _ in range(turns):
            await asyncio.sleep(1)
        seen.append(gc.get_threshold()[0])

    bench = Bench()
    short, long = (bench.app(main, turns, name=str(turns)) for turns in (1, 2))

    async def both() -> None:
        await asyncio.gather(*(app.update().result() for app in (short, long)))

    bench.run(both())
    bench.close()
    assert seen == [OBJECTS, OBJECTS]
    assert gc.get_threshold() == USUAL
