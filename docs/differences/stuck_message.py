"""A handler raises the failure of a message: does a catch-up update end, and how?

python stuck_message.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import logging
import os
import sys
import tempfile

from cocoindex_sim.fakes.kafka import KafkaCluster

coco = importlib.import_module(sys.argv[1])
kafka = importlib.import_module(f"{sys.argv[1]}.connectors.kafka")
logging.disable(logging.CRITICAL)


async def process(message):
    if message.value() == b"poison":
        raise ValueError("poison")


def raising(error, context):
    raise error


async def main(consumer):
    async with coco.exception_handler(raising):
        await coco.mount_each(process, kafka.topic_as_map(consumer, ["orders"]))


async def run(directory):
    cluster = KafkaCluster()
    cluster.create_topic("orders")
    cluster.produce("orders", "poison", "tea")
    settings = {"group.id": "readers", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"), event_loop=asyncio.get_running_loop())
    app = coco.App(coco.AppConfig("app", environment), main, cluster.consumer(settings))
    update = asyncio.ensure_future(app.update().result())
    done, _ = await asyncio.wait([update], timeout=3)
    print("the update:", "fails: poison" if done and "poison" in str(update.exception()) else "goes on", flush=True)
    os._exit(0)  # not waiting for it


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(run(directory))
