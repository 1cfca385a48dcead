# Goal: what a story does to the in-memory cluster has the effect it has on a real one: on logs, groups, brokers, clients.

import asyncio
import random
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from cocoindex_sim.fakes import DrawnHazards, Hazards, ProcessCut
from cocoindex_sim.fakes.kafka import KafkaCluster

from .clients import CONF, Log, drain, subscribed
from .conftest import Run


def values(messages: list[Message]) -> list[bytes | None]:
    return [message.value() for message in messages]


def code(error: pytest.ExceptionInfo[KafkaException]) -> int:
    return int(error.value.args[0].code())


# --- logs ---


def test_compaction_leaves_gaps_and_retention_moves_the_start(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    for key in ("a", "b", "a", "c", "b"):
        cluster.produce("t", f"{key} value", key)
    cluster.compact("t")
    assert [message.offset() for message in cluster.messages("t")] == [2, 3, 4]
    cluster.expire("t", 3)
    assert cluster.watermarks("t") == {0: (3, 5)}

    async def main() -> None:
        assert [message.offset() for message in await drain(await subscribed(cluster, "t"))] == [3, 4]

    run(main())


def test_compaction_can_take_the_last_messages_too(cluster: KafkaCluster, run: Run) -> None:  # KFK-13
    cluster.create_topic("t")
    cluster.produce("t", "v", "a")
    cluster.tombstone("t", "a")
    cluster.compact("t", tombstones=True)
    assert cluster.watermarks("t") == {0: (0, 2)}

    async def main() -> None:
        consumer = await subscribed(cluster, "t", enable_partition_eof=True)
        (end,) = await drain(consumer)
        assert end.error() is not None
        assert (end.error().code(), end.offset()) == (KafkaError._PARTITION_EOF, 2)

    run(main())


def test_the_fold_is_the_last_value_of_each_key_over_all_partitions(cluster: KafkaCluster) -> None:
    cluster.create_topic("t", 3)
    for key, value in (("b", "1"), ("a", "1"), ("b", "2"), ("c", "1")):
        cluster.produce("t", value, key)
    cluster.produce("t", "no key counts for nothing")
    cluster.tombstone("t", "c")
    assert cluster.fold("t") == {b"a": b"1", b"b": b"2"}


def test_an_open_transaction_holds_back_what_follows_it(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    transaction = cluster.transaction()
    transaction.produce("t", "in", "k")
    cluster.produce("t", "after", "k")

    async def main() -> None:
        committed = await subscribed(cluster, "t")
        everything = await subscribed(cluster, "t", group_id="other", isolation_level="read_uncommitted")
        assert await committed.get_watermark_offsets(TopicPartition("t", 0)) == (0, 0)
        assert values(await drain(committed)) == []
        assert values(await drain(everything)) == [b"in", b"after"]
        transaction.commit()
        assert values(await drain(committed)) == [b"in", b"after"]
        assert [at.offset for at in await committed.position([TopicPartition("t", 0)])] == [3]

    run(main())


def test_an_aborted_transaction_leaves_nothing_to_those_who_read_committed(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    transaction = cluster.transaction()
    transaction.produce("t", "in", "k")
    transaction.abort()
    assert cluster.messages("t") == []

    async def main() -> None:
        assert values(await drain(await subscribed(cluster, "t"))) == []
        everyone = await subscribed(cluster, "t", group_id="other", isolation_level="read_uncommitted")
        assert values(await drain(everyone)) == [b"in"]

    run(main())


# --- groups ---


def test_a_killed_member_is_missed_when_its_session_times_out(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t", 2)

    async def main() -> float:
        dead = await subscribed(cluster, "t")
        await drain(dead)
        dead.cut()
        with pytest.raises(ProcessCut):
            await dead.poll(1)
        began_s = asyncio.get_running_loop().time()
        heir = await subscribed(cluster, "t")
        while not await heir.assignment():
            await heir.poll(0.1)
        return asyncio.get_running_loop().time() - began_s

    assert run(main()) == pytest.approx(45, abs=0.2)


def test_a_member_that_does_not_poll_is_thrown_out_and_cannot_commit(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    cluster.produce("t", "v", "k")
    log = Log()

    async def main() -> None:
        consumer = cluster.consumer(CONF | {"max.poll.interval.ms": 60000})
        await consumer.subscribe(["t"], **log.callbacks())
        message = await consumer.poll(1)
        assert message is not None
        await asyncio.sleep(61)
        with pytest.raises(KafkaException) as error:
            await consumer.commit(message=message, asynchronous=False)
        assert code(error) == KafkaError.UNKNOWN_MEMBER_ID
        again = await drain(consumer)
        assert [each.error().name() for each in again if each.error()] == ["_MAX_POLL_EXCEEDED"]
        assert values(again)[-1] == b"v"

    run(main())
    assert [kind for kind, _ in log.calls] == ["assign", "lost", "assign"]
    assert cluster.commits == []


def test_a_commit_moves_back_if_it_says_so(cluster: KafkaCluster, run: Run) -> None:  # KFK-10
    cluster.create_topic("t")

    async def main() -> None:
        consumer = await subscribed(cluster, "t")
        await drain(consumer)
        for offset in (5, 3):
            await consumer.commit(offsets=[TopicPartition("t", 0, offset)], asynchronous=False)

    run(main())
    assert [commit.offset for commit in cluster.commits] == [5, 3]
    assert cluster.committed("g", "t") == {0: 3}


def test_calls_side_by_side_may_land_out_of_order(loop: asyncio.AbstractEventLoop, run: Run) -> None:  # KFK-10
    cluster = KafkaCluster(time=loop.time, serial_calls=False)
    cluster.create_topic("t")
    cluster.inject("commit", "delayed")

    async def main() -> None:
        consumer = await subscribed(cluster, "t")
        await drain(consumer)
        requests = [[TopicPartition("t", 0, offset)] for offset in (3, 5)]
        await asyncio.gather(*(consumer.commit(offsets=request, asynchronous=False) for request in requests))

    run(main())
    assert [commit.offset for commit in cluster.commits] == [5, 3]


# --- brokers ---


def test_without_brokers_calls_wait_for_them_or_time_out(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    cluster.produce("t", "v", "k")
    told: list[int] = []

    async def error_cb(error: KafkaError) -> None:
        told.append(error.code())

    async def main() -> None:
        loop = asyncio.get_running_loop()
        consumer = await subscribed(cluster, "t", error_cb=None)
        listening = cluster.consumer(CONF | {"error_cb": error_cb})
        await drain(consumer)
        cluster.stop_broker()
        assert await consumer.poll(1) is None
        assert await listening.poll(1) is None
        with pytest.raises(KafkaException) as error:
            await consumer.committed([TopicPartition("t", 0)], timeout=5)
        assert code(error) == KafkaError._TIMED_OUT
        loop.call_later(20, cluster.start_broker)
        began_s = loop.time()
        await consumer.commit(asynchronous=False)
        assert loop.time() - began_s == pytest.approx(20)

    run(main())
    assert told == [KafkaError._TRANSPORT] * 3 + [KafkaError._ALL_BROKERS_DOWN]
    assert cluster.committed("g", "t") == {0: 1}


def test_a_message_waits_for_brokers_until_its_time_is_up(cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")

    async def main() -> None:
        producer = cluster.producer({"message.timeout.ms": 10000})
        cluster.stop_broker()
        late = await producer.produce("t", value=b"late", key=b"k")
        assert await producer.flush(5) == 1
        await producer.flush()
        with pytest.raises(KafkaException) as error:
            await late
        assert code(error) == KafkaError._MSG_TIMED_OUT
        kept = await producer.produce("t", value=b"kept", key=b"k")
        flushing = asyncio.create_task(producer.flush())
        await asyncio.sleep(3)
        cluster.start_broker()
        assert await flushing == 0
        assert (await kept).offset() == 0

    run(main())
    assert cluster.fold("t") == {b"k": b"kept"}


def test_partitions_of_a_broker_that_is_down_are_led_by_another(cluster: KafkaCluster) -> None:
    cluster.create_topic("t", 3)
    cluster.stop_broker(2)
    assert [cluster.leader(("t", partition)) for partition in range(3)] == [1, 3, 3]


# --- what goes wrong ---


@pytest.mark.parametrize(("kind", "arrives"), [("fails", False), ("ack_lost", True)])
def test_a_delivery_that_fails_may_have_arrived(kind: str, arrives: bool, cluster: KafkaCluster, run: Run) -> None:
    cluster.create_topic("t")
    trouble = cluster.inject("produce", kind)

    async def main() -> None:
        producer = cluster.producer()
        delivery = await producer.produce("t", value=b"v", key=b"k")
        await producer.flush()
        with pytest.raises(KafkaException):
            await delivery

    run(main())
    assert trouble.fired == 1
    assert len(cluster.messages("t")) == arrives


@pytest.mark.parametrize(("kind", "committed"), [("fails", {}), ("ack_lost", {0: 1})])
def test_a_commit_that_fails_may_have_been_made(
    kind: str, committed: dict[int, int], cluster: KafkaCluster, run: Run
) -> None:
    cluster.create_topic("t")
    cluster.produce("t", "v", "k")
    cluster.inject("commit", kind)

    async def main() -> None:
        consumer = await subscribed(cluster, "t")
        await drain(consumer)
        with pytest.raises(KafkaException) as error:
            await consumer.commit(asynchronous=False)
        assert error.value.args[0].retriable()

    run(main())
    assert cluster.committed("g", "t") == committed


def test_what_cannot_go_wrong_is_refused(cluster: KafkaCluster) -> None:
    with pytest.raises(ValueError, match="unknown call 'pol'; known: poll, commit, produce"):
        cluster.inject("pol", "error")
    with pytest.raises(ValueError, match="'fails' can't happen at 'poll'; known: error, stall"):
        cluster.inject("poll", "fails")


def test_commits_and_messages_are_durable_steps(loop: asyncio.AbstractEventLoop, run: Run) -> None:
    steps: list[str] = []

    class Noting(Hazards):
        def durable(self, what: str) -> None:
            steps.append(what)

    cluster = KafkaCluster(time=loop.time, hazards=Noting())
    cluster.create_topic("t")

    async def main() -> None:
        producer = cluster.producer()
        await producer.produce("t", value=b"v", key=b"k")
        await producer.flush()
        consumer = await subscribed(cluster, "t")
        await drain(consumer)
        await consumer.commit(asynchronous=False)

    run(main())
    assert steps == ["kafka.produce", "kafka.commit"]


# --- chance ---


def test_the_same_seed_gives_the_same_run(run: Run, loop: asyncio.AbstractEventLoop) -> None:
    async def main(seed: int) -> list[Any]:
        notes: list[Any] = []
        began_s = loop.time()
        cluster = KafkaCluster(
            random.Random(seed),
            time=lambda: loop.time() - began_s,
            hazards=DrawnHazards(random.Random(seed), rate=0.2, faults_max=8),
            note=notes.append,
        )
        cluster.create_topic("t", 4)
        for number in range(30):
            cluster.produce("t", f"v{number}", f"k{number}" if number % 3 else None)
        consumers = [await subscribed(cluster, "t") for _ in range(2)]
        for _ in range(60):
            for consumer in consumers:
                message = await consumer.poll(0.5)
                if message is not None and message.error() is None:
                    notes.append((message.partition(), message.offset()))
                    await consumer.commit(message=message)
        return notes

    first, second, other = run(main(1)), run(main(1)), run(main(2))
    assert first == second
    assert first != other


def test_a_cluster_runs_on_asyncios_own_loop() -> None:
    async def main() -> None:
        cluster = KafkaCluster()
        cluster.create_topic("t")
        consumer = await subscribed(cluster, "t")
        poll = asyncio.create_task(consumer.poll(10))
        producer = cluster.producer(batch_size=1)
        await producer.produce("t", value="v", key="k")
        message = await poll
        assert message is not None
        assert message.value() == b"v"
        await consumer.close()
        await producer.close()

    asyncio.run(main())
