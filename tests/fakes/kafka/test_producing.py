# Goal: the in-memory producer buffers, sends and fails as the real one does, and says what it can't do in the same words.

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, consistent

from cocoindex_sim.fakes.kafka import FakeProducer, KafkaCluster

from .conftest import Run


def test_a_message_waits_in_the_buffer_for_a_second_or_a_flush(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        producer = cluster.producer()
        began_s = loop.time()
        first = await producer.produce("t", value="v", key="k")
        assert (len(producer), cluster.topics) == (1, {})
        assert (await first).offset() == 0
        assert loop.time() - began_s == pytest.approx(1)
        second = await producer.produce("t", value="v", key="k")
        assert await producer.flush() == 0
        assert second.result().offset() == 1
        assert loop.time() - began_s == pytest.approx(1)

    run(main())


def test_a_full_buffer_is_sent(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        producer = cluster.producer(batch_size=3)
        sent = [await producer.produce("t", value=f"v{number}", key="k") for number in range(4)]
        assert [each.done() for each in sent] == [True, True, True, False]

    run(main())


def test_a_key_has_its_partition_and_what_has_none_stays_with_one_for_a_moment(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 7)

    async def main() -> None:
        producer = cluster.producer()
        keyed = [await producer.produce("t", value="v", key=f"k{number}") for number in range(20)]
        bare = [await producer.produce("t", value="v") for _ in range(20)]
        await producer.flush()
        for number, sent in enumerate(keyed):
            assert sent.result().partition() == consistent(f"k{number}".encode(), 7)
        assert len({sent.result().partition() for sent in bare}) == 1

    run(main())


async def no_such_partition(producer: FakeProducer) -> asyncio.Future[Any]:
    return await producer.produce("t", value="v", partition=9)


async def too_large(producer: FakeProducer) -> asyncio.Future[Any]:
    return await producer.produce("t", value=b"v" * 2_000_000)


@pytest.mark.parametrize(
    ("send", "code"),
    [(no_such_partition, KafkaError._UNKNOWN_PARTITION), (too_large, KafkaError.MSG_SIZE_TOO_LARGE)],
)
def test_what_cannot_be_delivered_fails_alone(
    send: Callable[[FakeProducer], Any], code: int, cluster: KafkaCluster, run: Run
) -> None:
    cluster.create_topic("t")

    async def main() -> None:
        producer = cluster.producer()
        failed = await send(producer)
        good = await producer.produce("t", value="v")
        await producer.flush()
        assert good.result().offset() == 0
        with pytest.raises(KafkaException) as error:
            await failed
        assert error.value.args[0].code() == code

    run(main())


def test_a_value_of_another_type_fails_its_batch(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        producer = cluster.producer()
        sent = [await producer.produce("t", value=value) for value in ("v", 3)]
        with pytest.raises(TypeError, match="Message value at index 1 must be bytes or str"):
            await producer.flush()
        for each in sent:
            with pytest.raises(TypeError):
                await each

    run(main())


def test_headers_are_refused_as_the_real_one_refuses_them(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        with pytest.raises(NotImplementedError, match="Headers are not supported in AIOProducer batch mode"):
            await cluster.producer().produce("t", value="v", headers=[("a", b"b")])

    run(main())


def test_a_transaction_is_read_when_it_is_committed(cluster: KafkaCluster, run: Run) -> None:
    async def main() -> None:
        producer = cluster.producer({"transactional.id": "x"})
        await producer.init_transactions()
        for value, end in (("kept", producer.commit_transaction), ("dropped", producer.abort_transaction)):
            await producer.begin_transaction()
            await producer.produce("t", value=value, key="k")
            await producer.flush()
            assert value.encode() not in cluster.fold("t").values()
            await end()

    run(main())
    assert cluster.fold("t") == {b"k": b"kept"}


def test_messages_overtake_only_those_of_other_topics(cluster: KafkaCluster, run: Run) -> None:
    for topic in ("slow", "fast"):
        cluster.create_topic(topic)
    cluster.inject("produce", "delayed")

    async def main() -> None:
        producer = cluster.producer()
        slow = [await producer.produce("slow", value=f"{number}") for number in range(2)]
        fast = await producer.produce("fast", value="0")
        flushing = asyncio.create_task(producer.flush())
        await asyncio.sleep(0.01)
        assert [fast.done(), *(each.done() for each in slow)] == [True, False, False]
        await flushing
        assert [each.result().offset() for each in slow] == [0, 1]

    run(main())
