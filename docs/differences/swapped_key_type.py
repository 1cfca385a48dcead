"""The key of a message is declared as text, and in the next update as bytes of the same content: what is in the topic?

python swapped_key_type.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import sys
import tempfile

from cocoindex_sim.fakes.kafka import KafkaCluster

coco = importlib.import_module(sys.argv[1])
kafka = importlib.import_module(f"{sys.argv[1]}.connectors.kafka")
PRODUCER = coco.ContextKey("producer")
keys = iter(["tea", b"tea"])


async def main():
    target = await kafka.mount_kafka_topic_target(PRODUCER, "prices")
    target.declare_target_state(key=next(keys), value="5")


async def run(directory):
    cluster = KafkaCluster()
    cluster.create_topic("prices")
    producer = cluster.producer({})
    context = coco.ContextProvider()
    context.provide(PRODUCER, producer)
    settings, loop = coco.Settings(db_path=f"{directory}/state"), asyncio.get_running_loop()
    environment = coco.Environment(settings, context_provider=context, event_loop=loop)
    app = coco.App(coco.AppConfig("app", environment), main)
    for _ in range(2):
        await app.update()
    await producer.close()
    print("tea:", cluster.fold("prices").get(b"tea", b"deleted").decode())


with tempfile.TemporaryDirectory() as directory:
    asyncio.run(run(directory))
