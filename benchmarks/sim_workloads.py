"""Plain asyncio programs, for timing deterministic loops; as a script, on ours, with its trace on.

python -m benchmarks.sim_workloads [SECONDS]
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any

from ._measure import Figures, report

Workload = Callable[[], Coroutine[Any, Any, Any]]


async def race() -> int:
    """Three tasks that each add one, three times, to what they read a step before: updates get lost."""
    value = 0

    async def worker() -> None:
        nonlocal value
        for _ in range(3):
            seen = value
            await asyncio.sleep(0)
            value = seen + 1

    await asyncio.gather(*(worker() for _ in range(3)))
    return value


async def dataflow() -> dict[int, int]:
    """A queue, four workers, and fifty events that come 10 ms apart."""
    queue: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
    latest: dict[int, int] = {}
    done = asyncio.Event()

    async def feed() -> None:
        for number in range(50):
            await asyncio.sleep(0.01)
            await queue.put((number % 10, number))
        await queue.join()
        done.set()

    async def worker() -> None:
        while True:
            key, value = await queue.get()
            await asyncio.sleep(0.001)
            latest[key] = value
            queue.task_done()

    workers = [asyncio.create_task(worker()) for _ in range(4)]
    feeder = asyncio.create_task(feed())
    await done.wait()
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, feeder, return_exceptions=True)
    return latest


async def hour() -> int:
    """A hundred tickers for an hour: 250,389 timers."""
    fired = 0

    async def tick(period_s: float) -> None:
        nonlocal fired
        for _ in range(int(3600 / period_s)):
            await asyncio.sleep(period_s)
            fired += 1

    await asyncio.gather(*(tick(1 + number / 100) for number in range(100)))
    return fired


def per_second(workload: Workload, seconds: float) -> float:
    """How many runs of a workload a second holds, each in a world of its own seed."""
    from cocoindex_sim.world import SeededRandom, World

    runs = 0
    start = time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        with World(runs, policy=SeededRandom(Random(runs))) as world:
            world.run(workload())
        runs += 1
    return runs / passed


def main() -> None:
    """Entry point."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 3.0
    figures: Figures = {
        "race_per_s": round(per_second(race, seconds)),
        "dataflow_per_s": round(per_second(dataflow, seconds)),
        "hour_times_real": round(3600 * per_second(hour, seconds)),
    }
    report(figures)


if __name__ == "__main__":
    main()
