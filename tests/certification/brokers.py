"""Stories of brokers that are killed and brought back: what clients are told, and what goes on without them."""

from __future__ import annotations

import asyncio

from confluent_kafka import TopicPartition

from .members import Member
from .story import Observations, Stage, at, by_partition, outcome, read, rest, shown, story, text, until


@story("brokers", "topics")
async def a_broker_that_is_killed_takes_nothing_with_it(stage: Stage) -> Observations:
    topic = await stage.topic(6)
    await stage.fill(topic, 10, 6)
    member = Member(stage, topic, stage.fresh("group"))
    await member.join()
    await until(lambda: len(member.messages) == 60, "all messages")
    first = await outcome(member.consumer.commit(offsets=at(topic, 10, *range(6)), asynchronous=False))
    leader = await stage.arm.leader(topic, 0)
    await stage.arm.stop_brokers(leader)
    await stage.fill(topic, 5, 6)
    await until(lambda: len(member.messages) == 90, "the messages of the other brokers")
    led_on = await stage.arm.leader(topic, 0) != leader
    second = await outcome(member.consumer.commit(offsets=at(topic, 15, *range(6)), asynchronous=False))
    await stage.arm.start_brokers(leader)
    await stage.fill(topic, 5, 6)
    await until(lambda: len(member.messages) >= 120, "the messages after it is back")
    await asyncio.sleep(1)
    offsets: dict[int | None, list[int | None]] = {}
    for message in member.messages:
        offsets.setdefault(message.partition(), []).append(message.offset())
    committed = await member.consumer.committed(at(topic, None, *range(6)), timeout=30)
    return {
        "another broker leads": led_on,
        "commits": [first, second],
        "each message once and in order": all(found == list(range(20)) for found in offsets.values()),
        "committed": sorted({place.offset for place in committed}),
        "errors": member.errors,
    }


@story("brokers")
async def without_any_broker_everything_waits(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3)
    told: set[str] = set()

    async def on_error(error: object) -> None:
        told.add(error.name())

    consumer = stage.consumer(error_cb=on_error)
    producer = stage.producer()
    await consumer.subscribe([topic])
    await read(consumer, 3)
    await consumer.commit(asynchronous=False)
    await stage.arm.stop_brokers()
    quiet = [shown(message) for message in await rest(consumer, 5)]
    watermarks = await outcome(consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=2))
    committed = await outcome(consumer.committed(at(topic, None, 0), timeout=2))
    metadata = await outcome(consumer.list_topics(topic, timeout=2))
    waiting = await producer.produce(topic, value="new", partition=0)
    left = await producer.flush(2)
    await stage.arm.start_brokers()
    await producer.flush()
    delivered = shown(await waiting)
    after = by_partition(await read(consumer, 1))
    return {
        "quiet": quiet,
        "told": sorted(told & {"_ALL_BROKERS_DOWN"}),
        "watermarks": watermarks,
        "committed offsets": committed,
        "metadata": metadata,
        "left in the producer": left,
        "delivered": delivered,
        "then": after,
        "commit": await outcome(consumer.commit(asynchronous=False)),
    }


@story("brokers")
async def a_group_without_its_brokers_for_long_begins_again(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3)
    member = Member(stage, topic, stage.fresh("group"))
    await member.join()
    await until(lambda: len(member.messages) == 3, "the messages")
    await member.consumer.commit(offsets=at(topic, 2, 0), asynchronous=False)
    member.take_messages()
    member.take_events()
    await stage.arm.stop_brokers()
    await asyncio.sleep(10)
    during = member.take_events()
    await stage.arm.start_brokers()
    await stage.send(topic, {"value": "new", "partition": 0})
    await until(lambda: any(message.value() == b"new" for message in member.messages), "the new message")
    return {
        "told meanwhile": during,
        "told then": member.take_events(),
        "messages": [text(message.value()) for message in member.messages],
        "errors": sorted(set(member.errors)),
    }
