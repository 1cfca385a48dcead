"""Stories of a consumer that is told what to read: messages, order, the end of a partition."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TopicPartition

from .story import PARTITIONS, Observations, Stage, at, by_partition, outcome, places, read, rest, shown, story, text


@story()
async def assigned_partitions_are_read_in_order(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 5, PARTITIONS)
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING))
    messages = await read(consumer, 5 * PARTITIONS)
    return {
        "values": by_partition(messages),
        "more": [shown(message) for message in await rest(consumer)],
        "assignment": sorted(place.partition for place in await consumer.assignment()),
    }


@story()
async def a_message_says_where_it_stands_and_what_it_holds(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.send(
        topic,
        {"value": "text", "key": "key", "partition": 1, "timestamp": 1_700_000_000_000},
        {"value": b"bytes", "key": b"key", "partition": 1, "timestamp": 1_700_000_000_001},
        {"value": "no key", "partition": 1},
        {"value": None, "key": "tombstone", "partition": 1},
        {"value": "", "key": "", "partition": 1},
        {"value": "h", "partition": 1, "headers": [("a", b"1"), ("a", b"2"), ("b", None), ("c", "\u00e4")]},
        {"value": "d", "partition": 1, "headers": {"only": "one"}},
    )
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING, 1))
    messages = await read(consumer, 7)
    return {
        "shown": [shown(message) for message in messages],
        "topics": sorted({message.topic() == topic for message in messages}),
        "lengths": [len(message) for message in messages],
        "given timestamps": [list(message.timestamp()) for message in messages[:2]],
        "kind of timestamp": messages[2].timestamp()[0],
        "timestamps grow": messages[2].timestamp()[1] <= messages[3].timestamp()[1] <= messages[4].timestamp()[1],
        "headers": [
            None if (headers := message.headers()) is None else [[name, text(value)] for name, value in headers]
            for message in messages
        ],
        "errors": [message.error() for message in messages],
    }


@story()
async def a_key_goes_to_the_partition_of_its_checksum(stage: Stage) -> Observations:
    topic = await stage.topic()
    keys = [f"k{number}" for number in range(20)] + ["\u00fc", "a" * 300, "\x00"]
    written = await stage.send(topic, *({"value": "v", "key": key} for key in keys))
    again = await stage.send(topic, *({"value": "w", "key": key} for key in keys))
    return {
        "partitions": [partition for partition, _ in written],
        "again": [partition for partition, _ in written] == [partition for partition, _ in again],
    }


@story()
async def messages_of_one_key_keep_their_order(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.send(topic, *({"value": str(number), "key": f"k{number % 7}"} for number in range(70)))
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING))
    values: dict[str, list[int]] = {}
    for message in await read(consumer, 70):
        values.setdefault(message.key().decode(), []).append(int(message.value()))
    return {"ordered": all(numbers == sorted(numbers) for numbers in values.values()), "keys": sorted(values)}


@story()
async def the_end_of_a_partition_is_told_once_each_time_it_is_reached(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 2)
    consumer = stage.consumer(enable_partition_eof=True)
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0, 1))
    first = await read(consumer, 4)
    ends = [message for message in first if message.error()]
    quiet = await rest(consumer)
    await stage.send(topic, {"value": "v2", "key": "k2", "partition": 0})
    return {
        "ends": sorted([message.partition(), message.offset(), message.error().name()] for message in ends),
        "topics": sorted({message.topic() == topic for message in ends}),
        "key and value": sorted({(message.key() is None, message.value() is None) for message in ends}),
        "fatal": sorted({message.error().fatal() for message in ends}),
        "retriable": sorted({message.error().retriable() for message in ends}),
        "quiet": [shown(message) for message in quiet],
        "after one more": [shown(message) for message in await read(consumer, 2)],
        "position": places(await consumer.position(at(topic, None, 0, 1))),
    }


@story()
async def the_end_is_not_told_unless_asked_for(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 1)
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING))
    return {"messages": [shown(message) for message in await rest(consumer, 4)]}


@story()
async def consume_gives_what_is_there_up_to_a_number(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 10)
    consumer = stage.consumer()
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    first = await consumer.consume(num_messages=4, timeout=30)
    second = await consumer.consume(num_messages=6, timeout=30)
    return {
        "first": [shown(message) for message in first],
        "second": [shown(message) for message in second],
        "nothing left": await consumer.consume(num_messages=4, timeout=0.3),
        "nothing asked for": await consumer.consume(num_messages=0, timeout=0.3),
        "poll": await consumer.poll(0.1),
        "too many": await outcome(consumer.consume(num_messages=1_000_001, timeout=0.1)),
        "less than none": await outcome(consumer.consume(num_messages=-1, timeout=0.1)),
    }


@story()
async def an_assignment_begins_where_it_says(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3, 3)
    consumer = stage.consumer()
    await consumer.assign([
        TopicPartition(topic, 0, OFFSET_BEGINNING), TopicPartition(topic, 1, 2), TopicPartition(topic, 2, OFFSET_END)
    ])  # fmt: skip
    first = by_partition(await read(consumer, 4))
    # An end is looked up before anything after it is produced, but when, nobody says.
    await rest(consumer)
    await stage.send(topic, {"value": "new", "partition": 2})
    second = by_partition(await read(consumer, 1))
    await consumer.assign(at(topic, 1, 0))
    third = by_partition(await read(consumer, 2))
    await consumer.unassign()
    return {
        "first": first,
        "after the end": second,
        "assigned anew": third,
        "unassigned": [shown(message) for message in await rest(consumer)],
        "assignment": await consumer.assignment(),
    }


@story()
async def an_assignment_grows_and_shrinks(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 2, 2)
    consumer = stage.consumer()
    await consumer.incremental_assign(at(topic, OFFSET_BEGINNING, 0))
    first = by_partition(await read(consumer, 2))
    await consumer.incremental_assign(at(topic, OFFSET_BEGINNING, 1))
    second = by_partition(await read(consumer, 2))
    both = sorted(place.partition for place in await consumer.assignment())
    again = await outcome(consumer.incremental_assign(at(topic, OFFSET_BEGINNING, 1)))
    await consumer.incremental_unassign(at(topic, None, 0))
    await stage.send(topic, {"value": "gone", "partition": 0}, {"value": "here", "partition": 1})
    return {
        "first": first,
        "second": second,
        "both": both,
        "again": again,
        "after one went": by_partition(await read(consumer, 1)),
        "more": [shown(message) for message in await rest(consumer)],
        "unknown": await outcome(consumer.incremental_unassign(at(topic, None, 3))),
        "assignment": sorted(place.partition for place in await consumer.assignment()),
    }
