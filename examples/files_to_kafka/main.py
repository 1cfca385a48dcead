"""Send the text files below `notes` to the topic `notes`: one message for each file that is new, changed or gone."""

import os
import pathlib
from collections.abc import AsyncIterator

import cocoindex as coco
from cocoindex.connectors import kafka, localfs
from cocoindex.resources.file import FileLike
from confluent_kafka.aio import AIOProducer

PRODUCER = coco.ContextKey[AIOProducer]("notes producer")


@coco.lifespan
async def environment(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    producer = AIOProducer({"bootstrap.servers": os.environ.get("KAFKA_SERVERS", "localhost:9092")})
    builder.provide(PRODUCER, producer)
    try:
        yield
    finally:
        await producer.close()


@coco.fn(memo=True)
async def send(file: FileLike, source: pathlib.Path, topic: kafka.KafkaTopicTarget) -> None:
    name = file.file_path.path.relative_to(source).as_posix()
    topic.declare_target_state(key=name, value=await file.read())


@coco.fn
async def main(source: pathlib.Path) -> None:
    topic = await kafka.mount_kafka_topic_target(PRODUCER, "notes")
    await coco.mount_each(send, localfs.walk_dir(source, live=True, recursive=True).items(), source, topic)


app = coco.App("FilesToKafka", main, pathlib.Path("notes"))
