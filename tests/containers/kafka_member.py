"""A member of a group: for each key of a topic the file below `held` that says where its last message stands.

Which messages with a value it is given goes to the file `seen`, before anything is done about them. Its settings are in
the environment: KAFKA_BROKERS, KAFKA_TOPIC, KAFKA_GROUP.
"""

import os
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import kafka, localfs
from confluent_kafka import Message
from confluent_kafka.aio import AIOConsumer

SEEN = os.open("seen", os.O_WRONLY | os.O_CREAT | os.O_APPEND)


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def is_deletion(message: Message) -> bool:
    os.write(SEEN, f"{message.partition()} {message.offset()}\n".encode())
    return False


@coco.fn
async def hold(message: Message, held: localfs.DirTarget) -> None:
    assert message.value() == str(message.offset()).encode()
    held.declare_file(message.key().decode(), f"{message.partition()} {message.offset()}")


@coco.fn
async def main() -> None:
    held = await localfs.mount_dir_target(pathlib.Path("held"))
    consumer = AIOConsumer({
        "bootstrap.servers": os.environ["KAFKA_BROKERS"],
        "group.id": os.environ["KAFKA_GROUP"],
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 500,
    })  # fmt: skip
    await coco.mount_each(
        hold, kafka.topic_as_map(consumer, [os.environ["KAFKA_TOPIC"]], is_deletion=is_deletion), held
    )


app = coco.App("KafkaMember", main)
