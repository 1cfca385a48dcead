"""Stories of what goes wrong by the caller's doing: names nobody knows, calls at the wrong time, clients that are closed."""

from __future__ import annotations

from confluent_kafka import TopicPartition

from .story import Observations, Stage, at, outcome, read, rest, shown, story


@story("topics")
async def a_topic_nobody_made_is_an_error_message(stage: Stage) -> Observations:
    consumer = stage.consumer()
    name = stage.fresh("missing")
    await consumer.subscribe([name])
    failed = (await read(consumer, 1))[0]
    return {
        "error": failed.error().name(),
        "fatal": failed.error().fatal(),
        "retriable": failed.error().retriable(),
        "where": [failed.topic() == name, failed.partition(), failed.offset()],
        "text": failed.error().str().replace(name, "NAME"),
        "once": [shown(message) for message in await rest(consumer, 4)],
        "assignment": await consumer.assignment(),
    }


@story("topics")
async def a_topic_made_later_is_found(stage: Stage) -> Observations:
    consumer = stage.consumer()
    name = stage.fresh("late")
    await consumer.subscribe([name])
    failed = await read(consumer, 1)
    await stage.arm.create_topic(name, 2, {})
    await stage.send(name, {"value": "v", "key": "k", "partition": 1})
    return {"first": shown(failed[0]), "then": shown((await read(consumer, 1))[0])}


@story("topics")
async def a_partition_nobody_made_is_silent(stage: Stage) -> Observations:
    topic = await stage.topic(2)
    await stage.fill(topic, 1, 2)
    consumer = stage.consumer()
    await consumer.assign(at(topic, 0, 1, 9))
    messages = await read(consumer, 1)
    return {
        "messages": [shown(message) for message in messages + await rest(consumer, 5)],
        "assignment": sorted(place.partition for place in await consumer.assignment()),
    }


@story()
async def a_closed_consumer_does_nothing(stage: Stage) -> Observations:
    topic = await stage.topic()
    consumer = stage.consumer()
    await consumer.assign(at(topic, 0))
    closed = await outcome(stage.close(consumer))
    return {
        "close": closed,
        "again": await outcome(consumer.close()),
        "poll": await outcome(consumer.poll(0)),
        "consume": await outcome(consumer.consume(1, 0)),
        "assign": await outcome(consumer.assign(at(topic, 0))),
        "subscribe": await outcome(consumer.subscribe([topic])),
        "commit": await outcome(consumer.commit(offsets=at(topic, 0, 0))),
    }


@story()
async def calls_that_make_no_sense_are_refused(stage: Stage) -> Observations:
    topic = await stage.topic()
    consumer = stage.consumer()
    return {
        "subscribe to a string": await outcome(consumer.subscribe(topic)),
        "subscribe to nothing": await outcome(consumer.subscribe([])),
        "assign a string": await outcome(consumer.assign([topic])),
        "seek to nothing": await outcome(consumer.seek(None)),
        "commit of an offset that is none": await outcome(
            consumer.commit(offsets=[TopicPartition(topic, 0, -1001)], asynchronous=False)
        ),
        "an unsubscribe too many": await outcome(consumer.unsubscribe()),
        "an unassign too many": await outcome(consumer.unassign()),
    }
