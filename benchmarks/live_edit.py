"""One item of many is edited while an app watches: how soon the target has it.

python -m benchmarks.live_edit PACKAGE COUNT

The source is in memory and tells of every edit at once, so this is what the engine takes: no file system, no polling.
"""

# mypy: disable-error-code="untyped-decorator"
# The package is chosen at run time, so nothing is known of its decorators.

import asyncio
import os
import statistics
import time
from collections.abc import AsyncIterator, Collection
from typing import Any

from ._measure import Figures, Journal, arguments, package_under_test, report, rss_mb, working_directory

EDITS = 50
EDITS_BEFORE = 5
"""Edits that are not counted: the first ones after a long scan meet a loop and a disk that are still busy with it."""

package, (count,) = arguments("PACKAGE COUNT")
coco = package_under_test(package)


class Items:
    """A live map view over a dict."""

    def __init__(self) -> None:
        self.content = {key: (key, "v") for key in (f"k{number:07d}" for number in range(count))}
        self.ready = asyncio.Event()
        self.edited: asyncio.Queue[str] = asyncio.Queue()

    async def __aiter__(self) -> AsyncIterator[tuple[str, tuple[str, str]]]:
        for item in self.content.items():
            yield item

    def edit(self, key: str, value: str) -> None:
        """Change an item, and tell of it."""
        self.content[key] = key, value
        self.edited.put_nowait(key)

    async def watch(self, subscriber: Any) -> None:
        await subscriber.update_all()
        await subscriber.mark_ready()
        self.ready.set()
        while True:
            key = await self.edited.get()
            await subscriber.update(key, self.content[key])


class Target(Journal):
    """Tells when something arrived."""

    loop: asyncio.AbstractEventLoop
    arrived: asyncio.Event

    def _apply(self, context: Any, actions: Collection[tuple[Any, Any]]) -> None:
        super()._apply(context, actions)
        if len(actions) == 1:
            self.loop.call_soon_threadsafe(self.arrived.set)


target = Target(coco)
provider = coco.register_root_target_states_provider("benchmarks/live_edit", target)


@coco.fn(memo=True)
async def declare(value: tuple[str, str]) -> None:
    coco.declare_target_state(provider.target_state(*value))


@coco.fn
async def main(items: Items) -> None:
    await coco.mount_each(declare, items)


async def measure() -> None:
    with working_directory() as root:
        items, target.loop, target.arrived = Items(), asyncio.get_running_loop(), asyncio.Event()
        environment = coco.Environment(coco.Settings(db_path=root / "state"), event_loop=target.loop)
        app = coco.App(coco.AppConfig("live_edit", environment), main, items)
        figures: Figures = {}
        start = time.perf_counter()
        update = asyncio.ensure_future(app.update(live=True).result())
        await asyncio.wait([update, asyncio.ensure_future(items.ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        if update.done():
            raise RuntimeError(f"the live update ended: {update.result()!r}")
        assert len(target.content) == count
        figures["ready_s"] = round(time.perf_counter() - start, 2)

        latencies, busy = [], []
        for number in range(-EDITS_BEFORE, EDITS):
            await asyncio.sleep(0.02)  # whatever the last edit left to do is done
            key = f"k{number * 7919 % count:07d}"  # all over the items
            cpu, start = time.process_time(), time.perf_counter()
            target.arrived.clear()
            items.edit(key, f"edit {number}")
            async with asyncio.timeout(60):
                await target.arrived.wait()
            if number >= 0:
                latencies.append(time.perf_counter() - start)
            assert target.content[key] == f"edit {number}"
            await asyncio.sleep(0.02)
            if number >= 0:
                busy.append(time.process_time() - cpu)
        latencies.sort()
        figures |= {
            "p50_ms": round(statistics.median(latencies) * 1e3, 2),
            "p99_ms": round(latencies[int(EDITS * 0.99)] * 1e3, 2),
            "cpu_ms": round(statistics.median(busy) * 1e3, 2),
            "cpu_max_ms": round(max(busy) * 1e3, 2),
            "rss_mb": rss_mb(),
        }
        report(figures)
    os._exit(0)  # a live app goes on, and not every package can be told to end it


asyncio.run(measure())
