"""Messages of a topic as target states (KFK-21..26)."""

from __future__ import annotations

from typing import Any, Generic

from ...engine import (
    ContextKey,
    MaybePendingS,
    PendingS,
    ResolvedS,
    TargetState,
    TargetStateProvider,
    current_process,
    declare_target_state,
    declare_target_state_with_child,
    mount_target,
    offer_root_provider,
)
from ._client import AIOProducer
from ._messages import DeletionValueFn, MessageHandler, MessageSpec, TopicHandler, TopicSpec

__all__ = ["KafkaTopicTarget", "declare_kafka_topic_target", "kafka_topic_target", "mount_kafka_topic_target"]

_PROVIDER = "cocoindex/kafka"
offer_root_provider(_PROVIDER, TopicHandler)


class KafkaTopicTarget(Generic[MaybePendingS]):
    """A declared topic. Messages can be declared in it once the component that declared it committed.

    The topic itself is never created or deleted. Messages are sent for what is new, changed or no longer declared.
    """

    __slots__ = ("_provider",)

    def __init__(self, provider: TargetStateProvider[Any, MessageHandler]) -> None:
        self._provider: TargetStateProvider[Any, MessageHandler] = provider

    def declare_target_state(self: KafkaTopicTarget[ResolvedS], *, key: bytes | str, value: bytes | str) -> None:
        """Declare that the last message of a key has this value; a str is sent as UTF-8.

        Sent when the component commits, if the value is not what was last sent; a key that is no longer declared gets
        a tombstone. TypeError for anything else than bytes and str.
        """
        data = _bytes(key, "key")
        spec = MessageSpec(_bytes(value, "value"), isinstance(key, str))
        declare_target_state(self._provider.target_state(data, spec))

    def __coco_memo_key__(self) -> object:
        return self._provider.memo_key


def _bytes(value: Any, what: str) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f"the {what} of a message is bytes or str, got {value!r}; to delete a key, don't declare it")


def kafka_topic_target(
    producer: ContextKey[AIOProducer], topic: str, *, deletion_value_fn: DeletionValueFn | None = None
) -> TargetState[MessageHandler]:
    """The target state of a topic, for `mount_target` and `declare_target_state_with_child`.

    Args:
        producer: the key of the `AIOProducer` in the context; its string is part of the topic's identity.
        topic: its name.
        deletion_value_fn: from a key to the value that says it is deleted, in place of a tombstone.
    """
    provider = current_process().root_provider(_PROVIDER)
    return provider.target_state((producer.key, topic), TopicSpec(deletion_value_fn))


def declare_kafka_topic_target(
    producer: ContextKey[AIOProducer], topic: str, *, deletion_value_fn: DeletionValueFn | None = None
) -> KafkaTopicTarget[PendingS]:
    """Declare a topic; messages can be declared in it once this component committed.

    Takes what `kafka_topic_target` does. The topic has to exist. Once it is not declared any more nothing is sent to
    it, no tombstones either (KFK-23).
    """
    state = kafka_topic_target(producer, topic, deletion_value_fn=deletion_value_fn)
    return KafkaTopicTarget(declare_target_state_with_child(state))


async def mount_kafka_topic_target(
    producer: ContextKey[AIOProducer], topic: str, *, deletion_value_fn: DeletionValueFn | None = None
) -> KafkaTopicTarget[ResolvedS]:
    """Declare a topic in a component of its own, so that messages can be declared in it at once.

    Takes what `kafka_topic_target` does. TypeError if the context has something else than an `AIOProducer`.
    """
    return KafkaTopicTarget(
        await mount_target(kafka_topic_target(producer, topic, deletion_value_fn=deletion_value_fn))
    )
