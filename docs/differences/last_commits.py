"""A catch-up update processes a backlog: how much of it does the next one process again?

python last_commits.py cocoindex|cocoindex_sim
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
    for number in range(100):
        cluster.produce("orders", "1", f"order {number}")
    settings = {"group.id": "readers", "enable.auto.commit": False, "auto.offset.reset": "earliest"}
    environment = coco.Environment(coco.Settings(db_path=f"{directory}/state"), event_loop=asyncio.get_running_loop())
    await coco.App(coco.AppConfig("app", environment), main, cluster.consumer(settings)).update()
    committed = cluster.committed("readers", "orders").get(0, 0)
    print("again:", "nothing" if committed == 100 else "what was done last", flush=True)
    os._exit(0)  # commits may still be under way


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(run(directory))
