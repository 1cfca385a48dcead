"""The consumer meets an error: do the exception handlers hear of it?

python reported_consumer.py cocoindex|cocoindex_sim
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
heard = []


async def process(message):
    pass


def taken(error, context):
    heard.append(type(error).__name__)


async def main(consumer):
    async with coco.exception_handler(taken):
        await coco.mount_each(process, kafka.topic_as_map(consumer, ["orders"]))


async def run(directory):
    cluster = KafkaCluster()
    cluster.create_topic("orders")
    cluster.produce("orders", "1", "tea")
    settings = {"group.id": "readers", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"), event_loop=asyncio.get_running_loop())
    app = coco.App(coco.AppConfig("app", environment), main, cluster.consumer(settings))
    cluster.inject("poll", "error")
    await app.update()
    print("heard:", " ".join(heard) or "nothing", flush=True)
    os._exit(0)


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(run(directory))
