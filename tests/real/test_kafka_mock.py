"""Goal: with the real client, on librdkafka's mock cluster, sources catch up, restart and leave, and targets deliver."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.aio import AIOConsumer, AIOProducer

import cocoindex_sim as coco
from cocoindex_sim.connectors import kafka, localfs

pytestmark = pytest.mark.real

WITHIN_S = 60.0


class Cluster:
    """Three mock brokers in this process; topics get four partitions when they are first used."""

    def __init__(self) -> None:
        self.producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 3})
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def produce(self, topic: str, *messages: tuple[str | None, str | None]) -> None:
        for key, value in messages:
            self.producer.produce(topic, key=key, value=value)
        self.producer.flush(10)

    def committed(self, topic: str, group: str) -> int:
        """The sum over partitions."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": group})
        try:
            found = consumer.committed([TopicPartition(topic, number) for number in range(4)], timeout=10)
            return sum(max(one.offset, 0) for one in found)
        finally:
            consumer.close()

    def read(self, topic: str, count: int) -> list[tuple[bytes | None, bytes | None]]:
        """So many messages of a topic, and none more."""
        consumer = Consumer({"bootstrap.servers": self.servers, "group.id": "reader", "enable.partition.eof": True})
        try:
            consumer.assign([TopicPartition(topic, number, 0) for number in range(4)])
            found: list[tuple[bytes | None, bytes | None]] = []
            ends = 0
            while ends < 4:
                message = consumer.poll(10)
                assert message is not None, f"{found} of {count}"
                if message.error() is None:
                    found.append((message.key(), message.value()))  # type: ignore[arg-type]  # bytes, as nothing converts
                else:
                    ends += 1
            assert len(found) == count, found
            return found
        finally:
            consumer.close()

    @asynccontextmanager
    async def consumer(self, group: str, **settings: Any) -> AsyncIterator[AIOConsumer]:
        consumer = AIOConsumer(
            {
                "bootstrap.servers": self.servers,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "heartbeat.interval.ms": 500,
                "session.timeout.ms": 6_000,  # the mock cluster gives a member's share away only after this
                **settings,
            }
        )
        try:
            yield consumer
        finally:
            await consumer.close()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    yield Cluster()


def run(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(work(), WITHIN_S))


@coco.fn
async def write(message: Any, output: localfs.DirTarget) -> None:
    if message.value() == b"poison":
        raise ValueError("poison")
    output.declare_file(message.key().decode(), message.value())


@coco.fn
async def files_of(consumer: AIOConsumer, topic: str, directory: Path) -> None:
    output = await localfs.mount_dir_target(directory)
    await coco.mount_each(write, kafka.topic_as_map(consumer, [topic]), output)


PRODUCER = coco.ContextKey[AIOProducer]("producer")


@coco.fn
async def messages_of(topic: str, rows: dict[str, str]) -> None:
    target = await kafka.mount_kafka_topic_target(PRODUCER, topic)
    for key, value in rows.items():
        target.declare_target_state(key=key, value=value)


def app(state: Path, main: Any, *args: Any, producer: AIOProducer | None = None) -> coco.App[..., None]:
    context = coco.ContextProvider()
    if producer is not None:
        context.provide(PRODUCER, producer)
    environment = coco.Environment(coco.Settings(db_path=state), context_provider=context)
    return coco.App(coco.AppConfig("app", environment=environment), main, *args)


def files(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir()} if directory.exists() else {}


async def until(condition: Callable[[], bool]) -> None:
    while not condition():  # noqa: ASYNC110  # what it waits for is outside
        await asyncio.sleep(0.02)


def test_a_backlog_is_caught_up_with_and_its_offsets_are_committed(cluster: Cluster, tmp_path: Path) -> None:
    # KFK-11, KFK-15, FEED-12: on a fresh state directory.
    async def work() -> None:
        cluster.produce("backlog", *[(f"k{number % 20}", f"v{number}") for number in range(2_000)])
        async with cluster.consumer("g1") as consumer:
            await app(tmp_path / "state", files_of, consumer, "backlog", tmp_path / "out").update()
        assert files(tmp_path / "out") == {f"k{number}": f"v{1_980 + number}" for number in range(20)}
        assert cluster.committed("backlog", "g1") == 2_000

    run(work)


def test_a_restart_goes_on_behind_what_was_committed(cluster: Cluster, tmp_path: Path) -> None:
    # KFK-16, KFK-03: what is there stays, a tombstone removes.
    async def work() -> None:
        cluster.produce("again", ("a", "1"), ("b", "1"), ("c", "1"))
        async with cluster.consumer("g2") as consumer:
            await app(tmp_path / "state", files_of, consumer, "again", tmp_path / "out").update()
        cluster.produce("again", ("a", None), ("b", "2"))
        async with cluster.consumer("g2") as consumer:
            await app(tmp_path / "state", files_of, consumer, "again", tmp_path / "out").update()
        assert files(tmp_path / "out") == {"b": "2", "c": "1"}
        assert cluster.committed("again", "g2") == 5

    run(work)


def test_one_consumer_can_be_followed_again(cluster: Cluster, tmp_path: Path) -> None:  # KFK-01: it was unsubscribed
    async def work() -> None:
        async with cluster.consumer("g3") as consumer:
            for number in range(2):
                cluster.produce("twice", ("k", str(number)))
                await app(tmp_path / "state", files_of, consumer, "twice", tmp_path / "out").update()
                assert files(tmp_path / "out") == {"k": str(number)}
                assert await consumer.assignment() == []

    run(work)


def test_a_live_update_follows_until_it_is_cancelled(cluster: Cluster, tmp_path: Path) -> None:  # KFK-16
    async def work() -> None:
        cluster.produce("live", ("a", "1"))
        async with cluster.consumer("g4") as consumer:
            live = app(tmp_path / "state", files_of, consumer, "live", tmp_path / "out")
            update = live.update(live=True)
            task = asyncio.ensure_future(update.result())
            await until(lambda: files(tmp_path / "out") == {"a": "1"})
            cluster.produce("live", ("b", "1"), (None, "no key"), ("c", "poison"), ("a", None))
            await until(lambda: files(tmp_path / "out") == {"b": "1"})
            await until(lambda: cluster.committed("live", "g4") == 5)  # KFK-04, KFK-09: passed over, and said so
            await live.drop()
            await asyncio.wait([task])
            assert await consumer.assignment() == []

    run(work)


def test_messages_are_sent_once_for_what_changed(cluster: Cluster, tmp_path: Path) -> None:  # KFK-21, KFK-22
    async def work() -> None:
        producer = AIOProducer({"bootstrap.servers": cluster.servers})
        try:
            for rows in ({"a": "1", "b": "1"}, {"a": "1", "b": "1"}, {"a": "2"}):
                await app(tmp_path / "state", messages_of, "sent", rows, producer=producer).update()
        finally:
            await producer.close()
        found = cluster.read("sent", 4)
        assert [value for key, value in found if key == b"a"] == [b"1", b"2"]
        assert [value for key, value in found if key == b"b"] == [b"1", None]

    run(work)
