# Goal: code that constructs the real library's clients gets those of a cluster, inside `patched` and only there.

import threading
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from confluent_kafka.aio import AIOConsumer, AIOProducer

from cocoindex_sim.fakes import ProcessCut
from cocoindex_sim.fakes.kafka import Client, FakeConsumer, FakeProducer, KafkaCluster, patched
from cocoindex_sim.values import FenceError

from .clients import CONF
from .conftest import Run


def test_names_imported_long_before_construct_clients_of_the_cluster(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        admin = AdminClient({"bootstrap.servers": "nowhere"})
        admin.create_topics([NewTopic("t", 2)])["t"].result()
        producer = AIOProducer({"bootstrap.servers": "nowhere"}, batch_size=1)
        message = await (await producer.produce("t", value=b"v", key=b"k"))
        assert message.offset() == 0
        consumer = AIOConsumer(dict(CONF))
        await consumer.subscribe(["t"])
        assert (await consumer.poll(1)).value() == b"v"
        assert isinstance(consumer, FakeConsumer)
        assert isinstance(producer, AIOProducer)

    with patched(cluster):
        run(main())
    assert list(cluster.topics) == ["t"]


def test_a_subclass_keeps_its_own_methods(cluster: KafkaCluster, run: Run) -> None:
    class Counting(AIOConsumer):
        polls = 0

        async def poll(self, *args: Any, **kwargs: Any) -> Any:
            self.polls += 1
            return await super().poll(*args, **kwargs)

    async def main() -> None:
        consumer = Counting(dict(CONF))
        assert await consumer.poll(1) is None
        assert consumer.polls == 1

    with patched(cluster):
        run(main())


def test_the_synchronous_clients_are_fenced_off(cluster: KafkaCluster) -> None:
    with patched(cluster):
        for name in ("Consumer", "Producer"):
            with pytest.raises(
                FenceError, match=rf"confluent_kafka.{name}\(\) blocks the thread .* use .*aio.AIO{name}"
            ):
                getattr(confluent_kafka, name)({"group.id": "g"})


def test_outside_and_in_other_threads_the_classes_are_the_real_ones(cluster: KafkaCluster) -> None:
    before = [vars(real)["__init__"] for real in (AIOConsumer, AIOProducer, AdminClient)]
    found: list[type] = []
    with patched(cluster):
        thread = threading.Thread(target=lambda: found.append(type(AdminClient({}))))
        thread.start()
        thread.join()
    assert found == [AdminClient]
    assert [vars(real)["__init__"] for real in (AIOConsumer, AIOProducer, AdminClient)] == before
    assert confluent_kafka.Consumer is confluent_kafka.cimpl.Consumer


def test_a_configuration_is_refused_as_the_real_client_does(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        with pytest.raises(ValueError, match=r"group\.id must be set"):
            AIOConsumer({"bootstrap.servers": "nowhere"})
        with pytest.raises(KafkaException, match=r'Invalid value "no" for .* "auto\.offset\.reset"'):
            AIOConsumer({"group.id": "g", "auto.offset.reset": "no"})

    with patched(cluster):
        run(main())


def test_the_clients_that_were_made_can_be_cut(cluster: KafkaCluster, run: Run) -> None:
    made: list[Client] = []

    async def main() -> None:
        consumer, producer = AIOConsumer(dict(CONF)), AIOProducer({})
        assert isinstance(producer, FakeProducer)
        assert made == [consumer, producer]
        for client in made:
            client.cut()
        with pytest.raises(ProcessCut):
            await consumer.poll(1)
        with pytest.raises(ProcessCut):
            await producer.produce("t", value=b"v")

    with patched(cluster, made=made.append):
        run(main())


def test_an_administrator_says_what_it_cannot_do(cluster: KafkaCluster) -> None:
    with pytest.raises(NotImplementedError, match=r"AdminClient has no describe_configs\(\)"):
        cluster.admin().describe_configs([])
