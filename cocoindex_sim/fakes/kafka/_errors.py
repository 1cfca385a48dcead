"""The errors of the real library, made from a code and the words librdkafka says them with."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException

__all__ = ["kafka_error", "kafka_exception", "message_of"]


def message_of(code: int) -> str:
    """What librdkafka calls an error code, such as `Broker: Unknown topic or partition`."""
    return KafkaError(code).str()


def kafka_error(code: int, reason: str | None = None, *, retriable: bool = False) -> KafkaError:
    """An error with a reason of its own, or with the words of its code."""
    return KafkaError(code, reason if reason is not None else message_of(code), retriable=retriable)


def kafka_exception(code: int, doing: str = "", *, retriable: bool = False) -> KafkaException:
    """What a call raises: `doing`, such as `Commit failed`, is put before the words of the code."""
    reason = f"{doing}: {message_of(code)}" if doing else message_of(code)
    return KafkaException(kafka_error(code, reason, retriable=retriable))
