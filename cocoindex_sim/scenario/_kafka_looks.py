"""What Kafka holds: `given: kafka`, and the looks `kafka` and `committed`."""

from __future__ import annotations

from typing import Any, Final

from ..world import (
    CreateTopics,
    KafkaStep,
    ProduceMessages,
    TopicExpectation,
    TopicMessage,
)
from ._checks import check_of
from ._kafka_messages import MESSAGES, PARTITIONS, TOPIC, alone
from ._mappings import Field, Fields, MapOf
from ._node import Node
from ._shapes import (
    Either,
    JsonSchema,
    ListOf,
    Mapped,
    Parsed,
    Plain,
    Shape,
    Text,
)

__all__ = ["COMMITTED", "GIVEN_KAFKA", "TOPICS"]

_GIVEN_TOPIC: Final = Fields(
    "`partitions:` and `messages:`",
    "part of a topic",
    (
        Field("partitions", PARTITIONS, "How many partitions it has; one unless given."),
        Field("messages", MESSAGES, "The messages in it."),
    ),
)
_GIVEN: Final = MapOf(TOPIC, _GIVEN_TOPIC, "a mapping from topic to what it has")


class _GivenKafka(Shape[tuple[tuple[str, tuple[KafkaStep, ...]], ...]]):
    """The topics there are at the beginning, each with the steps that make it."""

    expected = _GIVEN.expected
    inside = (_GIVEN_TOPIC,)

    def read(self, node: Node) -> tuple[tuple[str, tuple[KafkaStep, ...]], ...]:
        found: list[tuple[str, tuple[KafkaStep, ...]]] = []
        for topic, key, value in node.entries(self.expected):
            values = {} if value.is_nothing else _GIVEN_TOPIC.read(value)
            steps: list[KafkaStep] = [CreateTopics(key.place, ((topic, values.get("partitions", 1)),))]
            if "messages" in values:
                messages = tuple(TopicMessage(topic, *message) for message in values["messages"])
                steps.append(ProduceMessages(key.place, messages))
            found.append((topic, tuple(steps)))
        return tuple(found)

    def plain(self, value: tuple[tuple[str, tuple[KafkaStep, ...]], ...]) -> Plain:
        plain: dict[str, Plain] = {}
        for topic, steps in value:
            values: dict[str, Any] = {}
            for step in steps:
                if isinstance(step, CreateTopics):
                    ((_, count),) = step.topics
                    if count != 1:
                        values["partitions"] = count
                elif isinstance(step, ProduceMessages):
                    values["messages"] = tuple(tuple(message[1:]) for message in step.messages)
            plain[topic] = _GIVEN_TOPIC.plain(values) if values else None
        return plain

    def schema(self) -> JsonSchema:
        topic = {"anyOf": [{"type": "null"}, _GIVEN_TOPIC.schema()]}
        return {"type": "object", "additionalProperties": topic}


GIVEN_KAFKA: Final = _GivenKafka()
"""The topics there are at the beginning, each with the steps that make it."""


def _key(text: str) -> bytes:
    return text.encode()


TOPICS: Final[Shape[tuple[TopicExpectation, ...]]] = MapOf(
    TOPIC,
    MapOf(
        Parsed("a key", _key, bytes.decode),
        check_of("message"),
        "a mapping from key to content ({} for none)",
    ),
    "a mapping from topic to what each key has",
)
"""Each topic with the last value of each of its keys."""


class _Offset(Shape[int | None]):
    """An offset, or the word none."""

    expected = "an offset, or none"

    def read(self, node: Node) -> int | None:
        if node.kind == "text" and node.value == "none":
            return None
        return node.whole_number(self.expected, minimum=0)

    def plain(self, value: int | None) -> Plain:
        return "none" if value is None else value

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "integer", "minimum": 0}, {"const": "none"}]}


_OFFSETS: Final[Shape[tuple[int | None, ...]]] = Either(
    "an offset, or none",
    scalar=Mapped(_Offset(), lambda offset: (offset,), alone),
    items=ListOf(_Offset(), "an offset, or a list with one for each partition"),
)
_BY_GROUP: Final = MapOf(
    Text("the name of a group"),
    MapOf(TOPIC, _OFFSETS, "a mapping from topic to the committed offsets of its partitions"),
    "a mapping from group to topics",
)


def _by_group(value: tuple[tuple[str, str, tuple[int | None, ...]], ...]) -> Any:
    found: dict[str, list[tuple[str, tuple[int | None, ...]]]] = {}
    for group, topic, offsets in value:
        found.setdefault(group, []).append((topic, offsets))
    return tuple((group, tuple(topics)) for group, topics in found.items())


COMMITTED: Final = Mapped(
    _BY_GROUP,
    lambda value: tuple((group, topic, offsets) for group, topics in value for topic, offsets in topics),
    _by_group,
)
"""Group, topic and the committed offset of each partition."""
