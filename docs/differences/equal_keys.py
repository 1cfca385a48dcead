"""A live map has entries for the keys 1 and True, which Python's dicts take for one.

python equal_keys.py cocoindex|cocoindex_sim
"""

import importlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
LiveMap = importlib.import_module(f"{sys.argv[1]}.resources.live_map").LiveMap


async def main():
    live_map = await LiveMap.create()

    async def produce():
        live_map.declare_entry(1, "one")
        live_map.declare_entry(True, "true")

    await (await coco.mount(produce)).ready()
    print("entries:", len([entry async for entry in live_map]))


with tempfile.TemporaryDirectory() as directory:
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
