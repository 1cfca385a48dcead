"""Stories of logs with holes: what was deleted, compacted, or written in transactions."""

from __future__ import annotations

import asyncio

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from .story import PATIENCE_S, Observations, Stage, at, by_partition, outcome, places, read, rest, shown, story


@story("records")
async def deleted_records_leave_a_later_beginning(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 5, 2)
    group = stage.fresh("group")
    consumer, error = stage.consumer(group), stage.consumer(group, auto_offset_reset="error")
    await consumer.commit(offsets=at(topic, 1, 0), asynchronous=False)
    await stage.arm.delete_records({(topic, 0): 3, (topic, 1): 5})
    marks = [list(await consumer.get_watermark_offsets(place, timeout=10)) for place in at(topic, None, 0, 1, 2)]
    await error.assign(at(topic, None, 0))
    failed = await read(error, 1)
    await consumer.assign(at(topic, None, 0, 1))
    messages = [shown(message) for message in await read(consumer, 2)]
    committed = places(await consumer.committed(at(topic, None, 0), timeout=10))
    position = places(await consumer.position(at(topic, None, 0)))
    await consumer.assign(at(topic, OFFSET_BEGINNING, 1))
    await stage.send(topic, {"value": "new", "key": "k", "partition": 1})
    return {
        "watermarks": marks,
        "committed before the beginning, error": shown(failed[0]),
        "committed before the beginning, earliest": messages,
        "still committed": committed,
        "position": position,
        "all deleted": [shown(message) for message in await read(consumer, 1)],
    }


@story("records")
async def the_end_of_an_emptied_partition_is_told(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 5)
    await stage.arm.delete_records({(topic, 0): 5})
    consumer = stage.consumer(enable_partition_eof=True)
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    end = (await read(consumer, 1))[0]
    return {"end": [shown(end), end.offset()], "position": places(await consumer.position(at(topic, None, 0)))}


@story("compaction")
async def compaction_leaves_the_last_of_each_key(stage: Stage) -> Observations:
    topic = await stage.topic(
        1,
        cleanup_policy="compact",
        segment_ms="200",
        min_cleanable_dirty_ratio="0.001",
        delete_retention_ms="600000",
        max_compaction_lag_ms="1000",
    )
    written = [("a", "1"), ("b", "1"), ("a", "2"), ("c", "1"), ("b", None), ("a", "3")]
    await stage.send(topic, *({"key": key, "value": value, "partition": 0} for key, value in written))
    loop = asyncio.get_running_loop()
    end = loop.time() + PATIENCE_S
    while True:
        # The segment that is written to is never compacted: each round closes one.
        await stage.send(topic, {"key": "last", "value": "l", "partition": 0})
        await stage.arm.compact(topic)
        consumer = stage.consumer(enable_partition_eof=True)
        await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
        left = []
        while (message := (await read(consumer, 1))[0]).error() is None:
            left.append(message)
        marks = list(await consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10))
        await stage.close(consumer)
        if sum(1 for message in left if message.key() == b"a") == 1:
            break
        assert loop.time() < end, f"not compacted within {PATIENCE_S:g} s: {[shown(message) for message in left]}"
    return {
        "left": [shown(message) for message in left if message.key() != b"last"],
        "beginning": marks[0],
        "end is told where the log ends": message.offset() == marks[1],
    }


@story("transactions")
async def a_transaction_is_read_whole_or_not_at_all(stage: Stage) -> Observations:
    topic = await stage.topic()
    producer = stage.producer(transactional_id=stage.fresh("producer"))
    await producer.init_transactions()
    await producer.begin_transaction()
    for value in ("a1", "a2"):
        await producer.produce(topic, value=value, partition=0)
    await producer.commit_transaction()
    await producer.begin_transaction()
    await producer.produce(topic, value="b1", partition=0)
    await producer.flush()
    open_marks = await marks_of(stage, topic)
    await producer.abort_transaction()
    await producer.begin_transaction()
    await producer.produce(topic, value="c1", partition=0)
    await producer.commit_transaction()
    seen: Observations = {"watermarks while open": open_marks, "watermarks": await marks_of(stage, topic, end=7)}
    for isolation in ("read_committed", "read_uncommitted"):
        consumer = stage.consumer(isolation_level=isolation, enable_partition_eof=True)
        await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
        messages = []
        while (message := (await read(consumer, 1))[0]).error() is None:
            messages.append(message)
        seen[isolation] = {
            "messages": [shown(message) for message in messages],
            "end": message.offset(),
            "position": places(await consumer.position(at(topic, None, 0))),
        }
    return seen


