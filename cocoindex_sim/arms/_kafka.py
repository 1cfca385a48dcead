"""A Kafka cluster that real clients talk to: librdkafka's mock cluster, in the process of whoever tells the story.

It outlives the processes of the story, and each story has its own.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from ..world import CreateTopics, KafkaStep, ProduceMessages, TopicMessage
from ._arm import ArmError

if TYPE_CHECKING:
    from confluent_kafka import Message

__all__ = ["PARTITIONS", "MockCluster"]

PARTITIONS: Final = 4
"""How many partitions each of its topics has, whatever is asked for."""

_WITHIN_S: Final = 30.0
_SILENT: Final = logging.getLogger("cocoindex_sim.arms.kafka")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False  # it complains of clients that were killed


class MockCluster:
    """One cluster, with the topics of one story. Close it."""

    def __init__(self) -> None:
        from confluent_kafka import Producer

        self._producer: Any = Producer(
            {"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "logger": _SILENT, "linger.ms": 0}
        )
        brokers = self._producer.list_topics(timeout=_WITHIN_S).brokers.values()
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
        """Its address, for clients."""

    def take(self, step: KafkaStep) -> None:
        """Take a step of a story. ArmError for one that only a simulated cluster can take."""
        if isinstance(step, CreateTopics):
            for topic, _ in step.topics:
                self._create(topic)
        elif isinstance(step, ProduceMessages):
            self._produce(step.messages)
        else:
            raise ArmError(f"the mock cluster can't take {type(step).__name__}")

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
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": "the story",
                "enable.partition.eof": True,
                "enable.auto.commit": False,
                "logger": _SILENT,
            }
        )
        folded: dict[bytes, bytes] = {}
        try:
            ends = self.topics[topic]
            consumer.assign([TopicPartition(topic, number, 0) for number in range(ends)])
            limit_s = time.monotonic() + _WITHIN_S
            while ends:
                message = consumer.poll(0.5)
                if time.monotonic() > limit_s:
                    raise ArmError(f"the topic {topic!r} can't be read to its end within {_WITHIN_S:.0f} s")
                if message is None:
                    continue
                if message.error() is not None:
                    ends -= 1
                else:
                    _fold(folded, message)
        finally:
            consumer.close()
        return folded

    def close(self) -> None:
        """End it."""
        self._producer.flush(1)
        self._producer = None

    def _create(self, topic: str) -> None:
        limit_s = time.monotonic() + _WITHIN_S
        while True:  # it makes a topic when it is asked for one
            found = self._producer.list_topics(topic, timeout=_WITHIN_S).topics[topic].partitions.values()
            if found and all(partition.leader >= 0 for partition in found):
                return
            if time.monotonic() > limit_s:
                raise ArmError(f"the mock cluster made no topic {topic!r} within {_WITHIN_S:.0f} s")
            time.sleep(0.05)

    def _produce(self, messages: Iterable[TopicMessage]) -> None:
        for message in messages:
            place = {} if message.partition is None else {"partition": message.partition}
            self._producer.produce(
                message.topic, value=message.value, key=message.key, headers=list(message.headers), **place
            )
        if self._producer.flush(_WITHIN_S):
            raise ArmError(f"the mock cluster did not take the messages within {_WITHIN_S:.0f} s")


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
