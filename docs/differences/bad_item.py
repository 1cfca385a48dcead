"""Of three values that come through a live map one after the other, the second can't be mounted.

python bad_item.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import os
import sys
import tempfile
import threading

os.environ["RUST_LOG"] = "off"  # CocoIndex logs to the standard output
coco = importlib.import_module(sys.argv[1])
LiveMap = importlib.import_module(f"{sys.argv[1]}.resources.live_map").LiveMap
processed, reported = [], []
VALUES = ["first", lambda: "second", "third"]


@coco.fn(memo=True)
async def consume(value):
    processed.append(value)


class Producer:
    def __init__(self, live_map):
        self.live_map = live_map
        self.number = 0

    def process(self):
        for number in range(self.number):
            self.live_map.declare_entry(number, VALUES[number])

    async def process_live(self, operator):
        for _ in VALUES:
            self.number += 1
            await operator.update_full()
            await operator.mark_ready()
            await asyncio.sleep(0.3)
        print("processed:", *processed, end="; ")
        print("reported:", *reported or ["nothing"])
        done.set()


async def main():
    live_map = await LiveMap.create()
    async with coco.exception_handler(lambda error, context: reported.append(type(error).__name__)):
        await coco.mount(Producer, live_map)
        await coco.mount_each(coco.component_subpath("items"), consume, live_map)


done = threading.Event()
with tempfile.TemporaryDirectory() as directory:
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"))
    app = coco.App(coco.AppConfig("app", environment), main)
    threading.Thread(target=app.update_blocking, kwargs={"live": True}, daemon=True).start()
    done.wait()
    sys.stdout.flush()
os._exit(0)  # the update goes on
