"""The topics of a cluster: what stands in their logs, who may add to them, and what is taken away."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import Message, consistent, fnv1a, murmur2

from ._assignors import TopicAndPartition
from ._message import message_of_record
from ._partition import Headers, Marker, Partition, Record

__all__ = ["Topics", "Transaction"]


class Topics:
    """Topics by name, each a list of logs.

    `rng` decides where messages without a key go, `timestamp_ms` gives the time for messages. `changed` is called after
    each change, `topic_changed` with the name of a topic that has come, grown or gone.
    """

    def __init__(
        self,
        rng: random.Random,
        *,
        auto_create_partitions: int,
        timestamp_ms: Callable[[], int],
        changed: Callable[[], object],
        topic_changed: Callable[[str], object],
    ) -> None:
        self.auto_create_partitions = auto_create_partitions
        self._rng = rng
        self._timestamp_ms = timestamp_ms
        self._changed = changed
        self._topic_changed = topic_changed
        self._topics: dict[str, list[Partition]] = {}
        self._arrivals = 0
        self._transactions = 0

    # --- topics ---

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic. ValueError when there is one of this name."""
        if partitions < 1:
            raise ValueError(f"the topic {name!r} needs at least one partition, not {partitions!r}")
        if name in self._topics:
            raise ValueError(f"there is a topic {name!r} already")
        self._topics[name] = [Partition(name, index) for index in range(partitions)]
        self._topic_changed(name)

    def add_partitions(self, name: str, total: int) -> None:
        """Have a topic grow to so many partitions."""
        partitions = self.partitions(name)
        if total <= len(partitions):
            raise ValueError(f"the topic {name!r} has {len(partitions)} partitions already: {total!r} are not more")
        partitions += [Partition(name, index) for index in range(len(partitions), total)]
        self._topic_changed(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic with everything in it; what was committed for it is forgotten."""
        self.partitions(name)
        del self._topics[name]
        self._topic_changed(name)

    @property
    def topics(self) -> dict[str, int]:
        """The topics, and how many partitions each has, by name."""
        return {name: len(self._topics[name]) for name in sorted(self._topics)}

    def has_topic(self, name: str) -> bool:
        """Whether there is such a topic."""
        return name in self._topics

    def partitions(self, topic: str) -> list[Partition]:
        """The logs of a topic. ValueError when there is no such topic."""
        found = self._topics.get(topic)
        if found is None:
            raise ValueError(f"there is no topic {topic!r}: the topics are {', '.join(self.topics) or 'none'}")
        return found

    def partition(self, wanted: TopicAndPartition) -> Partition | None:
        """One log, if it exists."""
        partitions = self._topics.get(wanted[0], ())
        return partitions[wanted[1]] if 0 <= wanted[1] < len(partitions) else None

    # --- writing ---

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None = None,
        *,
        partition: int | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        timestamp_ms: int | None = None,
    ) -> Message:
        """Add a message to a topic, as somebody else's producer would; text is UTF-8. The message with its offset."""
        record, index = self.produce_record(
            topic, value, key, partition=partition, headers=headers, timestamp_ms=timestamp_ms
        )
        return message_of_record(topic, index, record)

    def produce_record(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None,
        *,
        partition: int | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        timestamp_ms: int | None = None,
        transaction: int = 0,
    ) -> tuple[Record, int]:
        """What `produce` does, as the record and the number of its partition; also within a transaction."""
        if topic not in self._topics and self.auto_create_partitions:
            self.create_topic(topic, self.auto_create_partitions)
        encoded = _encode(key)
        if partition is None:
            partition = self.choose_partition(topic, encoded)
        if self.partition((topic, partition)) is None:
            count = len(self.partitions(topic))
            raise ValueError(f"there is no partition {partition!r} of the topic {topic!r}: it has {count}")
        record = self.append(
            (topic, partition),
            encoded,
            _encode(value),
            headers=_encode_headers(headers),
            timestamp_ms=timestamp_ms,
            transaction=transaction,
        )
        return record, partition

    def tombstone(self, topic: str, key: bytes | str, *, partition: int | None = None) -> Message:
        """Add the deletion of a key."""
        return self.produce(topic, None, key, partition=partition)

    def transaction(self) -> Transaction:
        """Begin a transaction, in which messages are produced that are committed or aborted together."""
        self._transactions += 1
        return Transaction(self, self._transactions)

    def append(
        self,
        wanted: TopicAndPartition,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
        transaction: int = 0,
    ) -> Record:
        """Add a record to a partition that exists."""
        partition = self.partitions(wanted[0])[wanted[1]]
        record = partition.append(
            key,
            value,
            headers=headers,
            timestamp_ms=self._timestamp_ms() if timestamp_ms is None else timestamp_ms,
            arrival=self._next_arrival(),
            transaction=transaction,
        )
        self._changed()
        return record

    def _next_arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def end_transaction(self, transaction: int, marker: Marker) -> None:
        """Commit or abort what belongs to a transaction."""
        for name in sorted(self._topics):
            for partition in self._topics[name]:
                partition.end_transaction(
                    transaction, marker, timestamp_ms=self._timestamp_ms(), arrival=self._next_arrival()
                )
        self._changed()

    def choose_partition(self, topic: str, key: bytes | None, partitioner: str = "consistent_random") -> int:
        """Where librdkafka's partitioner puts a key; what has none (or an empty one, mostly) goes anywhere."""
        count = len(self.partitions(topic))
        if partitioner == "random" or (not key and (partitioner.endswith("_random") or key is None)):
            return self._rng.randrange(count)
        hashed = {"consistent": consistent, "murmur2": murmur2, "fnv1a": fnv1a}[partitioner.removesuffix("_random")]
        return int(hashed(key or b"", count))

    # --- retention ---

    def expire(self, topic: str, before: int | None = None, *, partition: int | None = None) -> None:
        """Drop the messages before an offset, as retention does; None: all there are. Of one partition, or of all."""
        for log in self._logs(topic, partition):
            log.expire(before)
        self._changed()

    def compact(self, topic: str, *, partition: int | None = None, tombstones: bool = False) -> None:
        """Keep only the last message of each key; with `tombstones`, no deletions either. Gaps are left."""
        for log in self._logs(topic, partition):
            log.compact(tombstones=tombstones)
        self._changed()

    def _logs(self, topic: str, partition: int | None) -> list[Partition]:
        logs = self.partitions(topic)
        if partition is None:
            return logs
        if not 0 <= partition < len(logs):
            raise ValueError(f"there is no partition {partition!r} of the topic {topic!r}: it has {len(logs)}")
        return [logs[partition]]

    # --- looking ---

    def watermarks(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first offset and the high watermark of each partition."""
        return {log.index: (log.log_start, log.high_watermark) for log in self.partitions(topic)}

    def messages(self, topic: str) -> list[Message]:
        """The messages of a topic, in the order in which they came; those of open or aborted transactions are none."""
        return [message_of_record(topic, log.index, record) for log, record in self._read(topic)]

    def fold(self, topic: str) -> dict[bytes, bytes]:
        """The last value of each key that is not deleted, sorted by key; messages without a key count for nothing."""
        found: dict[bytes, bytes] = {}
        for _, record in self._read(topic):
            if record.key is None:
                continue
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record.value
        return dict(sorted(found.items()))

    def _read(self, topic: str) -> Iterator[tuple[Partition, Record]]:
        found = [(log, record) for log in self.partitions(topic) for record in log.messages()]
        return iter(sorted(found, key=lambda pair: pair[1].arrival))


class Transaction:
    """Messages of a story that are committed or aborted together. Until then they hold back what follows them."""

    def __init__(self, topics: Topics, number: int) -> None:
        self._topics = topics
        self.number = number

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None = None,
        *,
        partition: int | None = None,
    ) -> Message:
        """Add a message to the transaction."""
        record, index = self._topics.produce_record(topic, value, key, partition=partition, transaction=self.number)
        return message_of_record(topic, index, record)

    def commit(self) -> None:
        """Let the messages be read."""
        self._topics.end_transaction(self.number, "commit")

    def abort(self) -> None:
        """Let nobody read them who reads committed transactions only."""
        self._topics.end_transaction(self.number, "abort")


def _encode(data: bytes | str | None) -> bytes | None:
    """A key or value as bytes; text is UTF-8."""
    return data.encode() if isinstance(data, str) else None if data is None else bytes(data)


def _encode_headers(headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None) -> Headers:
    """Headers as they stand in a log."""
    if headers is None:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, _encode(value)) for name, value in pairs)
