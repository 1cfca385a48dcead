"""What happens to Kafka: the steps `kafka.*`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..fakes import KAFKA_TROUBLES
from ..world import (
    ChangeBroker,
    ChangeMember,
    CompactTopics,
    CreateTopics,
    ExpireMessages,
    InjectTrouble,
    ProduceMessages,
)
from ._app_steps import COUNT
from ._form import Form, form_of_one
from ._kafka_messages import PARTITIONS, PRODUCED, TOMBSTONES, TOPIC, TOPIC_NAMES, alone
from ._mappings import Field, Fields, MapOf
from ._node import Node, one_of
from ._shapes import (
    Either,
    Mapped,
    Number,
    Parsed,
    Shape,
    Text,
    Truth,
    Unwritable,
    Word,
)

__all__ = ["KAFKA_FORMS"]


def _with_one_partition(topics: tuple[tuple[str, int], ...]) -> str:
    topic, partitions = alone(topics)
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
    mapping=MapOf(TOPIC, PARTITIONS, "a mapping from topic to its number of partitions"),
)


def _expired() -> Shape[tuple[tuple[str, int | None], ...]]:
    def all_of(topics: tuple[tuple[str, int | None], ...]) -> tuple[str, ...]:
        if any(before is not None for _, before in topics):
            raise Unwritable
        return tuple(topic for topic, _ in topics)

    names = Mapped(TOPIC_NAMES, lambda topics: tuple((topic, None) for topic in topics), all_of)
    before: Shape[Any] = MapOf(TOPIC, Number("an offset"), "a mapping from topic to the first offset that stays")
    return Either("the name of a topic", scalar=names, items=names, mapping=before)


_COMPACT: Final = Fields(
    "a topic, or `topic:` and `tombstones:`",
    "option",
    (
        Field("topic", TOPIC_NAMES, "What is compacted.", "name what is compacted"),
        Field("tombstones", Truth(), "Whether deletions go as well."),
    ),
)


def _compact_form() -> Form:
    def plain_names(values: dict[str, Any]) -> tuple[str, ...]:
        if values.get("tombstones"):
            raise Unwritable
        topics: tuple[str, ...] = values["topic"]
        return topics

    names = Mapped(TOPIC_NAMES, lambda topics: {"topic": topics}, plain_names)
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
        Field("topics", TOPIC_NAMES, "What the member subscribes to."),
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
        PRODUCED,
        "Adds messages to topics, in order.",
        "kafka.produce: {orders: {a: '1'}}",
    ),
    form_of_one(
        "kafka.tombstone",
        ProduceMessages,
        TOMBSTONES,
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
