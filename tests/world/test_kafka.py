# Goal: a world has one Kafka cluster; what its processes construct belongs to it and dies with them, and nobody else's.

import subprocess
import sys

import pytest
from confluent_kafka import Consumer
from confluent_kafka.aio import AIOConsumer, AIOProducer

from cocoindex_sim.fakes import ProcessCut
from cocoindex_sim.fakes.kafka import FakeConsumer
from cocoindex_sim.values import FenceError
from cocoindex_sim.world import World

CONF = {"bootstrap.servers": "nowhere:9092", "group.id": "g", "auto.offset.reset": "earliest"}


async def consumer() -> AIOConsumer:
    made = AIOConsumer(dict(CONF))
    await made.subscribe(["t"])
    await made.poll(0.1)
    return made


def test_what_a_process_sends_is_in_the_cluster_of_its_world_alone() -> None:
    async def send() -> None:
        producer = AIOProducer({"bootstrap.servers": "nowhere:9092"}, batch_size=1)
        await producer.produce("t", value=b"v", key=b"k")

    with World() as world, World() as other:
        world.run(send())
        assert world.kafka.fold("t") == {b"k": b"v"}
        assert list(other.kafka.topics) == []


def test_a_crash_cuts_the_clients_of_the_process_and_leaves_the_cluster() -> None:
    with World() as world:
        world.kafka.create_topic("t")
        world.kafka.produce("t", "v", "k")
        dead = world.run(consumer())
        mine = world.kafka.consumer(CONF | {"group.id": "mine"})
        world.crash()
        world.restart()
        with pytest.raises(ProcessCut):
            world.run(dead.poll(0))
        assert world.run(mine.assignment()) == []
        assert world.kafka.fold("t") == {b"k": b"v"}
        assert len(world.kafka.members("g")) == 1  # nobody knows yet
        world.run(consumer())
        world.advance(46)
        (owned,) = world.kafka.members("g").values()
        assert owned == [("t", 0)]


def test_outside_a_world_the_clients_are_the_real_ones() -> None:
    real = vars(AIOConsumer)["__init__"]
    with World() as world:
        assert isinstance(world.run(consumer()), FakeConsumer)
        assert vars(AIOConsumer)["__init__"] is real
    assert vars(AIOConsumer)["__init__"] is real


def test_a_client_that_would_block_the_loop_is_fenced_off() -> None:
    async def block() -> None:
        import confluent_kafka

        confluent_kafka.Consumer(CONF)

    with World() as world, pytest.raises(FenceError, match=r"confluent_kafka\.Consumer\(\) blocks the thread"):
        world.run(block())
    assert type(Consumer({"group.id": "g", "log_level": 0})) is Consumer


def test_the_library_is_not_imported_before_a_pipeline_does() -> None:
    script = """
import sys
from cocoindex_sim.world import World
import cocoindex_sim.scenario, pytest_coco.plugin

async def late():
    assert "confluent_kafka" not in sys.modules
    from confluent_kafka.aio import AIOConsumer
    return type(AIOConsumer({"group.id": "g"})).__name__

with World() as world:
    assert world.run(late()) == "FakeConsumer"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
