"""Catch up on the messages of a topic of four partitions, on librdkafka's mock cluster inside this process.

python -m benchmarks.kafka PACKAGE MESSAGES KEYS

PACKAGE `bare` only consumes the topic: the floor. About three seconds of every figure are the cluster's group join.
"""

import asyncio
import os
from typing import Any, NoReturn

from confluent_kafka import Producer
from confluent_kafka.aio import AIOConsumer

from ._kafka import catch_up, consume
from ._measure import arguments, report, working_directory

TOPIC = "t"
GROUP = "g"

package, (messages, keys) = arguments("PACKAGE MESSAGES KEYS")


def produce() -> str:
    """Fill the topic of a new cluster; its brokers."""
    # The cluster lives as long as this producer, which is never freed.
    producer = Producer(
        {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "queue.buffering.max.messages": 1_000_000}
    )
    kept.append(producer)
    brokers = producer.list_topics(timeout=5).brokers.values()
    for number in range(messages):
        producer.produce(TOPIC, key=f"k{number % keys}", value=f"v{number}")
        if number % 1_000 == 0:
            producer.poll(0)
    producer.flush()
    return ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


kept: list[Any] = []


async def measure() -> NoReturn:
    consumer = AIOConsumer(
        {
            "bootstrap.servers": produce(),
            "group.id": GROUP,
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
        }
    )
    with working_directory() as directory:
        if package == "bare":
            seconds = await consume(consumer, TOPIC, messages)
        else:
            seconds = await catch_up(package, consumer, TOPIC, messages, keys, directory / "state")
        report({"seconds": round(seconds, 3), "per_s": round(messages / seconds)})
    os._exit(0)  # consumer and cluster take seconds to close


asyncio.run(measure())
