"""Follow so many messages of one partition, made when they are asked for, and print the peak memory in KiB."""

# ruff: noqa: ASYNC109
# The arguments are named as the client names them.

from __future__ import annotations

import asyncio
import os
import resource
import sys
import tempfile
from pathlib import Path
from typing import Any

from confluent_kafka import Message, TopicPartition

import cocoindex_sim as coco
from cocoindex_sim.connectors import kafka

KEYS = 2_000
VALUE = b"v" * 200


class Log:
    """What a consumer of a topic of one partition does, without a topic."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.at = 0
        self.committed_to = 0
        self.told: Any = None

    async def subscribe(self, topics: list[str], on_assign: Any, **others: Any) -> None:
        self.told = on_assign

    async def consume(self, most: int, timeout: float) -> list[Message]:
        if self.told is not None:
            told, self.told = self.told, None
            await told(self, [TopicPartition("t", 0)])
        first, self.at = self.at, min(self.at + most, self.size)
        return [
            Message(topic="t", partition=0, offset=number, key=b"k%d" % (number % KEYS), value=VALUE, headers=[])
            for number in range(first, self.at)
        ]

    async def poll(self, timeout: float) -> None:
        await asyncio.sleep(timeout)

    async def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        return partitions

    async def get_watermark_offsets(self, partition: TopicPartition, timeout: float) -> tuple[int, int]:
        return 0, self.size

    async def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> list[TopicPartition]:
        await asyncio.sleep(0.001)
        self.committed_to = offsets[0].offset
        return offsets

    async def unsubscribe(self) -> None:
        pass


async def item(message: Message) -> None:
    await asyncio.sleep(0)


async def main(log: Any) -> None:
    await coco.mount_each(item, kafka.topic_as_map(log, ["t"]))


async def run(size: int) -> None:
    log = Log(size)
    with tempfile.TemporaryDirectory() as directory:
        environment = coco.Environment(coco.Settings(db_path=Path(directory)), event_loop=asyncio.get_running_loop())
        await coco.App(coco.AppConfig("app", environment), main, log).update()
        environment.close()
    assert log.committed_to == size
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


asyncio.run(run(int(sys.argv[1])))
os._exit(0)
