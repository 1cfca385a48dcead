"""The cluster itself: topics, brokers and groups as a synchronous state machine, and the way a story acts on it.

Nothing here waits and nothing runs by itself. Clients ask (`ConsumerKernel`, the shims), stories act (`produce`,
`stop_broker`, `join_member`, ...), both in the thread of the loop, or before it runs. What takes time stands in the
agenda, and whoever waits is woken when something has changed.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from confluent_kafka import KafkaError, Message, TopicPartition, consistent, fnv1a, murmur2

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
from ._message import message_of_record
from ._partition import Headers, Marker, Partition, Record
from ._scripted_member import ScriptedMember

if TYPE_CHECKING:
    from ._admin import FakeAdminClient
    from ._consumer import FakeConsumer
    from ._producer import FakeProducer

__all__ = ["Client", "Commit", "KafkaCluster", "Transaction"]

_DELAY_S_MAX: Final = 5.0
_OUTAGE_S_MAX: Final = 20.0


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


class KafkaCluster:
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
        self.hazards = hazards or Hazards()
        self.agenda = Agenda(self._clock_ns)
        self.auto_create_partitions = auto_create_partitions
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
        self._topics: dict[str, list[Partition]] = {}
        self._groups: dict[str, Group] = {}
        self._arrivals = 0
        self._transactions = 0
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

    # --- topics ---

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic. ValueError when there is one of this name."""
        if partitions < 1:
            raise ValueError(f"the topic {name!r} needs at least one partition, not {partitions!r}")
        if name in self._topics:
            raise ValueError(f"there is a topic {name!r} already")
        self._topics[name] = [Partition(name, index) for index in range(partitions)]
        self._subscribed_topics_changed(name)

    def add_partitions(self, name: str, total: int) -> None:
        """Have a topic grow to so many partitions."""
        partitions = self.partitions(name)
        if total <= len(partitions):
            raise ValueError(f"the topic {name!r} has {len(partitions)} partitions already: {total!r} are not more")
        partitions += [Partition(name, index) for index in range(len(partitions), total)]
        self._subscribed_topics_changed(name)

    def delete_topic(self, name: str) -> None:
        """Delete a topic with everything in it; what was committed for it is forgotten."""
        self.partitions(name)
        del self._topics[name]
        for group in self._groups.values():
            group.committed = {wanted: offset for wanted, offset in group.committed.items() if wanted[0] != name}
        self._subscribed_topics_changed(name)

    def _subscribed_topics_changed(self, name: str) -> None:
        for group in self._groups.values():
            if any(name in member.topics for member in group.members.values()):
                group.rebalance()
        self.wake()

    @property
    def topics(self) -> dict[str, int]:
        """The topics, and how many partitions each has, by name."""
        return {name: len(self._topics[name]) for name in sorted(self._topics)}

    def has_topic(self, name: str) -> bool:
        """Whether there is such a topic."""
        return name in self._topics

    def partitions(self, topic: str) -> list[Partition]:
        """The logs of a topic. ValueError when there is no such topic."""
        found = self._topics.get(topic)
        if found is None:
            raise ValueError(f"there is no topic {topic!r}: the topics are {', '.join(self.topics) or 'none'}")
        return found

    def partition(self, wanted: TopicAndPartition) -> Partition | None:
        """One log, if it exists."""
        partitions = self._topics.get(wanted[0], ())
        return partitions[wanted[1]] if 0 <= wanted[1] < len(partitions) else None

    def readable_partition(self, wanted: TopicAndPartition) -> Partition | None:
        """One log, if it exists and has a leader."""
        return self.partition(wanted) if self.leader(wanted) > 0 else None

    # --- writing ---

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None = None,
        *,
        partition: int | None = None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None = None,
        timestamp_ms: int | None = None,
    ) -> Message:
        """Add a message to a topic, as somebody else's producer would; text is UTF-8. The message with its offset."""
        record, index = self._produce(topic, value, key, partition, headers, timestamp_ms, transaction=0)
        return message_of_record(topic, index, record)

    def _produce(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None,
        partition: int | None,
        headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None,
        timestamp_ms: int | None,
        *,
        transaction: int,
    ) -> tuple[Record, int]:
        if topic not in self._topics and self.auto_create_partitions:
            self.create_topic(topic, self.auto_create_partitions)
        encoded = encode(key)
        if partition is None:
            partition = self.choose_partition(topic, encoded)
        if self.partition((topic, partition)) is None:
            raise ValueError(
                f"there is no partition {partition!r} of the topic {topic!r}: it has {len(self.partitions(topic))}"
            )
        record = self.append(
            (topic, partition),
            encoded,
            encode(value),
            headers=encode_headers(headers),
            timestamp_ms=timestamp_ms,
            transaction=transaction,
        )
        return record, partition

    def tombstone(self, topic: str, key: bytes | str, *, partition: int | None = None) -> Message:
        """Add the deletion of a key."""
        return self.produce(topic, None, key, partition=partition)

    def transaction(self) -> Transaction:
        """Begin a transaction, in which messages are produced that are committed or aborted together."""
        self._transactions += 1
        return Transaction(self, self._transactions)

    def append(
        self,
        wanted: TopicAndPartition,
        key: bytes | None,
        value: bytes | None,
        *,
        headers: Headers = (),
        timestamp_ms: int | None = None,
        transaction: int = 0,
    ) -> Record:
        """Add a record to a partition that exists."""
        partition = self.partitions(wanted[0])[wanted[1]]
        record = partition.append(
            key,
            value,
            headers=headers,
            timestamp_ms=self.timestamp_ms if timestamp_ms is None else timestamp_ms,
            arrival=self._next_arrival(),
            transaction=transaction,
        )
        self.wake()
        return record

    def note_produced(self, topic: str, record: Record) -> None:
        """A producer has brought a record into a log; called by it."""
        self.from_producers.add(record.arrival)
        for listener in self.on_produced:
            listener(topic, record)

    def _next_arrival(self) -> int:
        self._arrivals += 1
        return self._arrivals

    def end_transaction(self, transaction: int, marker: Marker) -> None:
        """Commit or abort what belongs to a transaction."""
        for name in sorted(self._topics):
            for partition in self._topics[name]:
                partition.end_transaction(
                    transaction, marker, timestamp_ms=self.timestamp_ms, arrival=self._next_arrival()
                )
        self.wake()

    def choose_partition(self, topic: str, key: bytes | None, partitioner: str = "consistent_random") -> int:
        """Where librdkafka's partitioner puts a key; what has none (or an empty one, mostly) goes anywhere."""
        count = len(self.partitions(topic))
        if partitioner == "random" or (not key and (partitioner.endswith("_random") or key is None)):
            return self.rng.randrange(count)
        hashed = {"consistent": consistent, "murmur2": murmur2, "fnv1a": fnv1a}[partitioner.removesuffix("_random")]
        return int(hashed(key or b"", count))

    # --- retention ---

    def expire(self, topic: str, before: int | None = None, *, partition: int | None = None) -> None:
        """Drop the messages before an offset, as retention does; None: all there are. Of one partition, or of all."""
        for log in self._logs(topic, partition):
            log.expire(before)
        self.wake()

    def compact(self, topic: str, *, partition: int | None = None, tombstones: bool = False) -> None:
        """Keep only the last message of each key; with `tombstones`, no deletions either. Gaps are left."""
        for log in self._logs(topic, partition):
            log.compact(tombstones=tombstones)
        self.wake()

    def _logs(self, topic: str, partition: int | None) -> list[Partition]:
        logs = self.partitions(topic)
        if partition is None:
            return logs
        if not 0 <= partition < len(logs):
            raise ValueError(f"there is no partition {partition!r} of the topic {topic!r}: it has {len(logs)}")
        return [logs[partition]]

    # --- groups ---

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

    def watermarks(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first offset and the high watermark of each partition."""
        return {log.index: (log.log_start, log.high_watermark) for log in self.partitions(topic)}

    def messages(self, topic: str) -> list[Message]:
        """The messages of a topic, in the order in which they came; those of open or aborted transactions are none."""
        return [message_of_record(topic, log.index, record) for log, record in self._read(topic)]

    def fold(self, topic: str) -> dict[bytes, bytes]:
        """The last value of each key that is not deleted, sorted by key; messages without a key count for nothing."""
        found: dict[bytes, bytes] = {}
        for _, record in self._read(topic):
            if record.key is None:
                continue
            if record.value is None:
                found.pop(record.key, None)
            else:
                found[record.key] = record.value
        return dict(sorted(found.items()))

    def _read(self, topic: str) -> Iterator[tuple[Partition, Record]]:
        found = [(log, record) for log in self.partitions(topic) for record in log.messages()]
        return iter(sorted(found, key=lambda pair: pair[1].arrival))

    def refuse_unknown(self, topic: str) -> None:
        """KafkaException when there is no such topic."""
        if topic not in self._topics:
            raise kafka_exception(KafkaError.UNKNOWN_TOPIC_OR_PART)


class Transaction:
    """Messages of a story that are committed or aborted together. Until then they hold back what follows them."""

    def __init__(self, cluster: KafkaCluster, number: int) -> None:
        self._cluster = cluster
        self.number = number

    def produce(
        self,
        topic: str,
        value: bytes | str | None,
        key: bytes | str | None = None,
        *,
        partition: int | None = None,
    ) -> Message:
        """Add a message to the transaction."""
        record, index = self._cluster._produce(topic, value, key, partition, None, None, transaction=self.number)
        return message_of_record(topic, index, record)

    def commit(self) -> None:
        """Let the messages be read."""
        self._cluster.end_transaction(self.number, "commit")

    def abort(self) -> None:
        """Let nobody read them who reads committed transactions only."""
        self._cluster.end_transaction(self.number, "abort")


def encode(data: bytes | str | None) -> bytes | None:
    """A key or value as bytes; text is UTF-8."""
    return data.encode() if isinstance(data, str) else None if data is None else bytes(data)


def encode_headers(headers: Mapping[str, Any] | Iterable[tuple[str, Any]] | None) -> Headers:
    """Headers as they stand in a log."""
    if headers is None:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, encode(value)) for name, value in pairs)
