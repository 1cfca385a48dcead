"""Sends the files in `in` to the topic `prices`. The file `keys` says whether their keys are text or bytes."""

import pathlib
from collections.abc import AsyncIterator

import cocoindex as coco
from cocoindex.connectors import kafka, localfs
from confluent_kafka.aio import AIOProducer

PRODUCER = coco.ContextKey[AIOProducer]("prices producer")


@coco.lifespan
async def environment(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    producer = AIOProducer({"bootstrap.servers": "kafka:9092"})
    builder.provide(PRODUCER, producer)
    yield
    await producer.close()


def key_of(name: str) -> str | bytes:
    return name.encode() if pathlib.Path("keys").read_text() == "bytes" else name


@coco.fn
async def main() -> None:
    topic = await kafka.mount_kafka_topic_target(PRODUCER, "prices")
    async for name, file in localfs.walk_dir("in").items():
        topic.declare_target_state(key=key_of(str(name)), value=await file.read())


app = coco.App("Tariff", main)
