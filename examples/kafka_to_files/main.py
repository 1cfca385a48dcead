"""Keep one JSON file below `orders` for each key of the topic `orders`, as its last message has it."""

import json
import os
import pathlib
from collections.abc import AsyncIterator

import cocoindex as coco
from cocoindex.connectors import kafka, localfs
from confluent_kafka import Message
from confluent_kafka.aio import AIOConsumer

CONSUMER = coco.ContextKey[AIOConsumer]("orders consumer")


@coco.lifespan
async def environment(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    consumer = AIOConsumer(
        {
            "bootstrap.servers": os.environ.get("KAFKA_SERVERS", "localhost:9092"),
            "group.id": "order-files",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    builder.provide(CONSUMER, consumer)
    try:
        yield
    finally:
        await consumer.close()


@coco.fn
async def write(message: Message, output: localfs.DirTarget) -> None:
    key, value = message.key(), message.value()
    assert isinstance(key, bytes)
    assert value is not None
    # A message that is no JSON fails alone, and the file of its key stays as it was.
    order = json.loads(value)
    output.declare_file(f"{key.hex()}.json", json.dumps(order, indent=2, sort_keys=True) + "\n")


@coco.fn
async def main(output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    await coco.mount_each(write, kafka.topic_as_map(coco.use_context(CONSUMER), ["orders"]), target)


app = coco.App("KafkaToFiles", main, pathlib.Path("orders"))
