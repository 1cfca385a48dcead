"""Goal: whatever runs, changes or is killed in which order, the follower of a live map ends with what is declared."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.resources.live_map import LiveMap
from cocoindex_sim.world import SeededRandom

from ..engine.field import Field, until_told

sub = coco.component_subpath
PRODUCERS = ("p", "q", "r")
EVENTS = ("component_started", "pre_committed", "actions_applied", "committed")
Entries = tuple[tuple[str, int], ...]


class Story:
    """An app whose memoized producers fill a map for memoized items, and what happens to it, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.field = Field(SeededRandom(random.Random(seed)))
        self.wanted: dict[str, Entries] = {}
        self.maps: list[LiveMap[str, Any]] = []
        self.begin_life()

    def begin_life(self) -> None:
        self.operator: Any = None  # of the producers, while the app is live
        self.maps.clear()
        maps, target = self.maps, self.field.provider

        @coco.fn(memo=True)
        async def produce(entries: Entries) -> None:
            await asyncio.sleep(0)
            for key, number in entries:
                maps[-1].declare_entry(key, (key, number))

        @coco.fn(memo=True)
        async def consume(value: tuple[str, int]) -> None:
            await asyncio.sleep(0)
            coco.declare_target_state(target.target_state(*value))

        async def process() -> None:
            for name, entries in self.wanted.items():
                await coco.mount(sub(name), produce, entries)

        async def process_live(operator: Any) -> None:
            await operator.update_full()
            await operator.mark_ready()
            self.operator = operator
            await until_told()

        async def main() -> None:
            maps.append(await LiveMap.create())
            await (await coco.mount(self.field.live(process_live, process))).ready()
            await (await coco.mount_each(sub("items"), consume, maps[-1])).ready()

        self.produce = produce
        self.app = self.field.app(main)

    def change(self) -> None:
        """What producers declare from their next run on."""
        for name in self.draw.sample(PRODUCERS, self.draw.randint(1, 3)):
            keys = [f"{name}{number}" for number in self.draw.sample(range(4), self.draw.randint(0, 3))]
            self.wanted[name] = tuple((key, self.draw.randint(0, 2)) for key in keys)
            if not keys:
                del self.wanted[name]

    async def tell(self) -> list[coco.ComponentMountHandle]:
        """Have every producer run, or go."""
        return [
            await self.operator.update(sub(name), self.produce, self.wanted[name])
            if name in self.wanted
            else await self.operator.delete(sub(name))
            for name in self.draw.sample(PRODUCERS, 3)
        ]

    async def changes(self, number: int) -> None:
        """Changes in a row, and complete cycles in between, that nobody waits for."""
        for _ in range(number):
            self.change()
            await self.tell()
            if self.draw.random() < 0.2:
                await self.operator.update_full()
            for _ in range(self.draw.randint(0, 30)):
                await asyncio.sleep(0)

    def catch_up(self) -> None:
        self.operator = None
        self.field.bench.update(self.app, full_reprocess=self.draw.random() < 0.3)

    def live(self) -> None:
        if self.operator is None:
            self.field.begin(self.app)
            self.field.let()
        self.field.bench.run(self.changes(self.draw.randint(1, 6)))

    def crash(self) -> None:
        self.field.bench.crash()
        self.field.provider = self.field.journal.provider()
        self.begin_life()
        self.catch_up()

    def killed(self) -> None:
        """As a crash, at some moment of an update."""
        if self.operator is None:
            update = self.app.update().result()
            self.field.bench.halt_at(update, self.draw.choice(EVENTS), self.draw.randint(1, 12))
        self.change()
        self.crash()

    def step(self) -> None:
        self.change()
        self.draw.choice([self.catch_up, self.live, self.live, self.crash, self.killed])()
        self.field.let()


@pytest.mark.parametrize("seed", range(30))
def test_the_target_holds_what_is_declared_after_every_step(seed: int) -> None:  # LMAP-03 LMAP-10 LMAP-11 FEED-10
    story = Story(seed)
    for _ in range(8):
        story.step()
        declared = {key: number for entries in story.wanted.values() for key, number in entries}
        assert story.field.content == declared
    story.field.bench.close()
