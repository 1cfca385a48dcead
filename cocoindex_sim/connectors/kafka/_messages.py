"""What was sent to a topic, what should have been, and the message that makes up for it (KFK-21..26)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, NamedTuple, TypeAlias, cast

import msgspec

from ...engine import ContextProvider, TargetActionSink, TargetReconcileOutput, fingerprint_bytes
from ...values import NON_EXISTENCE, NonExistenceType, StableKey
from ._client import AIOProducer

__all__ = ["DeletionValueFn", "MessageHandler", "MessageSpec", "TopicHandler", "TopicSpec"]

DeletionValueFn: TypeAlias = Callable[[bytes | str], bytes | str]
"""From a key, as it was declared, to the value of the message that says it is deleted."""


class TopicSpec(NamedTuple):
    """A topic that messages are declared in."""

    deletion_value_fn: DeletionValueFn | None


class MessageSpec(NamedTuple):
    """A message that should be the last of its key."""

    value: bytes
    is_text: bool  # whether the key was declared as a str


class SentMessage(msgspec.Struct, frozen=True, tag="message"):
    """What is remembered of a message: the fingerprint of its value, and whether its key was declared as a str."""

    fingerprint: bytes
    is_text: bool


class OpenTopic(NamedTuple):
    """Make sure that the producer is there; nothing is done to the topic."""

    producer_key: str
    topic: str
    deletion_value_fn: DeletionValueFn | None

    def __repr__(self) -> str:
        return f"OpenTopic({self.topic!r})"


class Send:
    """Send one message; `value` None is a tombstone."""

    __slots__ = ("is_delivered", "key", "producer_key", "topic", "value")

    def __init__(self, producer_key: str, topic: str, key: bytes, value: bytes | str | None) -> None:
        self.producer_key = producer_key
        self.topic = topic
        self.key = key
        self.value = value
        self.is_delivered = False  # so that it is not sent twice when another of its batch failed

    def __repr__(self) -> str:
        value = "tombstone" if self.value is None else f"{len(self.value)} bytes"
        return f"Send({self.topic!r}, {self.key!r}, {value})"


class TopicHandler:
    """Topics; their keys are (key of the producer in the context, name)."""

    def reconcile(
        self,
        key: StableKey,
        desired_state: TopicSpec | NonExistenceType,
        prev_possible_records: Collection[bool],
        prev_may_be_missing: bool,
        /,
    ) -> TargetReconcileOutput | None:
        """A topic is opened in every run that declares it, as its messages need a handler; it is never deleted."""
        producer_key, topic = cast("tuple[str, str]", key)
        if isinstance(desired_state, NonExistenceType):
            return TargetReconcileOutput(OpenTopic(producer_key, topic, None), CLOSE, NON_EXISTENCE)
        return TargetReconcileOutput(OpenTopic(producer_key, topic, desired_state.deletion_value_fn), OPEN, True)


class MessageHandler:
    """The messages of one topic, by key."""

    __slots__ = ("_deletion_value_fn", "_producer_key", "_topic")

    def __init__(self, producer_key: str, topic: str, deletion_value_fn: DeletionValueFn | None) -> None:
        self._producer_key = producer_key
        self._topic = topic
        self._deletion_value_fn = deletion_value_fn

    def reconcile(
        self,
        key: StableKey,
        desired_state: MessageSpec | NonExistenceType,
        prev_possible_records: Collection[SentMessage],
        prev_may_be_missing: bool,
        /,
    ) -> TargetReconcileOutput | None:
        """The message that is needed, if any."""
        data = cast("bytes", key)
        if isinstance(desired_state, NonExistenceType):
            value = self._deletion_value(data, prev_possible_records)
            return TargetReconcileOutput(self._send(data, value), SINK, NON_EXISTENCE)
        fingerprint = fingerprint_bytes(desired_state.value)
        if not prev_may_be_missing and all(sent.fingerprint == fingerprint for sent in prev_possible_records):
            return None
        record = SentMessage(fingerprint, desired_state.is_text)
        return TargetReconcileOutput(self._send(data, desired_state.value), SINK, record)

    def _send(self, key: bytes, value: bytes | str | None) -> Send:
        return Send(self._producer_key, self._topic, key, value)

    def _deletion_value(self, key: bytes, records: Collection[SentMessage]) -> bytes | str | None:
        if self._deletion_value_fn is None:
            return None
        return self._deletion_value_fn(key.decode() if any(record.is_text for record in records) else key)


def open_topics(context: ContextProvider, actions: Sequence[OpenTopic]) -> None:
    """The sink of topics: there is nothing to do to them, but what they are written with has to be there."""
    for action in actions:
        _producer(context, action.producer_key)


def forget_topics(context: ContextProvider, actions: Sequence[OpenTopic]) -> None:
    """The sink of topics that are not declared any more: they stay, with all their messages (KFK-23)."""


def messages_of(context: ContextProvider, action: OpenTopic) -> MessageHandler:
    """The handler of the messages of a topic."""
    return MessageHandler(action.producer_key, action.topic, action.deletion_value_fn)


async def send(context: ContextProvider, actions: Sequence[Send]) -> None:
    """The sink of messages: send all, wait until each is delivered, raise the first failure (KFK-25)."""
    producers: dict[str, AIOProducer] = {}
    sent: list[tuple[Send, Any]] = []
    errors: list[BaseException] = []
    for action in actions:
        if action.is_delivered:
            continue
        if action.producer_key not in producers:
            producers[action.producer_key] = _producer(context, action.producer_key)
        try:
            delivery = await producers[action.producer_key].produce(action.topic, value=action.value, key=action.key)
        except Exception as error:  # too large, or the client's queue is full: the others are on their way
            errors.append(error)
        else:
            sent.append((action, delivery))
    for producer in producers.values():
        await producer.flush()  # the client keeps messages for a second otherwise, to send more of them together
    outcomes = await asyncio.gather(*(delivery for _, delivery in sent), return_exceptions=True)
    for (action, _), outcome in zip(sent, outcomes, strict=True):
        if isinstance(outcome, BaseException):
            errors.append(outcome)
        else:
            action.is_delivered = True
    if errors:
        raise errors[0]


def _producer(context: ContextProvider, key: str) -> AIOProducer:
    producer: object = context.get(key)
    if not isinstance(producer, AIOProducer):
        raise TypeError(f"Context key {key!r}: expected AIOProducer, got {type(producer).__name__}")
    return producer


OPEN: Final = TargetActionSink.from_fn(open_topics, child_handler=messages_of)
CLOSE: Final = TargetActionSink.from_fn(forget_topics)
SINK: Final = TargetActionSink.from_async_fn(send)
