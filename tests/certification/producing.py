"""Stories of a producer: what a delivery tells, what can't be delivered, and when it is flushed."""

from __future__ import annotations

import asyncio

from confluent_kafka import OFFSET_BEGINNING

from .story import Observations, Stage, at, by_partition, outcome, read, shown, story


@story()
async def a_delivery_says_where_the_message_went(stage: Stage) -> Observations:
    topic = await stage.topic()
    producer = stage.producer()
    first = await producer.produce(topic, value="one", key="k", partition=2)
    pending = first.done()
    left = await producer.flush()
    message = await first
    tombstone = await producer.produce(topic, key="k", partition=2)
    await producer.flush()
    return {
        "pending": pending,
        "left": left,
        "message": shown(message),
        "topic": message.topic() == topic,
        "tombstone": shown(await tombstone),
        "waiting": len(producer),
    }


@story()
async def a_batch_that_is_full_is_sent(stage: Stage) -> Observations:
    topic = await stage.topic()
    producer = stage.producer(options={"batch_size": 3, "buffer_timeout": 0})
    futures = [await producer.produce(topic, value=f"v{number}", key="k") for number in range(3)]
    await producer.flush()
    return {"offsets": [(await future).offset() for future in futures]}


@story()
async def a_batch_is_sent_in_time(stage: Stage) -> Observations:
    topic = await stage.topic()
    producer = stage.producer(options={"buffer_timeout": 0.2})
    future = await producer.produce(topic, value="v", partition=0)
    await producer.poll(0)
    return {"message": shown(await future)}


@story()
async def a_producer_s_keys_go_where_others_put_them(stage: Stage) -> Observations:
    topic = await stage.topic()
    keys = [f"k{number}" for number in range(12)]
    elsewhere = await stage.send(topic, *({"value": "v", "key": key} for key in keys))
    producer = stage.producer()
    futures = [await producer.produce(topic, value="v", key=key) for key in keys]
    await producer.flush()
    return {
        "partitions": [(await future).partition() for future in futures],
        "same": [(await future).partition() for future in futures] == [partition for partition, _ in elsewhere],
    }


@story()
async def what_can_not_be_delivered_is_said(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 1)
    producer = stage.producer(message_max_bytes=2000)

    async def deliver(**message: object) -> None:
        future = await producer.produce(topic, **message)
        await producer.flush()
        await future

    return {
        "unknown partition": await outcome(deliver(value="v", partition=77)),
        "too large": await outcome(deliver(value="v" * 3000)),
        "headers": await outcome(deliver(value="v", headers=[("a", b"b")])),
        "still works": await outcome(deliver(value="v")),
    }


@story("topics")
async def a_topic_nobody_made_takes_no_message(stage: Stage) -> Observations:
    patient, hasty = stage.producer(), stage.producer(message_timeout_ms=3000)
    first = await patient.produce(stage.fresh("missing"), value="v")
    second = await hasty.produce(stage.fresh("missing"), value="v")
    await asyncio.gather(patient.flush(), hasty.flush())
    return {"delivery": await outcome(first), "delivery in three seconds": await outcome(second)}


@story("topics", "settings")
async def the_broker_has_a_limit_too(stage: Stage) -> Observations:
    topic = await stage.topic(max_message_bytes="500")
    producer = stage.producer()
    large = await producer.produce(topic, value="v" * 1000, partition=0)
    small = await producer.produce(topic, value="v", partition=1)
    await producer.flush()
    return {"large": await outcome(large), "small": await outcome(small)}


@story()
async def closing_delivers_what_waits(stage: Stage) -> Observations:
    topic = await stage.topic()
    producer = stage.producer()
    future = await producer.produce(topic, value="v", key="k", partition=3)
    await stage.close(producer)
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING))
    return {
        "delivered": shown(await future),
        "read": by_partition(await read(consumer, 1)),
        "waiting": len(producer),
    }


@story()
async def a_purge_forgets_what_waits(stage: Stage) -> Observations:
    topic = await stage.topic()
    producer = stage.producer(options={"buffer_timeout": 0})
    future = await producer.produce(topic, value="v", partition=0)
    await producer.purge()
    return {"cancelled": future.cancelled(), "waiting": len(producer), "left": await producer.flush()}
