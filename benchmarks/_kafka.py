"""Catching up on a topic of Kafka, with an engine and without."""

# mypy: disable-error-code="untyped-decorator"
# The package is chosen at run time, so nothing is known of its decorators.

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from confluent_kafka.aio import AIOConsumer

from ._measure import Journal, package_under_test

__all__ = ["catch_up", "consume"]


async def consume(consumer: AIOConsumer, topic: str, messages: int) -> float:
    """Without an engine: seconds."""
    await consumer.subscribe([topic])
    seen = 0
    start = time.perf_counter()
    while seen < messages:
        seen += len(await consumer.consume(num_messages=500, timeout=1))
    return time.perf_counter() - start


async def catch_up(package: str, consumer: AIOConsumer, topic: str, messages: int, keys: int, state: Path) -> float:
    """With one: seconds. The last message of a key is the one with the highest number."""
    coco = package_under_test(package)
    kafka = package_under_test(f"{package}.connectors.kafka")
    journal = Journal(coco)
    provider = coco.register_root_target_states_provider("benchmarks/kafka", journal)

    @coco.fn
    async def declare(message: Any) -> None:
        coco.declare_target_state(provider.target_state(message.key(), message.value()))

    @coco.fn
    async def main() -> None:
        await coco.mount_each(declare, kafka.topic_as_map(consumer, [topic]))

    environment = coco.Environment(coco.Settings(db_path=state), event_loop=asyncio.get_running_loop())
    app = coco.App(coco.AppConfig("kafka", environment), main)
    start = time.perf_counter()
    await app.update()
    seconds = time.perf_counter() - start
    # CocoIndex 1.0.26 deletes what a feed delivered before it was ready, on the first run of an app.
    if package != "cocoindex":
        first = max(messages - keys, 0)
        last = {f"k{number % keys}".encode(): f"v{number}".encode() for number in range(first, messages)}
        assert journal.content == last
    return seconds
