"""Stories of committed offsets: what is remembered for a group, and where its members begin again."""

from __future__ import annotations

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from .story import Observations, Stage, at, by_partition, outcome, places, read, rest, shown, story


@story()
async def a_group_remembers_what_was_committed(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 4, 2)
    group = stage.fresh("group")
    consumer, other, stranger = stage.consumer(group), stage.consumer(group), stage.consumer()
    nothing = places(await consumer.committed(at(topic), timeout=10))
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    messages = await read(consumer, 3)
    by_message = await consumer.commit(message=messages[1], asynchronous=False)
    first = places(await other.committed(at(topic), timeout=10))
    by_offsets = await consumer.commit(
        offsets=[TopicPartition(topic, 0, 1), TopicPartition(topic, 1, 4)], asynchronous=False
    )
    second = places(await other.committed(at(topic), timeout=10))
    by_position = await consumer.commit(asynchronous=False)
    return {
        "nothing": nothing,
        "by message": places(by_message),
        "errors": [place.error for place in by_message + by_offsets],
        "of the message": first,
        "by offsets, back and of a partition that is not assigned": places(by_offsets),
        "of the offsets": second,
        "by position": places(by_position),
        "of the position": places(await other.committed(at(topic), timeout=10)),
        "of another group": places(await stranger.committed(at(topic), timeout=10)),
    }


@story()
async def a_commit_of_nothing_is_refused(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 1)
    consumer = stage.consumer()
    nothing = await outcome(consumer.commit(asynchronous=False))
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    unread = await outcome(consumer.commit(asynchronous=False))
    return {
        "nothing": nothing,
        "nothing read": unread,
        "message and offsets": await outcome(
            consumer.commit(message=(await read(consumer, 1))[0], offsets=at(topic, 1, 0))
        ),
        "unknown partition": await outcome(consumer.commit(offsets=at(topic, 1, 99), asynchronous=False)),
        "beyond the end": await outcome(consumer.commit(offsets=at(topic, 99, 0), asynchronous=False)),
        "remembered": places(await consumer.committed(at(topic), timeout=10)),
    }


@story()
async def a_restarted_member_gets_what_was_not_committed(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 5, 2)
    group = stage.fresh("group")
    consumer = stage.consumer(group)
    await consumer.subscribe([topic])
    await read(consumer, 10)
    await consumer.commit(offsets=[TopicPartition(topic, 0, 3), TopicPartition(topic, 1, 5)], asynchronous=False)
    await stage.close(consumer)
    again = stage.consumer(group)
    await again.subscribe([topic])
    return {
        "again": by_partition(await read(again, 2)),
        "more": [shown(message) for message in await rest(again)],
    }


@story()
async def an_assignment_without_a_place_begins_at_the_committed_one(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 5, 2)
    group = stage.fresh("group")
    consumer = stage.consumer(group)
    await consumer.commit(offsets=at(topic, 3, 0), asynchronous=False)
    await consumer.assign(at(topic, None, 0, 1))
    messages = by_partition(await read(consumer, 7))
    await consumer.commit(offsets=at(topic, 99, 0), asynchronous=False)
    other = stage.consumer(group)
    await other.assign(at(topic, None, 0))
    return {
        "messages": messages,
        "committed past the end": [shown(message) for message in await read(other, 5)],
    }


@story()
async def an_asynchronous_commit_lands_later(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 3)
    told = []

    async def on_commit(error: object, partitions: list[TopicPartition]) -> None:
        told.append([error, places(partitions)])

    consumer = stage.consumer(on_commit=on_commit)
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    await read(consumer, 3)
    returned = await consumer.commit(offsets=at(topic, 2, 0))
    while not told:
        await consumer.poll(0.1)
    return {
        "returned": returned,
        "told": told,
        "remembered": places(await consumer.committed(at(topic, None, 0), timeout=10)),
    }


@story()
async def offsets_are_stored_and_committed_by_themselves(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 4)
    group = stage.fresh("group")
    consumer = stage.consumer(group, enable_auto_commit=True, auto_commit_interval_ms=200)
    await consumer.assign(at(topic, OFFSET_BEGINNING, 0))
    await read(consumer, 2)
    await stage.close(consumer)
    manual = stage.consumer(group, enable_auto_commit=True, enable_auto_offset_store=False)
    after = places(await manual.committed(at(topic, None, 0), timeout=10))
    await manual.assign(at(topic, OFFSET_BEGINNING, 0))
    messages = await read(manual, 4)
    await manual.store_offsets(message=messages[0])
    await stage.close(manual)
    last = stage.consumer(group)
    return {
        "of all given": after,
        "of one stored": places(await last.committed(at(topic, None, 0), timeout=10)),
        "not to be stored": await outcome(store_unassigned(stage, topic)),
    }


async def store_unassigned(stage: Stage, topic: str) -> None:
    """Store an offset of a partition that is not assigned."""
    await stage.consumer(enable_auto_offset_store=False).store_offsets(offsets=at(topic, 1, 0))
