"""What happens to Kafka: `given: kafka`, the steps `kafka.*`, and the looks `kafka` and `committed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..fakes import KAFKA_TROUBLES
from ..world import (
    ChangeBroker,
    ChangeMember,
    CommittedExpectation,
    CompactTopics,
    CreateTopics,
    ExpireMessages,
    InjectTrouble,
    KafkaStep,
    Place,
    ProduceMessages,
    Step,
    TopicExpectation,
    TopicMessage,
)
from ._maps import read_check
from ._node import Node, one_of

__all__ = ["KAFKA_READERS", "read_committed", "read_given_kafka", "read_topics"]

_MESSAGE = ("key", "value", "partition", "headers")


def read_given_kafka(node: Node) -> tuple[tuple[str, tuple[KafkaStep, ...]], ...]:
    """The topics there are at the beginning, each with what makes it."""
    found: list[tuple[str, tuple[KafkaStep, ...]]] = []
    for topic, key, value in node.entries("a mapping from topic to what it has"):
        known = ("partitions", "messages")
        fields = {} if value.is_nothing else value.fields("`partitions:` and `messages:`", known, "part of a topic")
        partitions = _count(fields["partitions"]) if "partitions" in fields else 1
        steps: list[KafkaStep] = [CreateTopics(key.place, ((topic, partitions),))]
        if "messages" in fields:
            steps.append(ProduceMessages(key.place, _messages(topic, fields["messages"])))
        found.append((topic, tuple(steps)))
    return tuple(found)


def _create(node: Node, place: Place) -> Step:
    if not node.is_mapping:
        return CreateTopics(place, ((node.text("the name of a topic, or a mapping from topic to partitions"), 1),))
    entries = node.entries("a mapping from topic to its number of partitions")
    return CreateTopics(place, tuple((topic, _count(value)) for topic, _, value in entries))


def _count(node: Node) -> int:
    return node.whole_number("a number of partitions", minimum=1)


def _messages(topic: str, node: Node) -> tuple[TopicMessage, ...]:
    if node.is_mapping:
        entries = node.entries("a mapping from key to value, or a list of messages")
        return tuple(TopicMessage(topic, key.encode(), _value(value)) for key, _, value in entries)
    return tuple(_message(topic, item) for item in node.items("a mapping from key to value, or a list of messages"))


def _message(topic: str, node: Node) -> TopicMessage:
    fields = node.fields("a message with `key:` and `value:`", _MESSAGE, "part of a message")
    if not fields:
        node.fail("a message without key and value says nothing; write `{key: a, value: b}`")
    headers = fields["headers"].entries("a mapping from name to value") if "headers" in fields else []
    return TopicMessage(
        topic,
        _value(fields["key"]) if "key" in fields else None,
        _value(fields["value"]) if "value" in fields else None,
        fields["partition"].whole_number("the number of a partition", minimum=0) if "partition" in fields else None,
        tuple((name, value.content("the value of a header")) for name, _, value in headers),
    )


def _value(node: Node) -> bytes | None:
    return None if node.is_nothing else node.content("text, !!binary, or nothing")


def _produce(node: Node, place: Place) -> Step:
    entries = node.entries("a mapping from topic to messages")
    messages = tuple(message for topic, _, value in entries for message in _messages(topic, value))
    if not messages:
        node.fail("`kafka.produce` produces nothing; write at least one message")
    return ProduceMessages(place, messages)


def _listed(node: Node, expected: str) -> list[Node]:
    return node.items(expected) if node.is_list else [node]


def _tombstone(node: Node, place: Place) -> Step:
    entries = node.entries("a mapping from topic to a key or a list of keys")
    messages = tuple(
        TopicMessage(topic, key.content("a key"), None)
        for topic, _, value in entries
        for key in _listed(value, "a key or a list of keys")
    )
    if not messages:
        node.fail("`kafka.tombstone` deletes nothing; name at least one key")
    return ProduceMessages(place, messages)


def _expire(node: Node, place: Place) -> Step:
    if node.is_mapping:
        entries = node.entries("a mapping from topic to the first offset that stays")
        before = tuple((topic, value.whole_number("an offset", minimum=0)) for topic, _, value in entries)
        return ExpireMessages(place, before)
    return ExpireMessages(place, tuple((topic, None) for topic in _names(node)))


def _names(node: Node) -> list[str]:
    return [item.text("the name of a topic") for item in _listed(node, "a topic or a list of topics")]


def _compact(node: Node, place: Place) -> Step:
    if not node.is_mapping:
        return CompactTopics(place, tuple(_names(node)))
    fields = node.fields("a topic, or `topic:` and `tombstones:`", ("topic", "tombstones"), "option")
    if "topic" not in fields:
        node.fail("`topic:` is missing; name what is compacted")
    tombstones = fields["tombstones"].truth("true or false") if "tombstones" in fields else False
    return CompactTopics(place, tuple(_names(fields["topic"])), tombstones)


_BROKER: dict[str, Literal["stop", "start"]] = {"stop": "stop", "start": "start"}


def _broker(node: Node, place: Place) -> Step:
    number = None
    if node.is_mapping:
        fields = node.fields("`stop:` or `start:` and the number of a broker", tuple(_BROKER), "change of a broker")
        if len(fields) != 1:
            node.fail(f"expected one of `stop:` and `start:`, found {len(fields)} of them")
        ((text, value),) = fields.items()
        number = value.whole_number("the number of a broker", minimum=1)
    else:
        text = node.text("'stop' or 'start', for all brokers, or one of them as in `{stop: 1}`")
        if text not in _BROKER:
            node.fail(f"nothing called {text!r} happens to brokers; {one_of(text, tuple(_BROKER))}")
    return ChangeBroker(place, _BROKER[text], number)


def _member(node: Node, place: Place) -> Step:
    fields = node.fields("`join:` or `leave:` and the name of a group", ("join", "leave", "topics", "name"), "option")
    if ("join" in fields) == ("leave" in fields):
        node.fail("expected one of `join:` and `leave:`, with the name of a group")
    name = fields["name"].text("a name for the member") if "name" in fields else "scripted"
    if "leave" in fields:
        if "topics" in fields:
            fields["topics"].fail("a member that leaves needs no topics")
        return ChangeMember(place, "leave", fields["leave"].text("the name of a group"), (), name)
    if "topics" not in fields:
        node.fail("`topics:` is missing; name what the member subscribes to")
    return ChangeMember(
        place, "join", fields["join"].text("the name of a group"), tuple(_names(fields["topics"])), name
    )


def _rebalance(node: Node, place: Place) -> Step:
    return ChangeMember(place, "rebalance", node.text("the name of a group"))


def _inject(node: Node, place: Place) -> Step:
    fields = node.fields("`fault:` and `at:`", ("fault", "at", "nth", "times"), "part of a fault")
    for needed in ("fault", "at"):
        if needed not in fields:
            node.fail(
                f"`{needed}:` is missing; write what goes wrong at which call, as in `{{fault: fails, at: commit}}`"
            )
    call, kind = fields["at"].text("the name of a call"), fields["fault"].text("what goes wrong")
    if call not in KAFKA_TROUBLES:
        fields["at"].fail(f"unknown call {call!r}; {one_of(call, KAFKA_TROUBLES)}")
    if kind not in KAFKA_TROUBLES[call]:
        fields["fault"].fail(f"{kind!r} can't happen at {call!r}; {one_of(kind, KAFKA_TROUBLES[call])}")
    nth, times = (fields[name].whole_number("a count", minimum=1) if name in fields else 1 for name in ("nth", "times"))
    return InjectTrouble(place, "kafka", "", kind, call, nth, times)


KAFKA_READERS: dict[str, Callable[[Node, Place], Step]] = {
    "kafka.create": _create,
    "kafka.produce": _produce,
    "kafka.tombstone": _tombstone,
    "kafka.expire": _expire,
    "kafka.compact": _compact,
    "kafka.broker": _broker,
    "kafka.member": _member,
    "kafka.rebalance": _rebalance,
    "kafka.inject": _inject,
}
"""How each of these steps is written."""


def read_topics(node: Node) -> tuple[TopicExpectation, ...]:
    """Each topic with the last value of each of its keys."""
    expected = "a mapping from key to content ({} for none)"
    return tuple(
        (topic, tuple((key.encode(), read_check(content, "message")) for key, _, content in value.entries(expected)))
        for topic, _, value in node.entries("a mapping from topic to what each key has")
    )


def read_committed(node: Node) -> tuple[CommittedExpectation, ...]:
    """Group, topic and the committed offset of each partition."""
    return tuple(
        (
            group,
            topic,
            tuple(_offset(item) for item in _listed(offsets, "an offset, or a list with one for each partition")),
        )
        for group, _, topics in node.entries("a mapping from group to topics")
        for topic, _, offsets in topics.entries("a mapping from topic to the committed offsets of its partitions")
    )


def _offset(node: Node) -> int | None:
    if not node.is_list and not node.is_mapping and not node.is_nothing and node.text("an offset") == "none":
        return None
    return node.whole_number("an offset, or none", minimum=0)
