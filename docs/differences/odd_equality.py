"""A live component declares the same entry of a live map in each of three cycles: NaN, and an array.

python odd_equality.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import sys
import tempfile

import numpy

coco = importlib.import_module(sys.argv[1])
LiveMap = importlib.import_module(f"{sys.argv[1]}.resources.live_map").LiveMap
CYCLES = 3


class Producer:
    def __init__(self, live_map, make_value):
        self.live_map = live_map
        self.make_value = make_value

    def process(self):
        self.live_map.declare_entry("key", self.make_value())

    async def process_live(self, operator):
        for _ in range(CYCLES):
            await operator.update_full()
            await operator.mark_ready()
            await asyncio.sleep(0.1)


class Consumer:
    def __init__(self, live_map, heard):
        self.live_map = live_map
        self.heard = heard

    def process(self):
        pass

    async def process_live(self, operator):
        watching = asyncio.ensure_future(self.live_map.watch(self))
        await asyncio.sleep(0.1 * CYCLES + 0.5)
        watching.cancel()

    async def update_all(self):
        async for _, value in self.live_map:
            self.heard.append(value)

    async def mark_ready(self):
        pass

    async def update(self, key, value):
        self.heard.append(value)


def run(make_value):
    heard, errors = [], []

    async def main():
        live_map = await LiveMap.create()
        async with coco.exception_handler(lambda error, context: errors.append(error)):
            await (await coco.mount(Producer, live_map, make_value)).ready()
        await coco.mount(Consumer, live_map, heard)

    with tempfile.TemporaryDirectory() as directory:
        environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"))
        coco.App(coco.AppConfig("app", environment), main).update_blocking(live=True)
    if errors:
        return type(errors[0]).__name__
    return "heard once" if len(heard) == 1 else "heard again"


print(f"NaN: {run(lambda: float('nan'))}; array: {run(lambda: numpy.array([1, 2]))}")
