"""The cluster itself: topics, brokers and groups as a synchronous state machine, and the way a story acts on it.

Nothing here waits and nothing runs by itself. Clients ask (`ConsumerKernel`, the shims), stories act (`produce`,
`stop_broker`, `join_member`, ...), both in the thread of the loop, or before it runs. What takes time stands in the
agenda, and whoever waits is woken when something has changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, TopicPartition

from .._clock import EPOCH_NS
from .._hazards import Hazards
from .._kafka_calls import KAFKA_TROUBLES
from .._troubles import InjectedTrouble, Troubles
from ._agenda import Agenda
from ._assignors import TopicAndPartition
from ._config import ConsumerConfig
from ._consumer_kernel import ConsumerKernel
from ._errors import kafka_error, kafka_exception
from ._group import Committed, Group, Member, Seat
from ._partition import Partition, Record
from ._scripted_member import ScriptedMember
from ._topics import Topics

if TYPE_CHECKING:
    from ._admin import FakeAdminClient
    from ._consumer import FakeConsumer
    from ._producer import FakeProducer

__all__ = ["Client", "Commit", "KafkaCluster"]

_DELAY_S_MAX: Final = 5.0
_STALL_S_MAX: Final = 2.0
_OUTAGE_S_MAX: Final = 10.0


class Commit(NamedTuple):
    """One offset that a group committed, in the order the commits took effect. `time_s` is the cluster's time."""

    time_s: float
    group: str
    member: str
    topic: str
    partition: int
    offset: int


class _Waiting(Protocol):
    def wake(self) -> None: ...


class Client(Protocol):
    """What the cluster does to a client, of whichever kind."""

    def cut(self) -> None:
        """Its process was killed."""

    def notice(self, error: KafkaError) -> None:
        """Its connection has an error to tell of."""


