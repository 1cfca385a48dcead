"""What a story is, what it asks of a cluster, and what it may use: clients that are closed for it, topics, messages."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from confluent_kafka import KafkaError, KafkaException, TopicPartition

#: How long anything that has to happen may take, in seconds.
PATIENCE_S = 60.0
#: How long nothing has to happen, in seconds.
QUIET_S = 1.5
#: The partitions of a topic: the number every cluster has to give.
PARTITIONS = 4

Observations = dict[str, Any]


class Arm(Protocol):
    """A cluster under certification."""

    name: str
    #: What it can: see the words in `story`.
    can: frozenset[str]

    async def warm_up(self) -> None:
        """Wait until the cluster is ready for stories."""

    def consumer(self, config: dict[str, Any]) -> Any:
        """An `AIOConsumer` of this cluster."""

    def producer(self, config: dict[str, Any], **options: Any) -> Any:
        """An `AIOProducer` of this cluster."""

    async def create_topic(self, name: str, partitions: int, config: dict[str, str]) -> None:
        """Make a topic; a cluster that can't `topics` makes one with four partitions and no settings."""

    async def send(self, topic: str, messages: list[dict[str, Any]]) -> list[tuple[int, int]]:
        """Produce with the keywords of `Producer.produce`; partition and offset of each."""

    async def delete_records(self, before: dict[tuple[str, int], int]) -> None:
        """Forget what stands before these offsets."""

    async def compact(self, topic: str) -> None:
        """Compact now, or wait a while for it."""

    async def leader(self, topic: str, partition: int) -> int:
        """The broker that leads a partition."""

    async def stop_brokers(self, *numbers: int) -> None:
        """Kill brokers; none named: all."""

    async def start_brokers(self, *numbers: int) -> None:
        """Bring brokers back and wait until they are; none named: all."""


class Story(NamedTuple):
    """A story by name; `needs` is what the cluster must be able to."""

    name: str
    tell: Callable[[Stage], Awaitable[Observations]]
    needs: frozenset[str]


STORIES: dict[str, Story] = {}


def story(*needs: str) -> Callable[[Callable[[Stage], Awaitable[Observations]]], Any]:
    """Make a function a story of the suite.

    It may need: `topics` (made by request, with any number of partitions), `settings` (of topics), `records` (that can
    be deleted), `compaction`, `transactions`, `offsets in transactions`, `brokers` (three, to be killed).
    """

    def register(tell: Callable[[Stage], Awaitable[Observations]]) -> Any:
        STORIES[tell.__name__] = Story(tell.__name__, tell, frozenset(needs))
        return tell

    return register


class Stage:
    """One story's part of a cluster; its clients are closed at the end."""

    def __init__(self, arm: Arm, prefix: str) -> None:
        self.arm = arm
        self.prefix = prefix
        self.count = 0
        self.clients: list[Any] = []
        self.tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for client in reversed(self.clients):
            await client.close()

    async def close(self, client: Any) -> None:
        """Close a client now."""
        self.clients.remove(client)
        await client.close()

    def fresh(self, what: str) -> str:
        """A name nobody else uses."""
        self.count += 1
        return f"{self.prefix}-{what}{self.count}"

    async def topic(self, partitions: int = PARTITIONS, **config: str) -> str:
        """A new, empty topic; settings are Kafka's with underscores."""
        name = self.fresh("topic")
        settings = {key.replace("_", "."): value for key, value in config.items()}
        await self.arm.create_topic(name, partitions, settings)
        return name

    async def send(self, topic: str, *messages: dict[str, Any]) -> list[tuple[int, int]]:
        """Produce; partition and offset of each message."""
        return await self.arm.send(topic, list(messages))

    async def fill(self, topic: str, count: int, partitions: int = 1) -> None:
        """`count` messages `v0`, `v1`, ... with keys `k0`, ... in each of the first partitions."""
        messages = [
            {"value": f"v{number}", "key": f"k{number}", "partition": partition}
            for partition in range(partitions)
            for number in range(count)
        ]
        await self.send(topic, *messages)

    def consumer(self, group: str | None = None, **config: Any) -> Any:
        """A consumer that begins at the earliest message and commits nothing by itself; settings with underscores."""
        settings = {
            "group.id": group or self.fresh("group"),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 300,
            "topic.metadata.refresh.interval.ms": 1000,
        }
        settings |= spelled(config)
        consumer = self.arm.consumer(settings)
        self.clients.append(consumer)
        return consumer

    def producer(self, *, options: dict[str, Any] | None = None, **config: Any) -> Any:
        """A producer; settings with underscores, options are arguments of `AIOProducer`."""
        producer = self.arm.producer(spelled(config), **(options or {}))
        self.clients.append(producer)
        return producer


def spelled(config: dict[str, Any]) -> dict[str, Any]:
    """Settings as librdkafka spells them; callbacks have underscores there, too."""
    return {key if callable(value) else key.replace("_", "."): value for key, value in config.items()}


async def read(consumer: Any, count: int) -> list[Any]:
    """The next messages, errors among them."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    messages: list[Any] = []
    while len(messages) < count:
        assert loop.time() < end, f"{len(messages)} of {count} messages: {[shown(message) for message in messages]}"
        message = await consumer.poll(0.5)
        if message is not None:
            messages.append(message)
    return messages


async def rest(consumer: Any, seconds: float = QUIET_S) -> list[Any]:
    """What still comes within a while."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    messages: list[Any] = []
    while (left := end - loop.time()) > 0:
        message = await consumer.poll(min(left, 0.5))
        if message is not None:
            messages.append(message)
    return messages


async def until(condition: Callable[[], Any], what: str) -> None:
    """Wait for something that other tasks bring about."""
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while not condition():
        assert loop.time() < end, f"not within {PATIENCE_S:g} s: {what}"
        await asyncio.sleep(0.05)


def shown(message: Any) -> Any:
    """A message as an observation: its error's name, or partition, offset, key and value."""
    if message.error() is not None:
        return message.error().name()
    return [message.partition(), message.offset(), text(message.key()), text(message.value())]


def text(data: bytes | None) -> str | None:
    """Bytes as an observation."""
    return None if data is None else data.decode()


def by_partition(messages: Iterable[Any]) -> dict[str, list[Any]]:
    """The values of each partition, in the order of arrival."""
    values: dict[str, list[Any]] = {}
    for message in messages:
        values.setdefault(str(message.partition()), []).append(text(message.value()))
    return dict(sorted(values.items()))


def places(partitions: Iterable[Any]) -> list[Any]:
    """Topic partitions as an observation: partition and offset."""
    return sorted([at.partition, at.offset] for at in partitions)


def at(topic: str, offset: int | None = None, *partitions: int) -> list[TopicPartition]:
    """Topic partitions, all at one offset; without numbers, all of a usual topic."""
    numbers = partitions or tuple(range(PARTITIONS))
    return [
        TopicPartition(topic, number) if offset is None else TopicPartition(topic, number, offset) for number in numbers
    ]


async def outcome(call: Awaitable[Any]) -> str:
    """`done`, or what a call raised: the class, and Kafka's name of the error."""
    try:
        await call
    except KafkaException as error:
        cause = error.args[0]
        return f"{type(error).__name__} {cause.name() if isinstance(cause, KafkaError) else cause}"
    except Exception as error:
        return type(error).__name__
    return "done"
