"""A memoized component fills a live map, and the app is updated again without changes.

python memoized_producer.py cocoindex|cocoindex_sim
"""

import importlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
LiveMap = importlib.import_module(f"{sys.argv[1]}.resources.live_map").LiveMap
seen: list[int] = []


@coco.fn(memo=True)
async def produce():
    maps[-1].declare_entry("page", 1)


async def consume(value):
    seen.append(value)


maps: list = []


async def main():
    maps.append(await LiveMap.create())
    await (await coco.mount(produce)).ready()
    await (await coco.mount_each(consume, maps[-1])).ready()


with tempfile.TemporaryDirectory() as directory:
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"))
    app = coco.App(coco.AppConfig("app", environment), main)
    app.update_blocking()
    seen.clear()
    app.update_blocking()
    print("items in the second update:", len(seen))
