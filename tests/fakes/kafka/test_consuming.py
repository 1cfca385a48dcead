# Goal: a consumer of the in-memory cluster is given what a real one is, from where it left off.

import asyncio

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicPartition

from cocoindex_sim.fakes.kafka import KafkaCluster

from .clients import CONF, Log, drain, subscribed
from .conftest import Run


def test_every_message_comes_once_and_in_order_within_its_partition(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 4)
    for number in range(40):
        cluster.produce("t", f"v{number}", f"k{number}")

    async def main() -> None:
        messages = await drain(await subscribed(cluster, "t"))
        assert sorted(message.value() or b"" for message in messages) == sorted(b"v%d" % n for n in range(40))
        for partition in range(4):
            offsets = [message.offset() for message in messages if message.partition() == partition]
            assert offsets == list(range(len(offsets)))

    run(main())


def test_a_new_member_goes_on_where_the_group_committed(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    for number in range(5):
        cluster.produce("t", f"v{number}", "k")

    async def main() -> None:
        first = await subscribed(cluster, "t")
        for _ in range(3):
            message = await first.poll(1)
        assert await first.commit(message=message, asynchronous=False) == [TopicPartition("t", 0, 3)]
        await first.close()
        second = await subscribed(cluster, "t")
        assert [message.value() for message in await drain(second)] == [b"v3", b"v4"]

    run(main())
    assert cluster.committed("g", "t") == {0: 3}


def test_the_watermarks_are_those_of_the_log(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 2)
    for _ in range(3):
        cluster.produce("t", "v", "k", partition=1)
    cluster.expire("t", 2, partition=1)

    async def main() -> None:
        consumer = cluster.consumer(CONF)
        assert await consumer.get_watermark_offsets(TopicPartition("t", 0)) == (0, 0)
        assert await consumer.get_watermark_offsets(TopicPartition("t", 1)) == (2, 3)
        assert await consumer.get_watermark_offsets(TopicPartition("t", 1), cached=True) == (
            OFFSET_INVALID,
            OFFSET_INVALID,
        )
        with pytest.raises(KafkaException) as error:
            await consumer.get_watermark_offsets(TopicPartition("t", 7))
        assert error.value.args[0].code() == KafkaError._UNKNOWN_PARTITION

    run(main())


def test_a_commit_of_nothing_is_an_error_when_it_is_waited_for(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")

    async def main() -> None:
        consumer = await subscribed(cluster, "t")
        with pytest.raises(KafkaException) as error:
            await consumer.commit(asynchronous=False)
        assert error.value.args[0].code() == KafkaError._NO_OFFSET
        assert await consumer.commit() is None

    run(main())


def test_the_partitions_of_two_members_are_shared_and_come_back(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 4)
    log = Log()

    async def main() -> None:
        consumer = cluster.consumer(CONF)
        await consumer.subscribe(["t"], **log.callbacks())
        await drain(consumer)
        cluster.join_member("g", "t")
        await drain(consumer)
        cluster.leave_member("g")
        await drain(consumer)
        await consumer.close()

    run(main())
    everything = [0, 1, 2, 3]
    assert log.calls == [
        ("assign", everything),
        ("revoke", everything),
        ("assign", [0, 1]),
        ("revoke", [0, 1]),
        ("assign", everything),
        ("revoke", everything),
    ]


def test_a_cooperative_member_gives_up_only_what_moves(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 4)
    log = Log()

    async def main() -> None:
        consumer = cluster.consumer(CONF | {"partition.assignment.strategy": "cooperative-sticky"})
        await consumer.subscribe(["t"], **log.callbacks())
        await drain(consumer)
        cluster.join_member("g", "t")
        await drain(consumer)

    run(main())
    assert log.calls[0] == ("assign", [0, 1, 2, 3])
    assert ("revoke", [2, 3]) in log.calls
    assert sorted(cluster.members("g").values()) == [[("t", 0), ("t", 1)], [("t", 2), ("t", 3)]]


def test_a_message_that_a_cancelled_poll_gets_is_lost(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")

    async def main() -> None:
        consumer = await subscribed(cluster, "t")
        await drain(consumer)
        poll = asyncio.create_task(consumer.poll(30))
        await asyncio.sleep(1)
        poll.cancel()
        cluster.produce("t", "lost", "k")
        cluster.produce("t", "kept", "k")
        message = await consumer.poll(1)
        assert message is not None
        assert message.value() == b"kept"

    run(main())


def test_a_call_waits_for_the_poll_before_it(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")

    async def main() -> float:
        consumer = await subscribed(cluster, "t")
        await drain(consumer)
        loop = asyncio.get_running_loop()
        poll = asyncio.create_task(consumer.poll(10))
        await asyncio.sleep(1)
        before = loop.time()
        await consumer.assignment()
        await poll
        return loop.time() - before

    assert run(main()) == pytest.approx(9)


def test_what_was_committed_with_metadata_comes_back_with_it(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 3)

    async def main() -> None:
        consumer = await subscribed(cluster, "t")
        offsets = [TopicPartition("t", 0, 4, "note"), TopicPartition("t", 1, 5)]
        await consumer.poll(0)
        await consumer.commit(offsets=offsets, asynchronous=False)
        found = await consumer.committed([TopicPartition("t", number) for number in range(3)])
        assert [(one.offset, one.metadata, one.error) for one in found] == [
            (4, "note", None),
            (5, None, None),
            (OFFSET_INVALID, None, None),
        ]

    run(main())
