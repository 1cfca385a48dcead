"""Messages of Kafka: how they are written, to be produced or to delete keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ..world import (
    TopicMessage,
)
from ._mappings import Field, Fields, MapOf
from ._node import Node
from ._paths import one_or_more
from ._shapes import (
    Content,
    Either,
    JsonSchema,
    ListOf,
    Mapped,
    Nothing,
    Number,
    Plain,
    Shape,
    Text,
    Unwritable,
)

__all__ = ["MESSAGES", "PARTITIONS", "PRODUCED", "TOMBSTONES", "TOPIC", "TOPIC_NAMES", "Message", "alone"]

T = TypeVar("T")

Message: TypeAlias = tuple[bytes | None, bytes | None, int | None, tuple[tuple[str, bytes], ...]]
"""Key, value, partition and headers."""

TOPIC: Final = Text("the name of a topic")
"""The name of a topic."""

PARTITIONS: Final = Number("a number of partitions", 1)
"""How many partitions a topic has."""

TOPIC_NAMES: Final = one_or_more(TOPIC, "the name of a topic", "a topic or a list of topics", once=False)
"""One topic, or a list of them."""


def _no_bytes(value: bytes | None) -> None:
    if value is not None:
        raise Unwritable


def _some_bytes(value: bytes | None) -> bytes:
    if value is None:
        raise Unwritable
    return value


_VALUE: Final[Shape[bytes | None]] = Either(
    "text, !!binary, or nothing",
    nothing=Mapped(Nothing(), lambda _: None, _no_bytes),
    scalar=Mapped(Content("text, !!binary, or nothing"), lambda value: value, _some_bytes),
)

_MESSAGE: Final = Fields(
    "a message with `key:` and `value:`",
    "part of a message",
    (
        Field("key", _VALUE, "Its key; without one it has none."),
        Field("value", _VALUE, "Its value; without one it deletes its key."),
        Field("partition", Number("the number of a partition"), "Where it goes; the key decides unless given."),
        Field(
            "headers",
            MapOf(Text("a name"), Content("the value of a header"), "a mapping from name to value"),
            "Its headers, by name.",
        ),
    ),
    empty="a message without key and value says nothing; write `{key: a, value: b}`",
)


def _to_message(values: dict[str, Any]) -> Message:
    return values.get("key"), values.get("value"), values.get("partition"), values.get("headers", ())


def _from_message(message: Message) -> dict[str, Any]:
    values = dict(zip(("key", "value", "partition", "headers"), message, strict=True))
    found = {name: value for name, value in values.items() if value not in (None, ())}
    return found or {"value": None}


def _short(messages: tuple[Message, ...]) -> tuple[tuple[str, bytes | None], ...]:
    """The messages when a mapping from key to value can say them."""
    pairs = []
    for key, value, partition, headers in messages:
        if key is None or partition is not None or headers:
            raise Unwritable
        try:
            pairs.append((key.decode(), value))
        except UnicodeDecodeError:
            raise Unwritable from None
    return tuple(pairs)


MESSAGES: Final[Shape[tuple[Message, ...]]] = Either(
    "a mapping from key to value, or a list of messages",
    mapping=Mapped(
        MapOf(Text("a name"), _VALUE, "a mapping from key to value, or a list of messages"),
        lambda pairs: tuple((key.encode(), value, None, ()) for key, value in pairs),
        _short,
    ),
    items=ListOf(Mapped(_MESSAGE, _to_message, _from_message), "a mapping from key to value, or a list of messages"),
)
"""The messages of one topic."""


def _is_tombstone(message: TopicMessage) -> bool:
    return message.key is not None and tuple(message[2:]) == (None, None, ())


def _by_topic(messages: tuple[TopicMessage, ...]) -> tuple[tuple[str, tuple[Message, ...]], ...]:
    if all(map(_is_tombstone, messages)):
        raise Unwritable  # `kafka.tombstone` says it better
    found: dict[str, list[Message]] = {}
    for topic, *message in messages:
        found.setdefault(topic, []).append(tuple(message))  # type: ignore[arg-type]  # a TopicMessage without its topic
    by_topic = tuple((topic, tuple(some)) for topic, some in found.items())
    if _topic_messages(by_topic) != messages:
        raise Unwritable  # a mapping can't say in which order they alternate
    return by_topic


def _topic_messages(value: tuple[tuple[str, tuple[Message, ...]], ...]) -> tuple[TopicMessage, ...]:
    return tuple(TopicMessage(topic, *message) for topic, messages in value for message in messages)


@dataclass(frozen=True)
class Filled(Shape[T], Generic[T]):
    """Another shape; what it reads may not be empty."""

    inner: Shape[T]
    empty: str

    @property
    def expected(self) -> str:  # type: ignore[override]  # read only, as is everything here
        return self.inner.expected

    def read(self, node: Node) -> T:
        value = self.inner.read(node)
        if not value:
            node.fail(self.empty)
        return value

    def plain(self, value: T) -> Plain:
        return self.inner.plain(value)

    def schema(self) -> JsonSchema:
        return self.inner.schema() | {"minProperties": 1}


PRODUCED: Final = Filled(
    Mapped(MapOf(TOPIC, MESSAGES, "a mapping from topic to messages"), _topic_messages, _by_topic),
    "`kafka.produce` produces nothing; write at least one message",
)
"""Messages by topic."""


def alone(values: tuple[T, ...]) -> T:
    """The one value there is. Raises Unwritable when there are more or none."""
    if len(values) != 1:
        raise Unwritable
    return values[0]


_KEYS: Final[Shape[tuple[bytes, ...]]] = Either(
    "a key or a list of keys",
    scalar=Mapped(Content("a key"), lambda key: (key,), alone),
    items=ListOf(Content("a key"), "a key or a list of keys"),
)


def _deleted_keys(messages: tuple[TopicMessage, ...]) -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    found: dict[str, list[bytes]] = {}
    for message in messages:
        if message.key is None or not _is_tombstone(message):
            raise Unwritable
        found.setdefault(message.topic, []).append(message.key)
    return tuple((topic, tuple(keys)) for topic, keys in found.items())


TOMBSTONES: Final = Filled(
    Mapped(
        MapOf(TOPIC, _KEYS, "a mapping from topic to a key or a list of keys"),
        lambda value: tuple(TopicMessage(topic, key, None) for topic, keys in value for key in keys),
        _deleted_keys,
    ),
    "`kafka.tombstone` deletes nothing; name at least one key",
)
"""Keys to be deleted, by topic."""
