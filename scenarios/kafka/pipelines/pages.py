"""One file for each key of a topic, with its last value."""

import pathlib
from collections.abc import AsyncIterator

import cocoindex as coco
from cocoindex.connectors import kafka, localfs
from confluent_kafka import Message
from confluent_kafka.aio import AIOConsumer

CONSUMER = coco.ContextKey[AIOConsumer]("consumer")


@coco.lifespan
async def environment(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    consumer = AIOConsumer(
        {
            "bootstrap.servers": "kafka:9092",
            "group.id": "pages",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    builder.provide(CONSUMER, consumer)
    yield
    await consumer.close()


@coco.fn
async def write(message: Message, pages: localfs.DirTarget) -> None:
    key, value = message.key(), message.value()
    assert key is not None and value is not None
    pages.declare_file(f"{key.decode()}.txt", value)


@coco.fn
async def main(output: pathlib.Path) -> None:
    pages = await localfs.mount_dir_target(output)
    await coco.mount_each(write, kafka.topic_as_map(coco.use_context(CONSUMER), ["drafts"]), pages)


app = coco.App("Pages", main, pathlib.Path("pages"))
