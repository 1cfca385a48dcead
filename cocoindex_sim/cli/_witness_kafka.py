"""What a running pipeline gets from Kafka, and what it sends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from ..world import TopicMessage

__all__ = ["KafkaWitness", "MessageSeen", "witnessed_kafka"]


class MessageSeen(NamedTuple):
    """A message was delivered `at_s` seconds after the beginning. `was_there`: it was sent before that."""

    at_s: float
    message: TopicMessage
    was_there: bool


class KafkaWitness:
    """What went by. `partitions`: of each topic that was subscribed to or written to, how many; 1 where unknown."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._began_ms = time.time_ns() // 1_000_000
        self._known: set[tuple[str, int, int]] = set()
        self._seen: list[MessageSeen] = []
        self._sent: list[TopicMessage] = []
        self.partitions: dict[str, int] = {}

    def saw(self, message: Any) -> None:
        """A client got this message, or None, or an error in place of one."""
        if message is None or message.error() is not None:
            return
        place = (message.topic(), message.partition(), message.offset())
        if place in self._known:
            return
        self._known.add(place)
        headers = tuple((name, value or b"") for name, value in message.headers() or ())
        seen = TopicMessage(place[0], _data(message.key()), _data(message.value()), place[1], headers)
        was_there = 0 <= message.timestamp()[1] < self._began_ms
        self._seen.append(MessageSeen(self._now_s() - self._began_s, seen, was_there))

    def sent(self, topic: str, key: Any, value: Any) -> None:
        """A client sends this."""
        self.partitions.setdefault(topic, 1)
        self._sent.append(TopicMessage(topic, _data(key), _data(value)))

    def messages(self) -> list[MessageSeen]:
        """Those that came from elsewhere, in the order of delivery."""
        own = {(message.topic, message.key, message.value) for message in self._sent}
        return [seen for seen in self._seen if (seen.message.topic, *seen.message[1:3]) not in own]

    def targets(self) -> dict[str, dict[bytes, bytes]]:
        """The last value of each key of the topics that only the pipeline writes to."""
        found: dict[str, dict[bytes, bytes]] = {}
        others = {seen.message.topic for seen in self.messages()}
        for topic, key, value, *_ in self._sent:
            if key is None or topic in others:
                continue
            if value is None:
                found.setdefault(topic, {}).pop(key, None)
            else:
                found.setdefault(topic, {})[key] = value
        return found


def _data(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value


@contextmanager
def witnessed_kafka(witness: KafkaWitness) -> Iterator[None]:
    """Have the clients that are constructed meanwhile tell what goes by."""
    try:
        from confluent_kafka import aio
    except ImportError:
        yield
        return
    consumer, producer = aio.AIOConsumer, aio.AIOProducer

    async def count_partitions(client: Any, topics: Any) -> None:
        for topic in topics:
            found = await client.list_topics(topic, timeout=10)
            if topic in found.topics:
                witness.partitions[topic] = max(len(found.topics[topic].partitions), 1)

    class WitnessedConsumer(consumer):  # type: ignore[misc, valid-type]  # the library's class, whatever it is
        async def subscribe(self, topics: Any, *args: Any, **kwargs: Any) -> Any:
            result = await super().subscribe(topics, *args, **kwargs)
            await count_partitions(self, topics)
            return result

        async def poll(self, *args: Any, **kwargs: Any) -> Any:
            message = await super().poll(*args, **kwargs)
            witness.saw(message)
            return message

        async def consume(self, *args: Any, **kwargs: Any) -> Any:
            messages = await super().consume(*args, **kwargs)
            for message in messages:
                witness.saw(message)
            return messages

    class WitnessedProducer(producer):  # type: ignore[misc, valid-type]  # the same
        async def produce(self, topic: str, value: Any = None, key: Any = None, *args: Any, **kwargs: Any) -> Any:
            if topic not in witness.partitions:
                await count_partitions(self, [topic])
            witness.sent(topic, key, value)
            return await super().produce(topic, value, key, *args, **kwargs)

    aio.AIOConsumer, aio.AIOProducer = WitnessedConsumer, WitnessedProducer  # type: ignore[misc]  # put back below
    try:
        yield
    finally:
        aio.AIOConsumer, aio.AIOProducer = consumer, producer  # type: ignore[misc]  # as it was
