"""What happens in a story to the Kafka cluster, as values, and how it is brought about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from ._place import Place

if TYPE_CHECKING:
    from ..fakes.kafka import KafkaCluster

__all__ = [
    "KAFKA_SOURCE_STEPS",
    "KAFKA_STEPS",
    "ChangeBroker",
    "ChangeMember",
    "CompactTopics",
    "CreateTopics",
    "ExpireMessages",
    "KafkaStep",
    "ProduceMessages",
    "TopicMessage",
    "change_kafka",
]


class TopicMessage(NamedTuple):
    """One message to be produced; without a value it deletes its key, without a partition the key decides."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class CreateTopics:
    """Create topics: (name, number of partitions) each."""

    place: Place
    topics: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class ProduceMessages:
    """Add messages to topics, in order."""

    place: Place
    messages: tuple[TopicMessage, ...]


@dataclass(frozen=True, slots=True)
class ExpireMessages:
    """Drop the messages before an offset (None: all there are) of each partition, as retention does."""

    place: Place
    topics: tuple[tuple[str, int | None], ...]


@dataclass(frozen=True, slots=True)
class CompactTopics:
    """Keep the last message of each key; with `tombstones`, no deletions either. Gaps are left."""

    place: Place
    topics: tuple[str, ...]
    tombstones: bool = False


@dataclass(frozen=True, slots=True)
class ChangeBroker:
    """Take brokers down, or bring them up again; all, or the one of this number."""

    place: Place
    kind: Literal["stop", "start"]
    broker: int | None = None


@dataclass(frozen=True, slots=True)
class ChangeMember:
    """Have a member that reads nothing join a group or leave it, or the members of a group share out anew."""

    place: Place
    kind: Literal["join", "leave", "rebalance"]
    group: str
    topics: tuple[str, ...] = ()
    name: str = "scripted"


KafkaStep: TypeAlias = CreateTopics | ProduceMessages | ExpireMessages | CompactTopics | ChangeBroker | ChangeMember

KAFKA_SOURCE_STEPS = (CreateTopics, ProduceMessages, ExpireMessages, CompactTopics)
"""The steps that change what is in topics."""

KAFKA_STEPS = (*KAFKA_SOURCE_STEPS, ChangeBroker, ChangeMember)
"""All of these steps."""


def change_kafka(kafka: KafkaCluster, step: KafkaStep) -> None:
    """Take a step. ValueError for what can't be done."""
    if isinstance(step, CreateTopics):
        for topic, partitions in step.topics:
            kafka.create_topic(topic, partitions)
    elif isinstance(step, ProduceMessages):
        for message in step.messages:
            kafka.partitions(message.topic)  # a topic that is not there is a slip
            kafka.produce(
                message.topic, message.value, message.key, partition=message.partition, headers=message.headers
            )
    elif isinstance(step, ExpireMessages):
        for topic, before in step.topics:
            kafka.expire(topic, before)
    elif isinstance(step, CompactTopics):
        for topic in step.topics:
            kafka.compact(topic, tombstones=step.tombstones)
    elif isinstance(step, ChangeBroker):
        (kafka.stop_broker if step.kind == "stop" else kafka.start_broker)(step.broker)
    elif step.kind == "join":
        kafka.join_member(step.group, step.topics, step.name)
    elif step.kind == "leave":
        kafka.leave_member(step.group, step.name)
    else:
        kafka.rebalance(step.group)
