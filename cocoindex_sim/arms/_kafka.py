"""Kafka clusters that real clients talk to, and that outlive the processes of a story.

Mostly it is librdkafka's mock cluster, in the process of whoever tells the story: each story has its own. At an address
it is Apache Kafka, whose topics and groups are all deleted for each story.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

from ..world import CreateTopics, ExpireMessages, KafkaStep, ProduceMessages, TopicMessage
from ._arm import ArmError

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = ["KAFKA_CHANGES", "PARTITIONS", "ApacheKafka", "Cluster", "MockCluster", "cluster_at"]

KAFKA_CHANGES: Final = (CreateTopics, ProduceMessages, ExpireMessages)
"""The steps that some cluster can take."""

PARTITIONS: Final = 4
"""How many partitions each topic of the mock cluster has, whatever is asked for."""

_WITHIN_S: Final = 60.0
_SILENT: Final = logging.getLogger("cocoindex_sim.arms.kafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # it complains of clients that were killed


class Cluster:
    """One cluster, with the topics of one story. Close it.

    `config`: what its own client is made with.
    """

    def __init__(self, config: dict[str, Any]) -> None:
        from confluent_kafka import Producer

        self._producer: Any = Producer({"logger": _SILENT, "linger.ms": 0, **config})
        brokers = self._producer.list_topics(timeout=_WITHIN_S).brokers.values()
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        """Its address, for clients."""

    def take(self, step: KafkaStep) -> None:
        """Take a step of a story. ArmError for one that only a simulated cluster can take."""
        if isinstance(step, CreateTopics):
            for topic, partitions in step.topics:
                self._create(topic, partitions)
        elif isinstance(step, ProduceMessages):
            self._produce(step.messages)
        else:
            raise ArmError(f"this cluster can't take {type(step).__name__}")

    @property
    def topics(self) -> dict[str, int]:
        """The topics there are, and how many partitions each has."""
        found = self._producer.list_topics(timeout=_WITHIN_S).topics
        return {name: len(topic.partitions) for name, topic in sorted(found.items()) if not name.startswith("__")}

    def has_topic(self, topic: str) -> bool:
        """Whether there is such a topic."""
        return topic in self.topics

    def fold(self, topic: str) -> dict[bytes, bytes]:
        """The last value of each key, without those that were deleted."""
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        folded: dict[bytes, bytes] = {}
        consumer = self._consumer("the story")
        try:
            left = self.topics[topic]
            consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(left)])
            limit_s = time.monotonic() + _WITHIN_S
            while left:
                message = consumer.poll(0.5)
                if time.monotonic() > limit_s:
                    raise ArmError(f"the topic {topic!r} can't be read to its end within {_WITHIN_S:.0f} s")
                if message is None:
                    continue
                if message.error() is not None:
                    left -= 1
                else:
                    _fold(folded, message)
        finally:
            consumer.close()
        return folded

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """The committed offset of each partition that has one."""
        from confluent_kafka import TopicPartition

        consumer = self._consumer(group)
        try:
            places = [TopicPartition(topic, number) for number in range(self.topics[topic])]
            found = consumer.committed(places, timeout=_WITHIN_S)
        finally:
            consumer.close()
        return {place.partition: place.offset for place in found if place.offset >= 0}

    def close(self) -> None:
        """Leave it."""
        self._producer.flush(1)
        self._producer = None

    def _create(self, topic: str, partitions: int) -> None:
        """Have the topic, and wait until it answers."""
        self._until(lambda: self._answers(topic), f"no topic {topic!r}")

    def _answers(self, topic: str) -> bool:
        found = self._producer.list_topics(topic, timeout=_WITHIN_S).topics[topic].partitions.values()
        return bool(found) and all(partition.leader >= 0 for partition in found)

    def _until(self, condition: Callable[[], bool], fact: str) -> None:
        limit_s = time.monotonic() + _WITHIN_S
        while not condition():
            if time.monotonic() > limit_s:
                raise ArmError(f"the Kafka cluster has {fact} after {_WITHIN_S:.0f} s")
            time.sleep(0.05)

    def _consumer(self, group: str) -> Any:
        from confluent_kafka import Consumer

        return Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": group,
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "logger": _SILENT,
            }
        )

    def _produce(self, messages: Iterable[TopicMessage]) -> None:
        for message in messages:
            place = {} if message.partition is None else {"partition": message.partition}
            self._producer.produce(
                message.topic, value=message.value, key=message.key, headers=list(message.headers), **place
            )
        if self._producer.flush(_WITHIN_S):
            raise ArmError(f"the Kafka cluster did not take the messages within {_WITHIN_S:.0f} s")


class MockCluster(Cluster):
    """librdkafka's mock cluster. It makes a topic when it is asked for one, always with four partitions."""

    def __init__(self) -> None:
        super().__init__({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})


class ApacheKafka(Cluster):
    """Apache Kafka at an address. It belongs to the stories: whatever topics and groups it has are deleted."""

    def __init__(self, servers: str) -> None:
        from confluent_kafka.admin import AdminClient

        config: dict[str, Any] = {"bootstrap.servers": servers, "logger": _SILENT}
        super().__init__(config)
        self._admin: Any = AdminClient(config)
        self._empty()

    def take(self, step: KafkaStep) -> None:
        """Take a step of a story. ArmError for one that only a simulated cluster can take."""
        if isinstance(step, ExpireMessages):
            self._expire(step)
        else:
            super().take(step)

    def _create(self, topic: str, partitions: int) -> None:
        from confluent_kafka import KafkaException
        from confluent_kafka.cimpl import NewTopic

        def is_made() -> bool:
            try:
                self._admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(_WITHIN_S)
            except KafkaException:  # one of this name is still being deleted
                return False
            return True

        self._until(is_made, f"no topic {topic!r}")
        super()._create(topic, partitions)

    def _expire(self, step: ExpireMessages) -> None:
        from confluent_kafka import TopicPartition

        places = [
            TopicPartition(topic, number, -1 if before is None else before)
            for topic, before in step.topics
            for number in range(self.topics[topic])
        ]
        for deleted in self._admin.delete_records(places).values():
            deleted.result(_WITHIN_S)

    def _empty(self) -> None:
        from confluent_kafka import KafkaException

        topics = list(self.topics)
        for deleted in (self._admin.delete_topics(topics) if topics else {}).values():
            deleted.result(_WITHIN_S)
        self._until(lambda: not self.topics, "topics of another story")

        def has_none() -> bool:
            groups = [group.group_id for group in self._admin.list_consumer_groups().result(_WITHIN_S).valid]
            if not groups:
                return True
            for deleted in self._admin.delete_consumer_groups(groups).values():
                try:
                    deleted.result(_WITHIN_S)
                except KafkaException:  # a member that was killed is not missed yet
                    return False
            return True

        self._until(has_none, "groups of another story")


def cluster_at(address: str) -> Cluster:
    """Apache Kafka at an address, or a mock cluster without one."""
    return ApacheKafka(address) if address else MockCluster()


def _fold(folded: dict[bytes, bytes], message: Message) -> None:
    key, value = message.key(), message.value()
    if key is None:
        return
    assert isinstance(key, bytes)
    if value is None:
        folded.pop(key, None)
    else:
        assert isinstance(value, bytes)
        folded[key] = value
