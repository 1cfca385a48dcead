"""Goal: the cluster in memory behaves like Apache Kafka, but for the differences that are accepted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cocoindex_sim.fakes.kafka import FakeConsumer, FakeProducer, KafkaCluster

from ...certification.stories import tell
from ...certification.verdict import capabilities, judge, stories_for


class FakeArm:
    """The cluster in memory, with the settings of the brokers that the stories are told to otherwise."""

    name = "fake"
    can = capabilities("fake")

    def __init__(self, cluster: KafkaCluster) -> None:
        self.cluster = cluster
        cluster.auto_create_partitions = 0

    async def warm_up(self) -> None:
        """It is ready."""

    def consumer(self, config: dict[str, Any]) -> FakeConsumer:
        return self.cluster.consumer(config)

    def producer(self, config: dict[str, Any], **options: Any) -> FakeProducer:
        return self.cluster.producer(config, **options)

    async def create_topic(self, name: str, partitions: int, config: dict[str, str]) -> None:
        self.cluster.create_topic(name, partitions)

    async def send(self, topic: str, messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
        sent = []
        for message in messages:
            given = {{"timestamp": "timestamp_ms"}.get(key, key): value for key, value in message.items()}
            record = self.cluster.produce(topic, **given)
            sent.append((record.partition(), record.offset()))
        return sent

    async def delete_records(self, before: dict[tuple[str, int], int]) -> None:
        for (topic, partition), offset in before.items():
            self.cluster.expire(topic, offset, partition=partition)

    async def compact(self, topic: str) -> None:
        self.cluster.compact(topic)

    async def leader(self, topic: str, partition: int) -> int:
        return self.cluster.leader((topic, partition))

    async def stop_brokers(self, *numbers: int) -> None:
        for number in numbers or (None,):
            self.cluster.stop_broker(number)

    async def start_brokers(self, *numbers: int) -> None:
        for number in numbers or (None,):
            self.cluster.start_broker(number)


@pytest.mark.parametrize("name", stories_for("fake"))
def test_the_cluster_in_memory_behaves_like_kafka(
    name: str, cluster: KafkaCluster, loop: asyncio.AbstractEventLoop
) -> None:
    judge("fake", name, loop.run_until_complete(tell(name, FakeArm(cluster))))
