"""The real clients, on a cluster at an address."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.aio import AIOConsumer, AIOProducer

SILENT = logging.getLogger("certification.librdkafka")
SILENT.addHandler(logging.NullHandler())
SILENT.propagate = False


async def retry(call: Callable[[], Awaitable[object]], patience_s: float = 60) -> None:
    """Call until Kafka has nothing to say against it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience_s
    while True:
        try:
            await call()
        except KafkaException:
            if loop.time() > end:
                raise
            await asyncio.sleep(0.2)
        else:
            return


class RealArm:
    """librdkafka's clients and a cluster of brokers."""

    def __init__(self, name: str, brokers: str, can: frozenset[str], replicas: int = 1) -> None:
        self.name = name
        self.can = can
        self.replicas = replicas
        self.warm = False
        self.config = {"bootstrap.servers": brokers, "logger": SILENT}
        self.sender = Producer(dict(self.config))
        self.admin = AdminClient(dict(self.config))

    async def warm_up(self) -> None:
        """Wait until the cluster does what it does on demand: its coordinators make topics of their own."""
        if self.warm:
            return
        self.warm = True
        await self.create_topic("warm-up", 4, {})
        consumer = self.consumer({"group.id": "warm-up"})
        places = [TopicPartition("warm-up", 0, 0)]
        producer = self.producer({"transactional.id": "warm-up"})
        try:
            await retry(lambda: consumer.commit(offsets=places, asynchronous=False))
            if "transactions" in self.can:
                await retry(producer.init_transactions)
                metadata = await consumer.consumer_group_metadata()
                await producer.begin_transaction()
                await producer.produce("warm-up", value="v", partition=0)
                await retry(lambda: producer.send_offsets_to_transaction(places, metadata))
                await producer.commit_transaction()
        finally:
            await producer.close()
            await consumer.close()

    def consumer(self, config: dict[str, Any]) -> AIOConsumer:
        return AIOConsumer(self.config | config, max_workers=4)

    def producer(self, config: dict[str, Any], **options: Any) -> AIOProducer:
        return AIOProducer(self.config | config, **options)

    async def create_topic(self, name: str, partitions: int, config: dict[str, str]) -> None:
        if "topics" in self.can:
            topic = NewTopic(name, partitions, self.replicas, config=config)
            await asyncio.to_thread(self.admin.create_topics([topic])[name].result, 60)
        # A cluster tells of a topic before all of it answers; the mock cluster makes it when it is asked for.
        while True:
            found = await asyncio.to_thread(self.sender.list_topics, name, 30)
            places = found.topics[name].partitions.values()
            if len(places) == partitions and all(place.leader >= 0 for place in places):
                return
            await asyncio.sleep(0.1)

    async def send(self, topic: str, messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
        return await asyncio.to_thread(self.send_now, topic, messages)

    def send_now(self, topic: str, messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
        """Produce, one after the other, in this thread."""
        delivered: dict[int, tuple[int, int]] = {}
        for number, message in enumerate(messages):

            def on_delivery(error: object, record: Any, number: int = number) -> None:
                assert error is None, error
                delivered[number] = record.partition(), record.offset()

            self.sender.produce(topic, on_delivery=on_delivery, **message)
        while len(delivered) < len(messages):
            self.sender.poll(0.1)
        return [delivered[number] for number in range(len(messages))]

    async def delete_records(self, before: dict[tuple[str, int], int]) -> None:
        places = [TopicPartition(*place, offset) for place, offset in before.items()]
        for deleted in self.admin.delete_records(places).values():
            await asyncio.to_thread(deleted.result, 60)

    async def compact(self, topic: str) -> None:
        await asyncio.sleep(1)

    async def leader(self, topic: str, partition: int) -> int:
        found = await asyncio.to_thread(self.sender.list_topics, topic, 30)
        return int(found.topics[topic].partitions[partition].leader)
