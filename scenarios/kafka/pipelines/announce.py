"""One message for each file of a directory, with its text in capitals."""

import pathlib
from collections.abc import AsyncIterator

import cocoindex as coco
from cocoindex.connectors import kafka, localfs
from cocoindex.resources.file import FileLike
from confluent_kafka.aio import AIOProducer

PRODUCER = coco.ContextKey[AIOProducer]("producer")


@coco.lifespan
async def environment(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    producer = AIOProducer({"bootstrap.servers": "kafka:9092"})
    builder.provide(PRODUCER, producer)
    yield
    await producer.close()


@coco.fn
async def announce(file: FileLike, topic: kafka.KafkaTopicTarget) -> None:
    topic.declare_target_state(key=file.file_path.path.name, value=(await file.read_text()).upper())


@coco.fn
async def main(source: pathlib.Path) -> None:
    topic = await kafka.mount_kafka_topic_target(PRODUCER, "news")
    await coco.mount_each(announce, localfs.walk_dir(source, live=True).items(), topic)


app = coco.App("Announce", main, pathlib.Path("in"))
