"""The names of the Kafka client that this connector works with, and what its errors mean."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

try:
    from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
    from confluent_kafka.aio import AIOConsumer, AIOProducer
except ImportError as error:  # KFK-19
    raise ImportError(
        "cocoindex.connectors.kafka needs the package confluent-kafka, 2.13 or newer:"
        " install it, or cocoindex[kafka], which brings it"
    ) from error

__all__ = [
    "AIOConsumer",
    "AIOProducer",
    "KafkaError",
    "KafkaException",
    "Message",
    "Topic",
    "TopicPartition",
    "is_end_of_partition",
    "is_fatal",
    "is_transient",
]

Topic: TypeAlias = tuple[str, int]
"""A partition, by topic and number."""

_REFUSED: Final = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError._AUTHENTICATION,
        KafkaError._AUTO_OFFSET_RESET,  # there is no offset to begin at, and `auto.offset.reset` says that is an error
    }
)
"""Nothing gets better by trying these again."""


def is_fatal(error: Any) -> bool:
    """Whether a consumer that met this error will never deliver anything any more."""
    return bool(error.fatal()) or error.code() in _REFUSED


def is_end_of_partition(error: Any) -> bool:
    """Whether this is no error: the consumer reached the end, and is set to say so (`enable.partition.eof`)."""
    return bool(error.code() == KafkaError._PARTITION_EOF)


_TRANSIENT: Final = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._WAIT_COORD,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)


def is_transient(error: BaseException) -> bool:
    """Whether a call that raised this may succeed if it is made again."""
    if not isinstance(error, KafkaException) or not error.args:
        return False
    reason = error.args[0]
    return isinstance(reason, KafkaError) and (reason.retriable() or reason.code() in _TRANSIENT)
