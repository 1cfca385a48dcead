"""Stories of groups: who reads what, who is told, and what happens to work when members come and go."""

from __future__ import annotations

import asyncio

from confluent_kafka import TopicPartition

from .members import Member, balance, sizes
from .story import Observations, Stage, at, outcome, places, rest, shown, story, until

COOPERATIVE = {"partition_assignment_strategy": "cooperative-sticky"}
RANGE = {"partition_assignment_strategy": "range"}


@story()
async def a_subscriber_is_given_all_partitions(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 2, 4)
    assigned = []

    async def on_assign(consumer: object, partitions: list[TopicPartition]) -> None:
        assigned.append([places(partitions), consumer is member.consumer])

    member = Member(stage, topic, stage.fresh("group"))
    await member.consumer.subscribe([topic], on_assign=on_assign)
    before = await member.consumer.assignment()
    member.go_on()
    await until(lambda: len(member.messages) == 8, "all messages")
    await member.stop()
    during = sorted(place.partition for place in await member.consumer.assignment())
    await member.consumer.unsubscribe()
    quiet = [shown(message) for message in await rest(member.consumer)]
    return {
        "assignment before": before,
        "assigned": assigned,
        "assignment": during,
        "after unsubscribe": [len(await member.consumer.assignment()), quiet],
    }


@story()
async def callbacks_tell_of_the_whole_life(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 1, 1)
    member = Member(stage, topic, stage.fresh("group"))
    await member.join()
    await balance(member)
    joined = member.take_events()
    await member.stop()
    await member.consumer.unsubscribe()
    await rest(member.consumer)
    unsubscribed = member.take_events()
    await member.join()
    await balance(member)
    again = member.take_events()
    await member.leave()
    return {"joined": joined, "unsubscribed": unsubscribed, "again": again, "closed": member.take_events()}


async def share(stage: Stage, config: dict[str, str], count: int) -> Observations:
    """Members join one after the other, and leave in the same order."""
    topic, group = await stage.topic(), stage.fresh("group")
    members: list[Member] = []
    told: Observations = {}
    for number in range(count):
        members.append(Member(stage, topic, group, **config))
        await members[-1].join()
        await balance(*members)
        events = [sizes(member.take_events()) for member in members]
        # Which of the older members gives more depends on names.
        told[f"{number + 1} members"] = sorted(events[:-1]) + events[-1:]
    for number in range(count - 1):
        await members[number].leave()
        gone = sizes(members[number].take_events())
        await balance(*members[number + 1 :])
        told[f"{number + 1} left"] = [gone, *sorted(sizes(member.take_events()) for member in members[number + 1 :])]
    return told


@story()
async def two_members_share_by_range(stage: Stage) -> Observations:
    return await share(stage, RANGE, 2)


@story()
async def two_members_share_and_keep_what_they_can(stage: Stage) -> Observations:
    return await share(stage, COOPERATIVE, 2)


