"""What is in the targets of a world, by key: paths of files, `target/key` of rows, `kafka/topic/key` of messages."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from ...values import StableKey, key_text

if TYPE_CHECKING:
    from .._world import World

__all__ = ["is_message", "message_key", "part_text", "row_key", "rows_and_messages", "targets_of", "topic_of"]

_KAFKA = "kafka/"


def part_text(part: StableKey) -> str:
    """A key as text, the shortest way: what can be read needs no quotes."""
    if isinstance(part, bytes):
        with suppress(UnicodeDecodeError):
            return part.decode()
    return part if isinstance(part, str) else key_text(part)


def row_key(target: str, key: StableKey) -> str:
    """How a row of a simulated target is called here."""
    return f"{target}/{part_text(key)}"


def message_key(topic: str, key: bytes | None) -> str:
    """How a message of a topic is called here."""
    return f"{_KAFKA}{topic}/{part_text(key)}"


def is_message(key: str) -> bool:
    """Whether this is the key of a message."""
    return key.startswith(_KAFKA)


def topic_of(key: str) -> str:
    """The topic of a message, by its key."""
    return key.split("/")[1]


def rows_and_messages(world: World) -> dict[str, object]:
    """The rows of every simulated target, and the last message of each key that the pipeline produced to a topic."""
    found: dict[str, object] = {
        row_key(name, key): value for name, target in world.targets.items() for key, value in target.rows.items()
    }
    if world.external.has_kafka:
        kafka = world.kafka
        records = [
            (record.arrival, topic, record.key, record.value)
            for topic in kafka.topics
            for partition in kafka.partitions(topic)
            for record in partition.history
            if record.arrival in kafka.from_producers
        ]
        for _, topic, key, value in sorted(records, key=lambda record: record[0]):
            if value is None:
                found.pop(message_key(topic, key), None)
            else:
                found[message_key(topic, key)] = value
    return found


def targets_of(world: World) -> dict[str, object]:
    """Everything that the pipeline brought about; files by path relative to the working directory."""
    return {**world.target_files(), **rows_and_messages(world)}
