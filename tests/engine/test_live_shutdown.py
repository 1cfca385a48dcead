"""Goal: wherever a live update is interrupted or killed, nothing is left behind and the next update converges (LIV-51)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.world import Policy, SeededRandom

from .bench import Bench, Journal

sub = coco.component_subpath


class Place:
    """A bench, and a pipeline of everything live on it; `content` outlives crashes."""

    def __init__(self, policy: Policy | None) -> None:
        self.bench = Bench(policy)
        self.content: dict[Any, Any] = {}
        self.begin()

    def begin(self) -> None:
        provider = Journal(self.content).provider()

        async def item(value: int, key: str) -> None:
            await asyncio.sleep(0.01)
            coco.declare_target_state(provider.target_state(key, value))

        async def refreshed() -> None:
            coco.declare_target_state(provider.target_state("refreshed", 1))

        class Inner:
            async def process(self) -> None:
                await coco.mount(sub("own"), item, 1, "inner own")

            async def process_live(self, operator: Any) -> None:
                await operator.update_full()
                await (await operator.update(sub("x"), item, 1, "inner x")).ready()
                await operator.mark_ready()
                await asyncio.sleep(0.05)
                await operator.update_full()
                await (await operator.update(sub("x"), item, 1, "inner x")).ready()
                await asyncio.get_running_loop().create_future()

        class Outer:
            async def process(self) -> None:
                await coco.mount(Inner)
                for key in "ab":
                    await coco.mount(sub(key), item, 1, f"outer {key}")

            async def process_live(self, operator: Any) -> None:
                try:
                    await operator.update_full()
                    await operator.mark_ready()
                    await asyncio.sleep(0.02)
                    await operator.delete(sub("a"))
                    await operator.update(sub("c"), item, 1, "outer c")
                    await operator.update_full()
                    await asyncio.sleep(3600)
                finally:
                    await asyncio.sleep(0.01)  # cleaning up takes its time

        class Feed:
            async def watch(self, subscriber: Any) -> None:
                for key in ("k", "l"):
                    await (await subscriber.update(key, 1)).ready()
                await subscriber.mark_ready()
                await subscriber.delete("k")
                await (await subscriber.update("k", 1)).ready()
                await subscriber.write_committed_state("read", 2)
                await asyncio.sleep(3600)

        async def fed(value: int) -> None:
            await asyncio.sleep(0)

        async def main() -> None:
            await coco.mount(Outer)
            await coco.mount_each(sub("feed"), fed, Feed())
            await coco.mount(coco.auto_refresh(refreshed, interval=timedelta(seconds=0.03)))

        self.app = self.bench.app(main)

    def begin_live(self) -> asyncio.Task[Any]:
        return self.bench.loop.create_task(self.app.update(live=True).result())

    def run_steps(self, count: int) -> None:
        """Run this many steps of the loop."""
        left = count

        def done() -> bool:
            nonlocal left
            left -= 1
            return left < 0

        self.bench.loop.run_until(done)


@pytest.fixture(params=[None, 1], ids=["in order", "random"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    place = Place(None if request.param is None else SeededRandom(random.Random(request.param)))
    yield place
    place.bench.close()


WHOLE = {"inner own": 1, "inner x": 1, "outer a": 1, "outer b": 1, "refreshed": 1}
STEPS = range(1, 400, 3)


def test_the_pipeline_does_all_of_it_within_these_steps(place: Place) -> None:
    task = place.begin_live()
    place.run_steps(STEPS.stop)
    assert not task.done()
    events = set(place.bench.events("live_ready", "component_removed"))
    assert events >= {
        'component_removed /@Outer/"a"',
        'component_removed /@Outer/"c"',
        'live_ready /"feed"',
        "live_ready /@Outer",
        "live_ready /@Outer/@Inner",
    }
    place.app.interrupt()
    place.bench.run(task)


def test_an_interrupt_at_any_step_leaves_nothing_running_and_loses_nothing(place: Place) -> None:
    loop = place.bench.loop
    for steps in STEPS:
        task = place.begin_live()
        place.run_steps(steps)
        place.app.interrupt()
        try:
            place.bench.run(task)
        except RuntimeError as error:
            assert str(error) == "Operation cancelled", steps
        loop.settle()
        assert [one.get_name() for one in asyncio.all_tasks(loop)] == [], steps
        place.bench.update(place.app)
        assert place.content == WHOLE, steps


def test_a_kill_at_any_step_loses_nothing(place: Place) -> None:
    for steps in STEPS:
        place.begin_live()
        place.run_steps(steps)
        place.bench.crash()
        place.begin()
        place.bench.update(place.app)
        assert place.content == WHOLE, steps


def test_a_drop_at_any_step_removes_everything(place: Place) -> None:
    for steps in STEPS:
        task = place.begin_live()
        place.run_steps(steps)
        place.bench.run(place.app.drop())
        try:
            place.bench.run(task)
        except RuntimeError as error:
            assert str(error) == "Operation cancelled", steps
        assert place.content == {}, steps
        assert [one.get_name() for one in asyncio.all_tasks(place.bench.loop)] == [], steps


@pytest.mark.parametrize("seed", range(20))
def test_what_is_interrupted_in_its_first_build_is_not_ready(seed: int) -> None:
    # LIV-46, LIV-51: whether the build or `process_live` hears of it first
    bench = Bench(SeededRandom(random.Random(seed)))

    class Slow:
        async def process(self) -> None:
            await asyncio.sleep(3600)

        async def process_live(self, operator: Any) -> None:
            await operator.update_full()
            await operator.mark_ready()

    async def main() -> None:
        await coco.mount(Slow)

    app = bench.app(main)
    task = bench.loop.create_task(app.update(live=True).result())
    bench.loop.run_until(lambda: bench.events("component_started") != [])
    bench.loop.settle()
    app.interrupt()
    with pytest.raises(RuntimeError, match="Operation cancelled"):
        bench.run(task)
    assert bench.events("live_ready") == []
    bench.close()
