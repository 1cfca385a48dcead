"""Who gets which partition: the assignors, as functions from members and topics to assignments."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["ASSIGNORS", "Subscriber", "TopicAndPartition"]

TopicAndPartition = tuple[str, int]


class Subscriber(NamedTuple):
    """A member as assignors see it."""

    member: str
    topics: tuple[str, ...]
    owned: tuple[TopicAndPartition, ...]


Assignment = dict[str, list[TopicAndPartition]]
Assignor = Callable[[Sequence[Subscriber], Mapping[str, int]], Assignment]


def _range(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    """Topic by topic, to each member a stretch of neighbouring partitions, in the order of the members' names."""
    given: Assignment = {subscriber.member: [] for subscriber in subscribers}
    for topic in sorted(partitions):
        members = sorted(subscriber.member for subscriber in subscribers if topic in subscriber.topics)
        start = 0
        for index, member in enumerate(members):
            count = partitions[topic] // len(members) + (index < partitions[topic] % len(members))
            given[member] += [(topic, partition) for partition in range(start, start + count)]
            start += count
    return given


def _round_robin(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    """Partition by partition, to one member after the other."""
    given: Assignment = {subscriber.member: [] for subscriber in subscribers}
    members = sorted(subscribers)
    turn = 0
    for topic in sorted(partitions):
        if not any(topic in subscriber.topics for subscriber in members):
            continue
        for partition in range(partitions[topic]):
            while topic not in members[turn % len(members)].topics:
                turn += 1
            given[members[turn % len(members)].member].append((topic, partition))
            turn += 1
    return given


def _cooperative_sticky(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    """Balanced with as few moves as that takes; what moves is given to nobody until its owner has let go of it."""
    target = _sticky(subscribers, partitions)
    owner = {owned: subscriber.member for subscriber in subscribers for owned in subscriber.owned}
    return {
        member: [partition for partition in given if owner.get(partition, member) == member]
        for member, given in target.items()
    }


def _sticky(subscribers: Sequence[Subscriber], partitions: Mapping[str, int]) -> Assignment:
    members = sorted(subscribers)
    given: Assignment = {subscriber.member: [] for subscriber in members}
    taken: set[TopicAndPartition] = set()
    for subscriber in members:
        for owned in sorted(subscriber.owned):
            topic, index = owned
            if topic in subscriber.topics and index < partitions.get(topic, 0) and owned not in taken:
                given[subscriber.member].append(owned)
                taken.add(owned)
    for topic in sorted(partitions):
        takers = [subscriber.member for subscriber in members if topic in subscriber.topics]
        for index in range(partitions[topic]):
            if takers and (topic, index) not in taken:
                given[min(takers, key=lambda member: (len(given[member]), member))].append((topic, index))
    while True:
        moved = _move_one(members, given)
        if not moved:
            return {member: sorted(got) for member, got in given.items()}


def _move_one(members: Sequence[Subscriber], given: Assignment) -> bool:
    for rich in sorted(members, key=lambda subscriber: (-len(given[subscriber.member]), subscriber.member)):
        for poor in sorted(members, key=lambda subscriber: (len(given[subscriber.member]), subscriber.member)):
            if len(given[rich.member]) - len(given[poor.member]) < 2:
                break
            for partition in reversed(given[rich.member]):
                if partition[0] in poor.topics:
                    given[rich.member].remove(partition)
                    given[poor.member].append(partition)
                    return True
    return False


ASSIGNORS: Final[Mapping[str, Assignor]] = {
    "range": _range,
    "roundrobin": _round_robin,
    "cooperative-sticky": _cooperative_sticky,
}
"""By the names that `partition.assignment.strategy` knows them by."""
