# Goal: a cluster, and a loop on virtual time that a test's coroutine runs in.

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from cocoindex_sim.fakes.kafka import KafkaCluster
from cocoindex_sim.world import Fifo
from cocoindex_sim.world._loop import VirtualLoop

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    loop = VirtualLoop(Fifo())
    yield loop
    loop.close_abruptly()


@pytest.fixture
def run(loop: asyncio.AbstractEventLoop) -> Run:
    return loop.run_until_complete


@pytest.fixture
def cluster(loop: asyncio.AbstractEventLoop) -> KafkaCluster:
    return KafkaCluster(time=loop.time)