@story()
async def three_members_share_by_range(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    members = [Member(stage, topic, group, **RANGE) for _ in range(3)]
    for member in members:
        await member.join()
    await balance(*members)
    return {
        "shares": sorted(len(member.owned) for member in members),
        "neighbours": all(max(m.owned) - min(m.owned) == len(m.owned) - 1 for m in members),
    }


@story()
async def three_members_share_and_keep_what_they_can(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    members = [Member(stage, topic, group, **COOPERATIVE) for _ in range(3)]
    for number, member in enumerate(members):
        await member.join()
        await balance(*members[: number + 1])
    kept = [set(member.owned) for member in members]
    await members[2].leave()
    await balance(*members[:2])
    return {
        "shares": sorted(len(share) for share in kept),
        "kept when one left": [kept[number] <= members[number].owned for number in range(2)],
    }


@story()
async def a_member_that_keeps_its_partitions_reads_on(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    await stage.fill(topic, 3, 4)
    first, second = Member(stage, topic, group, **COOPERATIVE), Member(stage, topic, group, **COOPERATIVE)
    await first.join()
    await balance(first)
    await until(lambda: len(first.messages) == 12, "all messages")
    await second.join()
    await balance(first, second)
    # Nothing was committed: who keeps a partition does not go back, who is given one begins again.
    await until(lambda: len(second.messages) == 6, "what moved")
    await asyncio.sleep(1)
    return {
        "first got": len(first.messages),
        "second got": sorted(shown(message)[1] for message in second.messages),
        "of what it was given": sorted({message.partition() for message in second.messages}) == sorted(second.owned),
    }


@story()
async def what_was_not_committed_goes_to_the_next_owner(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    await stage.fill(topic, 3, 4)
    first, second = Member(stage, topic, group), Member(stage, topic, group)
    await first.join()
    await until(lambda: len(first.messages) == 12, "all messages")
    await first.consumer.commit(offsets=at(topic, 2), asynchronous=False)
    await first.leave()
    await second.join()
    await until(lambda: len(second.messages) == 4, "the rest")
    await asyncio.sleep(1)
    return {"again": sorted(second.take_messages())}


@story()
async def what_is_committed_while_revoked_is_not_given_again(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    await stage.fill(topic, 3, 4)
    first = Member(stage, topic, group, commits=True)
    second = Member(stage, topic, group, commits=True)
    await first.join()
    await until(lambda: len(first.messages) == 12, "all messages")
    await second.join()
    await balance(first, second)
    await stage.fill(topic, 1, 4)
    await until(lambda: len(first.messages) + len(second.messages) >= 16, "the new ones")
    await asyncio.sleep(1)
    return {
        # How many rebalances there are depends on how fast the members join.
        "commits": sorted(set(first.commits or ())),
        "given again": len(first.messages) + len(second.messages) > 16,
        "offsets of the second": sorted({message.offset() for message in second.messages}),
    }


@story()
async def groups_read_apart(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 2, 4)
    members = [Member(stage, topic, stage.fresh("group")) for _ in range(2)]
    for member in members:
        await member.join()
    await until(lambda: all(len(member.messages) == 8 for member in members), "all messages, twice")
    return {"messages": [len(member.messages) for member in members]}


@story()
async def two_topics_of_one_member(stage: Stage) -> Observations:
    one, two = await stage.topic(), await stage.topic()
    await stage.fill(one, 2)
    await stage.fill(two, 3)
    consumer = stage.consumer()
    await consumer.subscribe([one, two])
    member = Member(stage, one, stage.fresh("group"))
    member.consumer = consumer
    member.go_on()
    await until(lambda: len(member.messages) == 5, "all messages")
    await member.stop()
    await consumer.subscribe([two])
    await rest(consumer, 6)
    return {
        "topics": sorted(["one", "two"][message.topic() == two] for message in member.messages),
        "after subscribing to one": sorted({place.topic == two for place in await consumer.assignment()}),
    }


@story("topics")
async def a_member_too_many_has_nothing(stage: Stage) -> Observations:
    topic, group = await stage.topic(1), stage.fresh("group")
    await stage.fill(topic, 1)
    members = [Member(stage, topic, group) for _ in range(2)]
    await members[0].join()
    await until(lambda: members[0].owned, "the first has it")
    await members[1].join()
    await until(lambda: len(members[0].events) >= 3 or members[1].owned, "a rebalance")
    await asyncio.sleep(1)
    return {
        "shares": sorted(len(member.owned) for member in members),
        "told": sorted({tuple(event[1]) for member in members for event in member.events}),
    }


@story("topics")
async def twelve_partitions_are_shared_by_three(stage: Stage) -> Observations:
    topic, group = await stage.topic(12), stage.fresh("group")
    await stage.fill(topic, 2, 12)
    members = [Member(stage, topic, group, **COOPERATIVE) for _ in range(3)]
    for number, member in enumerate(members):
        await member.join()
        await balance(*members[: number + 1], partitions=12)
    got = {(message.partition(), message.offset()) for member in members for message in member.messages}
    return {"shares": [len(member.owned) for member in members], "got": len(got)}


@story()
async def a_member_that_does_not_poll_is_thrown_out(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    await stage.fill(topic, 2)
    member = Member(stage, topic, group, max_poll_interval_ms=6000)
    await member.join()
    await until(lambda: len(member.messages) == 2, "the messages")
    await member.stop()
    await asyncio.sleep(1)  # a poll that is cancelled goes on until its time is up
    member.take_events()
    other = Member(stage, topic, group)
    await other.join()
    await until(lambda: len(other.messages) == 2, "the other has all")
    late = await outcome(member.consumer.commit(offsets=at(topic, 2, 0), asynchronous=False))
    kept = places(await other.consumer.committed(at(topic, None, 0), timeout=10))
    await other.leave()
    member.go_on()
    await until(lambda: member.events and member.events[-1][0] == "assign", "it is back")
    return {
        "late commit": late,
        "committed": kept,
        "errors": member.errors,
        "told": member.take_events(),
        "given again": len(other.messages),
    }


@story()
async def a_member_alone_that_does_not_poll_begins_again(stage: Stage) -> Observations:
    topic = await stage.topic()
    await stage.fill(topic, 2)
    member = Member(stage, topic, stage.fresh("group"), max_poll_interval_ms=6000)
    await member.join()
    await until(lambda: len(member.messages) == 2, "the messages")
    await member.stop()
    member.take_events()
    member.take_messages()
    await asyncio.sleep(9)
    member.go_on()
    await until(lambda: len(member.messages) == 2, "the messages, again")
    return {"errors": member.errors, "told": member.take_events(), "again": member.take_messages()}


@story()
async def who_may_commit_for_a_group(stage: Stage) -> Observations:
    topic, group = await stage.topic(), stage.fresh("group")
    await stage.fill(topic, 4, 4)
    first, second = Member(stage, topic, group), Member(stage, topic, group)
    stranger = stage.consumer(group)
    offsets = at(topic, 1, 0, 1, 2, 3)
    before = await outcome(stranger.commit(offsets=offsets, asynchronous=False))
    await first.join()
    await until(lambda: len(first.messages) == 12, "what is left of the messages")
    during = await outcome(stranger.commit(offsets=offsets, asynchronous=False))
    await first.stop()
    await asyncio.sleep(1)
    await second.join()
    await asyncio.sleep(2)
    late = await outcome(first.consumer.commit(offsets=at(topic, 2, 0, 1, 2, 3), asynchronous=False))
    first.go_on()
    await balance(first, second)
    others = [TopicPartition(topic, number, 3) for number in sorted(second.owned)]
    foreign = await outcome(first.consumer.commit(offsets=others, asynchronous=False))
    committed = await first.consumer.committed(at(topic), timeout=10)
    await first.leave()
    await second.leave()
    return {
        "a stranger, before there are members": before,
        "a stranger to the members": during,
        "a member that is asked to come again": late,
        "a member, for a partition of another": foreign,
        "committed": sorted(place.offset for place in committed),
        "a stranger, when all have left": await outcome(stranger.commit(offsets=offsets, asynchronous=False)),
    }
