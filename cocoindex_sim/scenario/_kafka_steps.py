"""What happens to Kafka: `given: kafka`, the steps `kafka.*`, and the looks `kafka` and `committed`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeAlias, TypeVar

from ..fakes import KAFKA_TROUBLES
from ..world import (
    ChangeBroker,
    ChangeMember,
    CompactTopics,
    CreateTopics,
    ExpireMessages,
    InjectTrouble,
    KafkaStep,
    ProduceMessages,
    TopicExpectation,
    TopicMessage,
)
from ._app_steps import COUNT
from ._checks import check_of
from ._form import Form, form_of_one
from ._mappings import Field, Fields, MapOf
from ._node import Node, one_of
from ._paths import one_or_more
from ._shapes import (
    Content,
    Either,
    JsonSchema,
    ListOf,
    Mapped,
    Nothing,
    Number,
    Parsed,
    Plain,
    Shape,
    Text,
    Truth,
    Unwritable,
    Word,
)

__all__ = ["COMMITTED", "GIVEN_KAFKA", "KAFKA_FORMS", "TOPICS"]

T = TypeVar("T")

_Message: TypeAlias = tuple[bytes | None, bytes | None, int | None, tuple[tuple[str, bytes], ...]]
"""Key, value, partition and headers."""

_NAME: Final = Text("the name of a topic")
_PARTITIONS: Final = Number("a number of partitions", 1)
_NAMES: Final = one_or_more(_NAME, "the name of a topic", "a topic or a list of topics", once=False)


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


def _to_message(values: dict[str, Any]) -> _Message:
    return values.get("key"), values.get("value"), values.get("partition"), values.get("headers", ())


def _from_message(message: _Message) -> dict[str, Any]:
    values = dict(zip(("key", "value", "partition", "headers"), message, strict=True))
    found = {name: value for name, value in values.items() if value not in (None, ())}
    return found or {"value": None}


def _short(messages: tuple[_Message, ...]) -> tuple[tuple[str, bytes | None], ...]:
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


_MESSAGES: Final[Shape[tuple[_Message, ...]]] = Either(
    "a mapping from key to value, or a list of messages",
    mapping=Mapped(
        MapOf(Text("a name"), _VALUE, "a mapping from key to value, or a list of messages"),
        lambda pairs: tuple((key.encode(), value, None, ()) for key, value in pairs),
        _short,
    ),
    items=ListOf(Mapped(_MESSAGE, _to_message, _from_message), "a mapping from key to value, or a list of messages"),
)


def _is_tombstone(message: TopicMessage) -> bool:
    return message.key is not None and tuple(message[2:]) == (None, None, ())


def _by_topic(messages: tuple[TopicMessage, ...]) -> tuple[tuple[str, tuple[_Message, ...]], ...]:
    if all(map(_is_tombstone, messages)):
        raise Unwritable  # `kafka.tombstone` says it better
    found: dict[str, list[_Message]] = {}
    for topic, *message in messages:
        found.setdefault(topic, []).append(tuple(message))  # type: ignore[arg-type]  # a TopicMessage without its topic
    return tuple((topic, tuple(some)) for topic, some in found.items())


def _topic_messages(value: tuple[tuple[str, tuple[_Message, ...]], ...]) -> tuple[TopicMessage, ...]:
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


_PRODUCED: Final = Filled(
    Mapped(MapOf(_NAME, _MESSAGES, "a mapping from topic to messages"), _topic_messages, _by_topic),
    "`kafka.produce` produces nothing; write at least one message",
)


def _alone(values: tuple[T, ...]) -> T:
    if len(values) != 1:
        raise Unwritable
    return values[0]


_KEYS: Final[Shape[tuple[bytes, ...]]] = Either(
    "a key or a list of keys",
    scalar=Mapped(Content("a key"), lambda key: (key,), _alone),
    items=ListOf(Content("a key"), "a key or a list of keys"),
)


def _deleted_keys(messages: tuple[TopicMessage, ...]) -> tuple[tuple[str, tuple[bytes, ...]], ...]:
    found: dict[str, list[bytes]] = {}
    for message in messages:
        if message.key is None or not _is_tombstone(message):
            raise Unwritable
        found.setdefault(message.topic, []).append(message.key)
    return tuple((topic, tuple(keys)) for topic, keys in found.items())


_TOMBSTONES: Final = Filled(
    Mapped(
        MapOf(_NAME, _KEYS, "a mapping from topic to a key or a list of keys"),
        lambda value: tuple(TopicMessage(topic, key, None) for topic, keys in value for key in keys),
        _deleted_keys,
    ),
    "`kafka.tombstone` deletes nothing; name at least one key",
)


def _with_one_partition(topics: tuple[tuple[str, int], ...]) -> str:
    topic, partitions = _alone(topics)
    if partitions != 1:
        raise Unwritable
    return topic


_CREATED: Final[Shape[tuple[tuple[str, int], ...]]] = Either(
    "the name of a topic, or a mapping from topic to partitions",
    scalar=Mapped(
        Text("the name of a topic, or a mapping from topic to partitions"),
        lambda topic: ((topic, 1),),
        _with_one_partition,
    ),
    mapping=MapOf(_NAME, _PARTITIONS, "a mapping from topic to its number of partitions"),
)


def _expired() -> Shape[tuple[tuple[str, int | None], ...]]:
    def all_of(topics: tuple[tuple[str, int | None], ...]) -> tuple[str, ...]:
        if any(before is not None for _, before in topics):
            raise Unwritable
        return tuple(topic for topic, _ in topics)

    names = Mapped(_NAMES, lambda topics: tuple((topic, None) for topic in topics), all_of)
    before: Shape[Any] = MapOf(_NAME, Number("an offset"), "a mapping from topic to the first offset that stays")
    return Either("the name of a topic", scalar=names, items=names, mapping=before)


_COMPACT: Final = Fields(
    "a topic, or `topic:` and `tombstones:`",
    "option",
    (
        Field("topic", _NAMES, "What is compacted.", "name what is compacted"),
        Field("tombstones", Truth(), "Whether deletions go as well."),
    ),
)


def _compact_form() -> Form:
    def plain_names(values: dict[str, Any]) -> tuple[str, ...]:
        if values.get("tombstones"):
            raise Unwritable
        topics: tuple[str, ...] = values["topic"]
        return topics

    names = Mapped(_NAMES, lambda topics: {"topic": topics}, plain_names)
    return Form(
        "kafka.compact",
        CompactTopics,
        Either("the name of a topic", scalar=names, items=names, mapping=_COMPACT),
        lambda place, values: CompactTopics(place, values["topic"], values.get("tombstones", False)),
        lambda step: {"topic": step.topics} | ({"tombstones": True} if step.tombstones else {}),
        "Keeps the last message of each key, and leaves gaps.",
        "kafka.compact: {topic: orders, tombstones: true}",
    )


_NUMBER: Final = Number("the number of a broker", 1)
_BROKER: Final = Fields(
    "`stop:` or `start:` and the number of a broker",
    "change of a broker",
    (Field("stop", _NUMBER, "The broker to take down."), Field("start", _NUMBER, "The broker to bring up again.")),
    one_of=("stop", "start"),
)


def _broker_form() -> Form:
    def all_of(value: tuple[str, int | None]) -> str:
        if value[1] is not None:
            raise Unwritable
        return value[0]

    word: Parsed[str] = Word(
        "'stop' or 'start', for all brokers, or one of them as in `{stop: 1}`",
        ("stop", "start"),
        "nothing called {!r} happens to brokers",
    )
    shape: Either[tuple[Any, int | None]] = Either(
        word.expected,
        scalar=Mapped(word, lambda kind: (kind, None), all_of),
        mapping=Mapped(_BROKER, lambda values: next(iter(values.items())), lambda value: {value[0]: value[1]}),
    )
    return Form(
        "kafka.broker",
        ChangeBroker,
        shape,
        lambda place, value: ChangeBroker(place, *value),
        lambda step: (step.kind, step.broker),
        "Takes brokers down, or brings them up again: all of them, or one by its number.",
        "kafka.broker: {stop: 1}",
    )


def _member_rule(values: dict[str, Any], nodes: Mapping[str, Node], node: Node) -> None:
    if "leave" in values and "topics" in values:
        nodes["topics"].fail("a member that leaves needs no topics")
    if "join" in values and "topics" not in values:
        node.fail("`topics:` is missing; name what the member subscribes to")


_MEMBER: Final = Fields(
    "`join:` or `leave:` and the name of a group",
    "option",
    (
        Field("join", Text("the name of a group"), "The group to join."),
        Field("leave", Text("the name of a group"), "The group to leave."),
        Field("topics", _NAMES, "What the member subscribes to."),
        Field("name", Text("a name for the member"), "The name of the member; `scripted` unless given."),
    ),
    one_of=("join", "leave"),
    one_of_hint="write it with the name of a group",
    rule=_member_rule,
)


def _member_form() -> Form:
    def make(place: Any, values: dict[str, Any]) -> ChangeMember:
        kind: Any = "join" if "join" in values else "leave"
        return ChangeMember(place, kind, values[kind], values.get("topics", ()), values.get("name", "scripted"))

    def parts(step: ChangeMember) -> dict[str, Any]:
        if step.kind == "rebalance":
            raise Unwritable
        values: dict[str, Any] = {step.kind: step.group}
        if step.topics:
            values["topics"] = step.topics
        return values if step.name == "scripted" else values | {"name": step.name}

    return Form(
        "kafka.member",
        ChangeMember,
        _MEMBER,
        make,
        parts,
        "Has a member that reads nothing join a group, or leave it.",
        "kafka.member: {join: readers, topics: orders}",
    )


def _rebalanced(step: ChangeMember) -> str:
    if step.kind != "rebalance":
        raise Unwritable
    return step.group


def _fault_rule(values: dict[str, Any], nodes: Mapping[str, Node], _: Node) -> None:
    kind, call = values["fault"], values["at"]
    if kind not in KAFKA_TROUBLES[call]:
        nodes["fault"].fail(f"{kind!r} can't happen at {call!r}; {one_of(kind, KAFKA_TROUBLES[call])}")


_KINDS: Final = list(dict.fromkeys(kind for kinds in KAFKA_TROUBLES.values() for kind in kinds))
_MISSING: Final = "write what goes wrong at which call, as in `{fault: fails, at: commit}`"
_FAULT: Final = Fields(
    "`fault:` and `at:`",
    "part of a fault",
    (
        Field("fault", Parsed("what goes wrong", str, str, {"enum": _KINDS}), "What goes wrong.", _MISSING),
        Field("at", Word("the name of a call", tuple(KAFKA_TROUBLES), "unknown call {!r}"), "At which call.", _MISSING),
        Field("nth", COUNT, "At which of these calls, from this step on; the first unless given."),
        Field("times", COUNT, "At how many of them in a row; one unless given."),
    ),
    rule=_fault_rule,
)


def _injected(step: InjectTrouble) -> dict[str, Any]:
    if step.system != "kafka":
        raise Unwritable
    counts = {name: value for name, value in (("nth", step.nth), ("times", step.times)) if value != 1}
    return {"fault": step.kind, "at": step.call, **counts}


KAFKA_FORMS: Final[tuple[Form, ...]] = (
    form_of_one(
        "kafka.create",
        CreateTopics,
        _CREATED,
        "Creates topics: one with one partition, or as many as are said.",
        "kafka.create: {orders: 3}",
    ),
    form_of_one(
        "kafka.produce",
        ProduceMessages,
        _PRODUCED,
        "Adds messages to topics, in order.",
        "kafka.produce: {orders: {a: '1'}}",
    ),
    form_of_one(
        "kafka.tombstone",
        ProduceMessages,
        _TOMBSTONES,
        "Adds messages that delete keys.",
        "kafka.tombstone: {orders: [a, b]}",
    ),
    form_of_one(
        "kafka.expire",
        ExpireMessages,
        _expired(),
        "Drops the messages before an offset of each partition, or all there are, as retention does.",
        "kafka.expire: {orders: 2}",
    ),
    _compact_form(),
    _broker_form(),
    _member_form(),
    Form(
        "kafka.rebalance",
        ChangeMember,
        Text("the name of a group"),
        lambda place, group: ChangeMember(place, "rebalance", group),
        _rebalanced,
        "Has the members of a group share out the partitions anew.",
        "kafka.rebalance: readers",
    ),
    Form(
        "kafka.inject",
        InjectTrouble,
        _FAULT,
        lambda place, values: InjectTrouble(
            place, "kafka", "", values["fault"], values["at"], values.get("nth", 1), values.get("times", 1)
        ),
        _injected,
        "Lets something go wrong with Kafka later on. That it never does is a failure of the story.",
        "kafka.inject: {fault: fails, at: commit}",
    ),
)


_GIVEN_TOPIC: Final = Fields(
    "`partitions:` and `messages:`",
    "part of a topic",
    (
        Field("partitions", _PARTITIONS, "How many partitions it has; one unless given."),
        Field("messages", _MESSAGES, "The messages in it."),
    ),
)
_GIVEN: Final = MapOf(_NAME, _GIVEN_TOPIC, "a mapping from topic to what it has")


class _GivenKafka(Shape[tuple[tuple[str, tuple[KafkaStep, ...]], ...]]):
    """The topics there are at the beginning, each with the steps that make it."""

    expected = _GIVEN.expected

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
    _NAME,
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
    scalar=Mapped(_Offset(), lambda offset: (offset,), _alone),
    items=ListOf(_Offset(), "an offset, or a list with one for each partition"),
)
_BY_GROUP: Final = MapOf(
    Text("the name of a group"),
    MapOf(_NAME, _OFFSETS, "a mapping from topic to the committed offsets of its partitions"),
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