@story("transactions")
async def an_aborted_transaction_may_be_the_last(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.send(topic, {"value": "first", "partition": 0})
    producer = stage.producer(transactional_id=stage.fresh("producer"))
    await producer.init_transactions()
    await producer.begin_transaction()
    for partition in (0, 1):
        await producer.produce(topic, value="aborted", partition=partition)
    await producer.abort_transaction()
    await marks_of(stage, topic, 0, end=3)
    await marks_of(stage, topic, 1, end=2)
    consumer = stage.consumer(enable_partition_eof=True)
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0, 1))
    messages = await read(consumer, 3)
    ends = [message for message in messages if message.error()]
    await consumer.commit(asynchronous=False)
    return {
        "messages": [shown(message) for message in messages if not message.error()],
        "ends": sorted([message.partition(), message.offset()] for message in ends),
        "position": places(await consumer.position(at(topic, None, 0, 1))),
        "committed": places(await consumer.committed(at(topic, None, 0, 1), timeout=10)),
    }


async def marks_of(stage: Stage, topic: str, partition: int = 0, *, end: int | None = None) -> dict[str, list[int]]:
    """The watermarks of a partition, for each kind of reader.

    With `end`, once all see that end, or after some time: what closes a transaction is written, and copied to other
    brokers, after the call that closed it has returned.
    """
    readers = {
        isolation: stage.consumer(isolation_level=isolation) for isolation in ("read_committed", "read_uncommitted")
    }
    loop = asyncio.get_running_loop()
    give_up = loop.time() + 20
    while True:
        place = TopicPartition(topic, partition)
        marks = {name: list(await reader.get_watermark_offsets(place, timeout=10)) for name, reader in readers.items()}
        if end is None or all(high == end for _, high in marks.values()) or loop.time() > give_up:
            return marks
        await asyncio.sleep(0.2)


@story("transactions")
async def an_open_transaction_holds_back_what_follows(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.send(topic, {"value": "before", "partition": 0})
    producer = stage.producer(transactional_id=stage.fresh("producer"))
    await producer.init_transactions()
    await producer.begin_transaction()
    await producer.produce(topic, value="open", partition=0)
    await producer.flush()
    await stage.send(topic, {"value": "after", "partition": 0})
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    held = by_partition(await rest(consumer, 3))
    await producer.commit_transaction()
    return {"while open": held, "then": by_partition(await read(consumer, 2))}


@story("transactions", "offsets in transactions")
async def offsets_are_committed_with_the_transaction(stage: Stage) -> Observations:
    source, target = await stage.topic(), await stage.topic()
    await stage.fill(source, 4)
    group = stage.fresh("group")
    consumer = stage.consumer(group)
    await consumer.assign(at(source, OFFSET_BEGINNING, 0))
    await read(consumer, 2)
    metadata = await consumer.consumer_group_metadata()
    producer = stage.producer(transactional_id=stage.fresh("producer"))
    await producer.init_transactions()
    seen: Observations = {}
    for name, end in (("aborted", producer.abort_transaction), ("committed", producer.commit_transaction)):
        await producer.begin_transaction()
        await producer.produce(target, value=name, partition=0)
        await producer.send_offsets_to_transaction(await consumer.position(at(source, None, 0)), metadata)
        await end()
        seen[name] = places(await consumer.committed(at(source, None, 0), timeout=10))
    reader = stage.consumer()
    await reader.assign(at(target, OFFSET_BEGINNING, 0))
    seen["read"] = by_partition(await read(reader, 1))
    seen["not in a transaction"] = await outcome(producer.commit_transaction())
    return seen
