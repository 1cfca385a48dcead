"""Messages and offsets as the real library's classes, made from what stands in a log."""

from __future__ import annotations

from confluent_kafka import (
    OFFSET_INVALID,
    TIMESTAMP_CREATE_TIME,
    TIMESTAMP_NOT_AVAILABLE,
    KafkaError,
    Message,
    TopicPartition,
)

from ._partition import Record

__all__ = ["PartitionResult", "error_message", "message_of_record"]


def message_of_record(topic: str, partition: int, record: Record, *, latency_s: float | None = None) -> Message:
    """A record as who consumes it gets it, or, with a latency, as who produced it does."""
    headers = list(record.headers) or None
    timestamp = (TIMESTAMP_CREATE_TIME, record.timestamp_ms)
    if latency_s is None:
        return Message(topic, partition, record.offset, record.key, record.value, headers, None, timestamp)
    return Message(topic, partition, record.offset, record.key, record.value, headers, None, timestamp, latency_s)


def error_message(
    error: KafkaError, topic: str | None = None, partition: int = -1, offset: int = OFFSET_INVALID
) -> Message:
    """An error as `poll` gives it: its text is the value."""
    return Message(topic, partition, offset, None, error.str().encode(), None, error, (TIMESTAMP_NOT_AVAILABLE, -1))


class PartitionResult(TopicPartition):
    """A TopicPartition with an error; the real class takes none from Python."""

    def __init__(self, topic: str, partition: int, offset: int, error: KafkaError | None) -> None:
        super().__init__(topic, partition, offset)
        self._error = error

    @property
    def error(self) -> KafkaError | None:  # type: ignore[override]  # read-only in the real class, too
        """What went wrong for this partition."""
        return self._error
