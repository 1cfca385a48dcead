"""All messages of a topic have expired before it is followed for the first time: does the update end?

python expired_partition.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import os
import sys
import tempfile

from cocoindex_sim.fakes.kafka import KafkaCluster

coco = importlib.import_module(sys.argv[1])
kafka = importlib.import_module(f"{sys.argv[1]}.connectors.kafka")


async def process(message):
    pass


async def main(consumer):
    await coco.mount_each(process, kafka.topic_as_map(consumer, ["orders"]))


async def run(directory):
    cluster = KafkaCluster()
    cluster.create_topic("orders")
    cluster.produce("orders", "1", "tea")
    cluster.expire("orders")
    settings = {"group.id": "readers", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"), event_loop=asyncio.get_running_loop())
    app = coco.App(coco.AppConfig("app", environment), main, cluster.consumer(settings))
    update = asyncio.ensure_future(app.update().result())
    done, _ = await asyncio.wait([update], timeout=3)
    print("the update:", "ends" if done else "goes on", flush=True)
    os._exit(0)  # not waiting for it


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(run(directory))
