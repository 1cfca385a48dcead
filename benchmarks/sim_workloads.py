"""Plain asyncio programs, for timing deterministic loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

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


WORKLOADS: dict[str, Workload] = {"race": race, "dataflow": dataflow, "hour": hour}
"""By name; `hour` lasts 3,600 s of virtual time."""
