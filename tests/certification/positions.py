"""Stories of where a consumer stands: seek, position, pause, watermarks, times, and where it begins without a place."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from .story import Observations, Stage, at, by_partition, outcome, places, read, rest, shown, story


@story()
async def a_seek_goes_back_and_forth(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 6)
    consumer = stage.consumer()
    early = await outcome(consumer.seek(TopicPartition(topic, 0, 1)))
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    await read(consumer, 3)
    await consumer.seek(TopicPartition(topic, 0, 1))
    back = await read(consumer, 2)
    await consumer.seek(TopicPartition(topic, 0, 5))
    forth = await read(consumer, 1)
    await consumer.seek(TopicPartition(topic, 0, 100))
    beyond = await read(consumer, 1)
    return {
        "not assigned": early,
        "of another partition": await outcome(consumer.seek(TopicPartition(topic, 1, 1))),
        "back": [shown(message) for message in back],
        "forth": [shown(message) for message in forth],
        "beyond the end": [shown(message) for message in beyond],
    }


@story()
async def a_position_is_one_past_the_last_message_given(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 4)
    consumer = stage.consumer()
    asked = at(topic, None, 0, 1)
    before = places(await consumer.position(asked))
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0, 1))
    assigned = places(await consumer.position(asked))
    await read(consumer, 3)
    three = places(await consumer.position(asked))
    await consumer.seek(TopicPartition(topic, 0, 1))
    sought = places(await consumer.position(asked))
    await read(consumer, 1)
    return {
        "not assigned": before,
        "assigned": assigned,
        "after three": three,
        "after a seek": sought,
        "after one more": places(await consumer.position(asked)),
    }


@story()
async def a_paused_partition_is_silent_and_loses_nothing(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3, 2)
    consumer = stage.consumer()
    unknown = await outcome(consumer.pause(at(topic, None, 0)))
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0, 1))
    await consumer.pause(at(topic, None, 0))
    others = by_partition(await read(consumer, 3))
    quiet = [shown(message) for message in await rest(consumer)]
    await consumer.resume(at(topic, None, 0))
    resumed = by_partition(await read(consumer, 3))
    await consumer.pause(at(topic, None, 0, 1))
    await stage.fill(topic, 1, 2)
    silent = [shown(message) for message in await rest(consumer)]
    await consumer.resume(at(topic, None, 1))
    return {
        "not assigned": unknown,
        "others": others,
        "quiet": quiet,
        "resumed": resumed,
        "all paused": silent,
        "one resumed": by_partition(await read(consumer, 1)),
        "more": [shown(message) for message in await rest(consumer)],
    }


@story()
async def a_partition_paused_in_the_middle_goes_on_where_it_was(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 20)
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    first = await read(consumer, 5)
    await consumer.pause(at(topic, None, 0))
    quiet = [shown(message) for message in await rest(consumer)]
    position = places(await consumer.position(at(topic, None, 0)))
    await consumer.resume(at(topic, None, 0))
    second = await read(consumer, 15)
    return {
        "quiet": quiet,
        "position": position,
        "offsets": [message.offset() for message in first + second],
    }


@story()
async def watermarks_are_the_log_s_ends(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3)
    consumer = stage.consumer()
    marks = [list(await consumer.get_watermark_offsets(place, timeout=10)) for place in at(topic, None, 0, 1)]
    await stage.fill(topic, 2)
    return {
        "first": marks,
        "then": list(await consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)),
        "cached": list(await consumer.get_watermark_offsets(TopicPartition(topic, 0), cached=True)),
        "unknown partition": await outcome(consumer.get_watermark_offsets(TopicPartition(topic, 99), timeout=5)),
    }


@story()
async def times_are_offsets_too(stage: Stage) -> Observations:
    topic = await stage.topic()
    began_ms = 1_700_000_000_000
    await stage.send(topic, *({"value": "v", "partition": 0, "timestamp": began_ms + 10 * i} for i in range(5)))
    consumer = stage.consumer()

    async def offset_at(time_ms: int) -> int:
        found = await consumer.offsets_for_times([TopicPartition(topic, 0, time_ms)], timeout=10)
        return int(found[0].offset)

    return {
        "before": await offset_at(began_ms - 5),
        "exactly": await offset_at(began_ms + 20),
        "between": await offset_at(began_ms + 25),
        "after": await offset_at(began_ms + 1000),
    }


@story()
async def without_a_place_a_consumer_begins_where_it_is_told(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 2)
    earliest, latest = stage.consumer(), stage.consumer(auto_offset_reset="latest")
    error = stage.consumer(auto_offset_reset="error")
    for consumer in (earliest, latest, error):
        await consumer.assign(at(topic, None, 0))
    first = await rest(latest, 3)
    await stage.send(topic, {"value": "new", "key": "k", "partition": 0})
    failed = await read(error, 1)
    return {
        "earliest": [shown(message) for message in await read(earliest, 3)],
        "latest": [shown(message) for message in first + await read(latest, 1)],
        "error": [shown(message) for message in failed + await rest(error)],
        "fatal": failed[0].error().fatal(),
        "where": [failed[0].topic() == topic, failed[0].partition()],
    }


@story()
async def a_place_that_is_gone_is_no_place(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3)
    earliest, error = stage.consumer(), stage.consumer(auto_offset_reset="error")
    for consumer in (earliest, error):
        await consumer.assign(at(topic, 50, 0))
    return {
        "earliest": [shown(message) for message in await read(earliest, 3)],
        "error": [shown(message) for message in await read(error, 1)],
    }