class KafkaCluster(Topics):
    """A Kafka cluster in memory, and the clients made for it.

    `rng`: every choice that a network would make is drawn from it (None: always the same ones). `time`: gives seconds
    that never go back (None: the time of the running event loop). `hazards`: what goes wrong by itself; see
    `KAFKA_TROUBLES`. `note` is told in a line of what happens to brokers, groups and committed offsets.

    `auto_create_partitions`: a topic that is produced to and does not exist is created with so many partitions; 0: it
    is an error. `initial_rebalance_delay_s`: how long an empty group waits for more members (Kafka's default is 3 s).
    `serial_calls`: the calls of one consumer wait for each other, as in confluent-kafka 2.16; otherwise they go side by
    side.
    """

    def __init__(
        self,
        rng: random.Random | None = None,
        *,
        time: Callable[[], float] | None = None,
        hazards: Hazards | None = None,
        note: Callable[[str], object] = lambda _: None,
        brokers: int = 3,
        auto_create_partitions: int = 1,
        initial_rebalance_delay_s: float = 0.0,
        serial_calls: bool = True,
    ) -> None:
        if brokers < 1:
            raise ValueError(f"a cluster has at least one broker: brokers={brokers!r}")
        self.rng = rng or random.Random(0)
        super().__init__(
            self.rng,
            auto_create_partitions=auto_create_partitions,
            timestamp_ms=lambda: self.timestamp_ms,
            changed=self.wake,
            topic_changed=self._topic_has_changed,
        )
        self.hazards = hazards or Hazards()
        self.agenda = Agenda(self._clock_ns)
        self.initial_rebalance_delay_s = initial_rebalance_delay_s
        self.serial_calls = serial_calls
        self.brokers: dict[int, bool] = dict.fromkeys(range(1, brokers + 1), True)
        """The brokers by number, and whether each is up."""
        self.commits: list[Commit] = []
        """Every offset that was committed, in the order in which that took effect."""
        self.on_commit: list[Callable[[Commit], object]] = []
        """Called with each of them, when it has taken effect."""
        self.on_produced: list[Callable[[str, Record], object]] = []
        """Called with the topic and each record that one of the producers has brought into a log."""
        self.from_producers: set[int] = set()
        """The arrivals of these records; the others are somebody else's."""
        self._note = note
        self.changes = 0
        """How often anything has changed."""
        self._time = time
        self._last_ns = 0
        self._up_since_ns = -1
        self._groups: dict[str, Group] = {}
        self._names = 0
        self._troubles = Troubles(KAFKA_TROUBLES, {call: f"kafka.{call}" for call in KAFKA_TROUBLES}, self.hazards)
        self._scripted_members: dict[tuple[str, str], ScriptedMember] = {}
        self._consumers: list[ConsumerKernel] = []
        self._clients: list[Client] = []
        self._waiting: dict[_Waiting, None] = {}

    # --- time ---

    def _clock_ns(self) -> int:
        if self._time is not None:
            self._last_ns = round(self._time() * 1e9)
        else:
            with suppress(RuntimeError):  # no loop is running: a story acts between two runs
                self._last_ns = round(asyncio.get_running_loop().time() * 1e9)
        return self._last_ns

    @property
    def now_ns(self) -> int:
        """The cluster's time."""
        return self.agenda.now_ns

    @property
    def timestamp_ms(self) -> int:
        """The cluster's time since the Unix epoch, as messages carry it."""
        return (EPOCH_NS + self.now_ns) // 1_000_000

    @property
    def next_effect_s(self) -> float | None:
        """When, in the cluster's time, something takes effect that is on its way; None if nothing is."""
        due_ns = self.agenda.next_effect_ns
        return None if due_ns is None else due_ns / 1e9

    def catch_up(self) -> None:
        """Let happen what has become due."""
        if self.agenda.run_due():
            self.wake()

    # --- clients ---

    def consumer(self, conf: Mapping[str, Any]) -> FakeConsumer:
        """An `AIOConsumer` of this cluster. Raises what the constructor of the real one raises."""
        from ._consumer import FakeConsumer

        return FakeConsumer(self, conf)

    def producer(self, conf: Mapping[str, Any] | None = None, **options: Any) -> FakeProducer:
        """An `AIOProducer` of this cluster; `options` as its constructor takes them. Needs a running loop."""
        from ._producer import FakeProducer

        return FakeProducer(self, conf or {}, **options)

    def admin(self, conf: Mapping[str, Any] | None = None) -> FakeAdminClient:
        """An `AdminClient` of this cluster."""
        from ._admin import FakeAdminClient

        return FakeAdminClient(self, conf or {})

    def register(self, client: Client) -> None:
        """Tell a client of what happens to brokers."""
        self._clients.append(client)

    def forget(self, client: Client) -> None:
        """Tell it no more."""
        if client in self._clients:
            self._clients.remove(client)

    def new_kernel(self, config: ConsumerConfig) -> ConsumerKernel:
        """The inside of a new consumer."""
        kernel = ConsumerKernel(self, config, self._new_name(config.client_id))
        self._consumers.append(kernel)
        return kernel

    def forget_kernel(self, kernel: ConsumerKernel) -> None:
        """A consumer is closed or dead."""
        if kernel in self._consumers:
            self._consumers.remove(kernel)

    def new_member(self, config: ConsumerConfig, topics: tuple[str, ...], seat: Seat) -> Member:
        """A membership for a client."""
        return Member(
            self._new_name(config.client_id),
            topics,
            config.strategies,
            config.session_timeout_s,
            config.max_poll_interval_s,
            seat,
        )

    def _new_name(self, stem: str) -> str:
        self._names += 1
        return f"{stem}-{self._names:04d}"

    # --- waiting ---

    def add_waiting(self, waiting: _Waiting) -> None:
        """Have somebody woken at the next changes."""
        self._waiting[waiting] = None

    def remove_waiting(self, waiting: _Waiting) -> None:
        """Wake them no more."""
        self._waiting.pop(waiting, None)

    def wake(self) -> None:
        """Something has changed: whoever waits looks again."""
        self.changes += 1
        for waiting in list(self._waiting):
            waiting.wake()

    # --- what goes wrong ---

    def meet(self, call: str) -> str | None:
        """Which of the kinds of `KAFKA_TROUBLES[call]`, if any, strikes this call: what a story ordered first."""
        return self._troubles.at(call)

    def inject(self, call: str, kind: str, *, nth: int = 1, times: int = 1) -> InjectedTrouble:
        """Let something go wrong at the nth call from now on, and as often in a row. ValueError for what can't."""
        return self._troubles.inject(call, kind, nth, times)

    def lift(self) -> None:
        """Let nothing that was ordered happen any more, and have all brokers up."""
        self._troubles.injected.clear()
        self.start_broker()

    @property
    def is_troubled(self) -> bool:
        """Whether a broker is down, or a scripted member keeps partitions to itself."""
        return not all(self.brokers.values()) or bool(self._scripted_members)

    def calm(self) -> None:
        """Let nothing go wrong any more, have all brokers up, and every scripted member leave."""
        self._troubles.lift()
        self.lift()
        for group, name in list(self._scripted_members):
            self.leave_member(group, name)

    def draw_delay_s(self) -> float:
        """How long something is late."""
        return self.rng.uniform(0.05, _DELAY_S_MAX)

    def draw_stall_s(self) -> float:
        """How long a broker that answers otherwise gives no messages."""
        return self.rng.uniform(0.05, _STALL_S_MAX)

    def lose_brokers_for_a_while(self) -> None:
        """All brokers go down, and come back by themselves."""
        self.stop_broker()
        self.agenda.after(self.rng.uniform(0.5, _OUTAGE_S_MAX), self.start_broker)

    # --- brokers ---

    @property
    def reachable(self) -> bool:
        """Whether any broker is up."""
        return any(self.brokers.values())

    def stop_broker(self, number: int | None = None) -> None:
        """Take a broker down; None: all of them. Its partitions move to one that is up, if there is one."""
        for broker in self._brokers_named(number):
            if self.brokers[broker]:
                self.brokers[broker] = False
                self._note(f"kafka: broker {broker} is down")
                self._notify(KafkaError._TRANSPORT, f"broker{broker}:9092/{broker}: Connect to broker{broker} failed")
        if not self.reachable:
            self._notify(KafkaError._ALL_BROKERS_DOWN, f"{len(self.brokers)}/{len(self.brokers)} brokers are down")
            for kernel in self._consumers:
                check = partial(self._give_up_session, kernel, self.now_ns)
                self.agenda.after(kernel.config.session_timeout_s, check, idle=True)
        self.wake()

    def start_broker(self, number: int | None = None) -> None:
        """Bring a broker up again; None: all of them."""
        for broker in self._brokers_named(number):
            if not self.brokers[broker]:
                self.brokers[broker] = True
                self._note(f"kafka: broker {broker} is up")
        self._up_since_ns = self.now_ns
        self.wake()

    def _give_up_session(self, kernel: ConsumerKernel, lost_ns: int) -> None:
        # A consumer that reached no broker in time gives up what it owns by itself.
        if kernel.cut or kernel.closed or kernel.member is None or self.reachable or self._up_since_ns > lost_ns:
            return
        kernel.group.leave(kernel.member)
        kernel.lose()

    def _brokers_named(self, number: int | None) -> list[int]:
        if number is None:
            return list(self.brokers)
        if number not in self.brokers:
            raise ValueError(f"there is no broker {number!r}: the brokers are {', '.join(map(str, self.brokers))}")
        return [number]

    def _notify(self, code: int, reason: str) -> None:
        for client in list(self._clients):
            client.notice(kafka_error(code, reason))

    def leader(self, wanted: TopicAndPartition) -> int:
        """The broker that leads a partition; -1 if none is up."""
        numbers = list(self.brokers)
        first = wanted[1] % len(numbers)
        return next((number for number in numbers[first:] + numbers[:first] if self.brokers[number]), -1)

    def readable_partition(self, wanted: TopicAndPartition) -> Partition | None:
        """One log, if it exists and has a leader."""
        return self.partition(wanted) if self.leader(wanted) > 0 else None

    def note_produced(self, topic: str, record: Record) -> None:
        """A producer has brought a record into a log; called by it."""
        self.from_producers.add(record.arrival)
        for listener in self.on_produced:
            listener(topic, record)

    # --- groups ---

    def _topic_has_changed(self, name: str) -> None:
        for group in self._groups.values():
            if not self.has_topic(name):
                group.committed = {wanted: offset for wanted, offset in group.committed.items() if wanted[0] != name}
            if any(name in member.topics for member in group.members.values()):
                group.rebalance()
        self.wake()

    def group(self, name: str) -> Group:
        """A group, made when it is first asked for."""
        found = self._groups.get(name)
        if found is None:
            found = self._groups[name] = Group(
                name, self.agenda, lambda: self.topics, self.initial_rebalance_delay_s, self._note
            )
        return found

    @property
    def groups(self) -> list[str]:
        """The names of the groups that have been used."""
        return sorted(self._groups)

    def rebalance(self, group: str) -> None:
        """Have the members of a group share out the partitions anew."""
        self.group(group).rebalance()
        self.wake()

    def join_member(
        self,
        group: str,
        topics: Sequence[str] | str,
        name: str = "scripted",
        *,
        strategy: str | None = None,
    ) -> None:
        """Have a member join that reads and commits nothing: it takes its share of the partitions away.

        `strategy`: its assignor; by default that of the members there are. ValueError when the name is taken.
        """
        if (group, name) in self._scripted_members:
            raise ValueError(f"the group {group!r} has a scripted member {name!r} already")
        others = list(self.group(group).members.values())
        strategies = (strategy,) if strategy else others[0].strategies if others else ("range",)
        subscribed = (topics,) if isinstance(topics, str) else tuple(topics)
        seat = ScriptedMember()
        seat.member = Member(self._new_name(name), subscribed, strategies, 45.0, 300.0, seat)
        self._scripted_members[group, name] = seat
        self.group(group).join(seat.member)
        self.wake()

    def leave_member(self, group: str, name: str = "scripted") -> None:
        """Have such a member leave. ValueError when there is none of this name."""
        seat = self._scripted_members.pop((group, name), None)
        if seat is None or seat.member is None:
            raise ValueError(f"the group {group!r} has no scripted member {name!r}: join_member() makes one")
        self.group(group).leave(seat.member)
        self.wake()

    def members(self, group: str) -> dict[str, list[TopicAndPartition]]:
        """The members of a group and what each owns."""
        self.catch_up()
        return {name: sorted(member.owned) for name, member in self.group(group).members.items()}

    def commit_refusal(self, kernel: ConsumerKernel, offsets: Sequence[TopicPartition]) -> int:
        """The error code that a commit gets, 0 if it is accepted."""
        if any(self.partition((offset.topic, offset.partition)) is None for offset in offsets):
            return int(KafkaError.UNKNOWN_TOPIC_OR_PART)
        member = kernel.member
        return kernel.group.refuses(member.name if member else "", member.generation if member else -1)

    def commit(self, kernel: ConsumerKernel, offsets: Sequence[TopicPartition]) -> None:
        """Commit: afterwards it is durable, and who crashes at that dies of it (ProcessCut)."""
        member = kernel.member.name if kernel.member else ""
        self._commit(kernel.config.group_id, member, offsets)
        kernel.note_committed(offsets)
        self.hazards.durable("kafka.commit")

    def _commit(self, group: str, member: str, offsets: Sequence[TopicPartition]) -> None:
        for offset in offsets:
            wanted = (offset.topic, offset.partition)
            self.group(group).committed[wanted] = Committed(offset.offset, offset.metadata or "")
            commit = Commit(self.now_ns / 1e9, group, member, *wanted, offset.offset)
            self.commits.append(commit)
            self._note(f"kafka: {group} committed {offset.topic}/{offset.partition} up to {offset.offset}")
            for listener in self.on_commit:
                listener(commit)

    def set_committed(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Give a group committed offsets, by partition."""
        self._commit(group, "", [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()])

    # --- looking ---

    def committed(self, group: str, topic: str) -> dict[int, int]:
        """What a group has committed for a topic: the next offset by partition, where there is one."""
        self.catch_up()
        return {
            partition: offset.offset
            for (name, partition), offset in sorted(self.group(group).committed.items())
            if name == topic
        }

    def refuse_unknown(self, topic: str) -> None:
        """KafkaException when there is no such topic."""
        if not self.has_topic(topic):
            raise kafka_exception(KafkaError.UNKNOWN_TOPIC_OR_PART)
