"""What the tests of live apps on Kafka share: who writes to the topic, members of the group, what they have to hold."""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, Self

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

PARTITIONS = 12
KEYS = 240
RATE_PER_S = 400
TOPIC = "never-rests"
GROUP = "members"
APP = pathlib.Path(__file__).parent / "kafka_member.py"
COCO_SIM = ["-c", "from cocoindex_sim.cli import main; main()"]


def create_topic(brokers: str, replicas: int = 1) -> None:
    """Make the topic."""
    admin = AdminClient({"bootstrap.servers": brokers})
    admin.create_topics([NewTopic(TOPIC, PARTITIONS, replicas)])[TOPIC].result(timeout=30)


class Place(NamedTuple):
    """Where a message stands."""

    partition: int
    offset: int


class Writer:
    """Produces until it is told to stop; of every message it knows what stands where.

    It is the only one who does, so the offset of a message is the number of those before it in its partition.
    """

    def __init__(self, brokers: str) -> None:
        self.producer = Producer({"bootstrap.servers": brokers, "enable.idempotence": True, "linger.ms": 20})
        self.log: list[list[tuple[str, bool]]] = [[] for _ in range(PARTITIONS)]
        self.stop = threading.Event()
        self.failed: list[object] = []
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        rng = random.Random(0)
        while not self.stop.wait(0.02):
            for _ in range(RATE_PER_S // 50):
                number = rng.randrange(KEYS)
                log = self.log[number % PARTITIONS]
                # No two deletions in a row, so that who was given one is seen by the messages beside it.
                deletes = rng.random() < 0.1 and bool(log) and not log[-1][1]
                value = None if deletes else str(len(log))
                self.producer.produce(
                    TOPIC, key=f"k{number}", value=value, partition=number % PARTITIONS, on_delivery=self.told
                )
                log.append((f"k{number}", deletes))
            self.producer.poll(0)
        self.producer.flush()

    def told(self, error: object, message: object) -> None:
        if error is not None:
            self.failed.append(error)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def last_places(self, ends: list[int]) -> dict[str, tuple[Place, bool]]:
        """Of each key, where its last message before these ends stands, and whether it is a deletion."""
        return {
            key: (Place(partition, offset), deletes)
            for partition, end in enumerate(ends)
            for offset, (key, deletes) in enumerate(self.log[partition][:end])
        }


class Member:
    """A live app with a directory of its own."""

    def __init__(self, directory: pathlib.Path, brokers: str) -> None:
        self.directory = directory
        directory.mkdir()
        self.env = {**os.environ, "KAFKA_BROKERS": brokers, "KAFKA_TOPIC": TOPIC, "KAFKA_GROUP": GROUP}
        self.process: subprocess.Popen[bytes] | None = None

    @contextmanager
    def running(self) -> Iterator[Self]:
        self.start()
        try:
            yield self
        finally:
            self.kill()

    def start(self) -> None:
        command = [sys.executable, *COCO_SIM, "update", "--quiet", "--live", str(APP)]
        self.process = subprocess.Popen(command, cwd=self.directory, env=self.env)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def leave(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0

    def held(self) -> dict[str, Place]:
        """The keys it holds, and where the messages stand that it holds them for."""
        found = {}
        for path in (self.directory / "held").glob("k*"):
            try:
                partition, offset = path.read_text().split()
            except FileNotFoundError:  # deleted meanwhile
                continue
            found[path.name] = Place(int(partition), int(offset))
        return found

    def seen(self) -> set[Place]:
        """The messages with a value that it was given."""
        lines = (self.directory / "seen").read_text().splitlines()
        return {Place(*map(int, line.split())) for line in lines}


class Offsets:
    """What the group has committed, as anybody may ask."""

    def __init__(self, brokers: str) -> None:
        self.consumer = Consumer({"bootstrap.servers": brokers, "group.id": GROUP})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.consumer.close()

    def committed(self) -> list[int]:
        """The offset of each partition. Brokers that have just come up are asked again."""
        asked = [TopicPartition(TOPIC, number) for number in range(PARTITIONS)]
        end = time.monotonic() + 60
        while True:
            try:
                return [max(place.offset, 0) for place in self.consumer.committed(asked, timeout=10)]
            except KafkaException:
                if time.monotonic() > end:
                    raise
                time.sleep(0.5)


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} seconds: {what}"
        time.sleep(0.2)


def highest(members: list[Member]) -> dict[str, Place]:
    """Of each key, the last place that any member holds."""
    found: dict[str, Place] = {}
    for member in members:
        for key, place in member.held().items():
            found[key] = max(found.get(key, place), place)
    return found


def check_commits(writer: Writer, offsets: Offsets, members: list[Member]) -> None:
    """Nothing is committed past a message that no member holds, unless the key has had a later one."""
    committed = offsets.committed()
    held = highest(members)
    # Whatever was held for a key may have been deleted meanwhile by a later message.
    now = writer.last_places([len(log) for log in writer.log])
    for key, (place, deletes) in writer.last_places(committed).items():
        if not deletes and now[key][0] == place:
            assert held.get(key, Place(place.partition, -1)) >= place, f"{key} is committed up to {committed}"


def check_end(writer: Writer, members: list[Member]) -> dict[str, bool]:
    """Every message was given to a member, and for each key they hold the last; of each key, whether it is deleted."""
    assert writer.failed == []
    last = writer.last_places([len(log) for log in writer.log])
    held = highest(members)
    kept = {key: place for key, (place, deletes) in last.items() if not deletes}
    assert {key: held.get(key) for key in kept} == kept
    values = {
        Place(partition, offset)
        for partition, log in enumerate(writer.log)
        for offset, (_, deletes) in enumerate(log)
        if not deletes
    }
    assert set().union(*(member.seen() for member in members)) == values
    return {key: deletes for key, (_, deletes) in last.items()}
