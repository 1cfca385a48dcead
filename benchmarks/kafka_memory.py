"""Catch up on a topic of twelve partitions of a Kafka that runs already, and say how much memory that took.

python -m benchmarks.kafka_memory PACKAGE BROKERS MESSAGES KEYS AHEAD_KB

PACKAGE `bare` only consumes the topic: the floor. AHEAD_KB is how much the client library may fetch ahead, its setting
`queued.max.messages.kbytes`, 65536 unless set: a small topic is fetched whole. With less than that, it also asks for
little at a time. The topic is filled first, by another process, and deleted at the end.
"""

import asyncio
import os
import subprocess
import sys
import uuid
from typing import NoReturn

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.aio import AIOConsumer
from confluent_kafka.cimpl import NewTopic

from ._kafka import catch_up, consume
from ._measure import report, rss_mb, working_directory

PARTITIONS = 12
UNLESS_SET_KB = 65536
# Counted in bytes of messages, of which short ones take a multiple in memory: so the number of them is limited, too.
SMALL_FETCHES = {"queued.min.messages": 2_000, "fetch.message.max.bytes": 65_536, "fetch.max.bytes": 1_000_000}


def fill(brokers: str, topic: str, messages: int, keys: int) -> None:
    """Produce all messages; the last of a key is the one with the highest number."""
    # A batch is fetched whole, whatever a fetch is limited to, and short topics have no long ones.
    batches = {"linger.ms": 50, "batch.num.messages": 500}
    producer = Producer({"bootstrap.servers": brokers, "queue.buffering.max.messages": 200_000, **batches})
    for number in range(messages):
        while True:
            try:
                producer.produce(topic, key=f"k{number % keys}", value=f"v{number}")
                break
            except BufferError:
                producer.poll(0.1)
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush()


def prepare(brokers: str, messages: int, keys: int) -> str:
    """Make a topic and have another process fill it; its name."""
    topic = f"benchmark-{uuid.uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(timeout=30)
    filling = [sys.executable, "-m", "benchmarks.kafka_memory", "--fill", brokers, topic, str(messages), str(keys)]
    subprocess.run(filling, check=True)
    return topic


async def measure(package: str, brokers: str, topic: str, messages: int, keys: int, ahead_kb: int) -> NoReturn:
    consumer = AIOConsumer(
        {
            "bootstrap.servers": brokers,
            "group.id": topic,
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": ahead_kb,
            **({} if ahead_kb >= UNLESS_SET_KB else SMALL_FETCHES),
        }
    )
    before_mb = rss_mb()
    with working_directory() as directory:
        if package == "bare":
            seconds = await consume(consumer, topic, messages)
        else:
            seconds = await catch_up(package, consumer, topic, messages, keys, directory / "state")
        figures = {"seconds": round(seconds, 3), "per_s": round(messages / seconds)}
        report(figures | {"before_mb": before_mb, "rss_mb": rss_mb()})
        admin = AdminClient({"bootstrap.servers": brokers})
        admin.delete_topics([topic])[topic].result(timeout=30)
    os._exit(0)  # the consumer takes seconds to close


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--fill", brokers, topic, messages, keys]:
            fill(brokers, topic, int(messages), int(keys))
        case [package, brokers, messages, keys, ahead_kb]:
            topic = prepare(brokers, int(messages), int(keys))
            asyncio.run(measure(package, brokers, topic, int(messages), int(keys), int(ahead_kb)))
        case _:
            sys.exit("usage: python -m benchmarks.kafka_memory PACKAGE BROKERS MESSAGES KEYS AHEAD_KB")
