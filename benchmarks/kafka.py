"""Catch up on the messages of a topic of four partitions, on librdkafka's mock cluster inside this process.

python -m benchmarks.kafka PACKAGE MESSAGES KEYS

PACKAGE `bare` only consumes the topic: the floor. About three seconds of every figure are the cluster's group join.
"""

# mypy: disable-error-code="untyped-decorator"
# The package is chosen at run time, so nothing is known of its decorators.

import asyncio
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any, NoReturn

from confluent_kafka import Producer
from confluent_kafka.aio import AIOConsumer

from ._measure import Journal, arguments, package_under_test, report

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


async def run_bare(consumer: AIOConsumer) -> float:
    """Without an engine: seconds."""
    await consumer.subscribe([TOPIC])
    seen = 0
    start = time.perf_counter()
    while seen < messages:
        seen += len(await consumer.consume(num_messages=500, timeout=1))
    return time.perf_counter() - start


async def run_engine(consumer: AIOConsumer, state: Path) -> float:
    """With one: seconds."""
    coco = package_under_test(package)
    kafka = package_under_test(f"{package}.connectors.kafka")
    journal = Journal(coco)
    provider = coco.register_root_target_states_provider("benchmarks/kafka", journal)

    @coco.fn
    async def declare(message: Any) -> None:
        coco.declare_target_state(provider.target_state(message.key(), message.value()))

    @coco.fn
    async def main() -> None:
        await coco.mount_each(declare, kafka.topic_as_map(consumer, [TOPIC]))

    environment = coco.Environment(coco.Settings(db_path=state), event_loop=asyncio.get_running_loop())
    app = coco.App(coco.AppConfig("kafka", environment), main)
    start = time.perf_counter()
    await app.update()
    seconds = time.perf_counter() - start
    # CocoIndex 1.0.26 deletes what a feed delivered before it was ready, on the first run of an app.
    if package != "cocoindex":
        last = {f"k{number % keys}".encode(): f"v{number}".encode() for number in range(messages)}
        assert journal.content == last
    return seconds


async def measure() -> NoReturn:
    consumer = AIOConsumer(
        {
            "bootstrap.servers": produce(),
            "group.id": GROUP,
            "enable.auto.commit": "false",
            "auto.offset.reset": "earliest",
        }
    )
    directory = Path(tempfile.mkdtemp())
    try:
        seconds = await (run_bare(consumer) if package == "bare" else run_engine(consumer, directory / "state"))
        report({"seconds": round(seconds, 3), "per_s": round(messages / seconds)})
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    os._exit(0)  # consumer and cluster take seconds to close


asyncio.run(measure())
