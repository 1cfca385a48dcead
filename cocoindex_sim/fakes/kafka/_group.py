"""A consumer group: its members, who owns what, and how far they have committed.

A rebalance goes as in Apache Kafka's classic protocol: every member has to come again, those with an eager assignor
after they have let go of everything, and who does not is taken out when its time is up. Then the next generation gets
its assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaError

from ._agenda import Agenda
from ._assignors import ASSIGNORS, Subscriber, TopicAndPartition

__all__ = ["Committed", "Group", "Member", "Seat"]


class Committed(NamedTuple):
    """A committed offset: the next one to be read."""

    offset: int
    metadata: str


class Seat(Protocol):
    """The client's side of a membership."""

    def give(self, partitions: Sequence[TopicAndPartition]) -> None:
        """More partitions are the member's."""

    def take(self, partitions: Sequence[TopicAndPartition], then: Callable[[], object]) -> None:
        """These must be let go of; `then` is to be called when they are."""

    def lose(self) -> None:
        """The membership is over, and whatever was owned is lost already."""


@dataclass(eq=False, slots=True)
class Member:
    """One member of a group. Times are in seconds."""

    name: str
    topics: tuple[str, ...]
    strategies: tuple[str, ...]
    session_timeout_s: float
    rebalance_timeout_s: float
    seat: Seat
    owned: set[TopicAndPartition] = field(default_factory=set)
    letting_go: set[TopicAndPartition] = field(default_factory=set)
    generation: int = -1
    present: bool = False
    """Whether it has come for the generation that is being made."""
    recalled: bool = False
    """Whether it has been told to come."""
    dead: bool = False
    """Whether its process is gone, which the group learns when its session times out."""

    @property
    def cooperative(self) -> bool:
        """Whether it keeps during a rebalance what it owns."""
        return self.strategies[0] == "cooperative-sticky"


class Group:
    """One group, known to the cluster by its name.

    `partition_counts` gives the topics that exist. `initial_delay_s`: how long an empty group waits for more members
    when the first one comes.
    """

    def __init__(
        self,
        name: str,
        agenda: Agenda,
        partition_counts: Callable[[], Mapping[str, int]],
        initial_delay_s: float,
        note: Callable[[str], object],
    ) -> None:
        self.name = name
        self.generation = 0
        self.members: dict[str, Member] = {}
        self.committed: dict[TopicAndPartition, Committed] = {}
        self.rebalancing = False
        self._agenda = agenda
        self._partition_counts = partition_counts
        self._initial_delay_s = initial_delay_s
        self._note = note
        self._not_before_ns = 0
        self._round = 0

    # --- coming and going ---

    def join(self, member: Member) -> None:
        """Take a new member in, which begins a rebalance."""
        if not self.members and self._initial_delay_s:
            self._not_before_ns = self._agenda.now_ns + round(self._initial_delay_s * 1e9)
            self._agenda.after(self._initial_delay_s, self._complete_if_all_came)
        self.members[member.name] = member
        self.rebalance()

    def leave(self, member: Member) -> None:
        """Let a member go, which begins a rebalance among the others."""
        if self.members.pop(member.name, None) is not None:
            self._forget(member)
            self.rebalance()

    def die(self, member: Member) -> None:
        """The process of a member is gone: the group learns it when the session times out."""
        member.dead = True
        self._agenda.after(member.session_timeout_s, lambda: self.leave(member))

    def evict(self, member: Member) -> None:
        """Take a member out that did not show up in time: it loses what it owns."""
        if self.members.get(member.name) is member:
            self.leave(member)
            if not member.dead:
                member.seat.lose()

    def _forget(self, member: Member) -> None:
        member.owned.clear()
        member.letting_go.clear()
        member.generation = -1

    # --- rebalancing ---

    def rebalance(self) -> None:
        """Begin a rebalance, or go on with the one there is."""
        if not self.members:
            self.rebalancing = False
            return
        if not self.rebalancing:
            self.rebalancing = True
            self._round += 1
            begun = self._round
            timeout_s = max(member.rebalance_timeout_s for member in self.members.values())
            self._agenda.after(timeout_s, lambda: self._give_up_waiting(begun), idle=True)
        for member in list(self.members.values()):
            if not member.recalled and not member.dead:
                member.recalled = True
                self._recall(member)
        self._complete_if_all_came()

    def _recall(self, member: Member) -> None:
        if member.cooperative or not member.owned:
            member.present = True
            return

        def come() -> None:
            if self.members.get(member.name) is member:
                member.owned.clear()
                member.present = True
                self._complete_if_all_came()

        member.seat.take(sorted(member.owned), come)

    def _give_up_waiting(self, begun: int) -> None:
        if self.rebalancing and self._round == begun:
            for member in [member for member in self.members.values() if not member.present]:
                self.evict(member)
            self._complete_if_all_came()

    def _complete_if_all_came(self) -> None:
        if (
            self.rebalancing
            and self.members
            and self._agenda.now_ns >= self._not_before_ns
            and all(member.present for member in self.members.values())
        ):
            self._complete()

    def _complete(self) -> None:
        self.rebalancing = False
        self.generation += 1
        members = list(self.members.values())
        counts = self._partition_counts()
        wanted = {topic for member in members for topic in member.topics}
        given = ASSIGNORS[members[0].strategies[0]](
            [Subscriber(member.name, member.topics, tuple(sorted(member.owned))) for member in members],
            {topic: counts[topic] for topic in sorted(wanted) if topic in counts},
        )
        shares = "; ".join(f"{name}: {_named(given[name])}" for name in sorted(given))
        self._note(f"kafka: generation {self.generation} of {self.name}: {shares}")
        for member in members:
            member.present = member.recalled = False
            member.generation = self.generation
        for member in members:
            if self.members.get(member.name) is member:
                self._hand_over(member, given[member.name])

    def _hand_over(self, member: Member, given: Iterable[TopicAndPartition]) -> None:
        if not member.cooperative:
            member.owned = set(given)
            member.seat.give(sorted(member.owned))
            return
        revoked = member.owned.difference(given) - member.letting_go
        added = set(given) - member.owned
        if revoked:
            member.letting_go |= revoked

            def let_go() -> None:
                if self.members.get(member.name) is member:
                    member.owned -= revoked
                    member.letting_go -= revoked
                    self.rebalance()

            member.seat.take(sorted(revoked), let_go)
        if added or not revoked:
            member.owned |= added
            member.seat.give(sorted(added))

    # --- commits ---

    def refuses(self, member: str, generation: int) -> int:
        """The error code that a commit of this member gets; 0 if it is accepted.

        As in Kafka, any member may commit any partition: that it has moved to somebody else is not looked at.
        """
        if not member:
            return int(KafkaError.UNKNOWN_MEMBER_ID) if self.members else 0
        found = self.members.get(member)
        if found is None:
            return int(KafkaError.UNKNOWN_MEMBER_ID)
        if generation != found.generation or generation != self.generation:
            return int(KafkaError.ILLEGAL_GENERATION)
        return 0


def _named(partitions: Iterable[TopicAndPartition]) -> str:
    return ", ".join(f"{topic}/{index}" for topic, index in sorted(partitions)) or "nothing"
