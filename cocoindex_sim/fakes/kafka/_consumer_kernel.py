"""What one consumer knows and does, without waiting: its subscription, its assignment, where it reads.

Nothing here calls user code. A rebalance stands in a queue (`Rebalance`) until the shim has asked the user and calls
`settle_rebalance`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from confluent_kafka import (
    OFFSET_BEGINNING,
    OFFSET_END,
    OFFSET_INVALID,
    OFFSET_STORED,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from ._assignors import TopicAndPartition
from ._config import ConsumerConfig
from ._errors import kafka_error, kafka_exception, message_of
from ._group import Group, Member
from ._message import error_message, message_of_record
from ._partition import Partition

if TYPE_CHECKING:
    from ._cluster import KafkaCluster

__all__ = ["ConsumerKernel", "Cursor", "Rebalance"]


class Rebalance(NamedTuple):
    """Something to tell the user before the assignment changes. `done` is called when it has changed."""

    kind: Literal["assign", "revoke", "lost"]
    partitions: tuple[TopicAndPartition, ...]
    done: Callable[[], object]


@dataclass(slots=True)
class Cursor:
    """Where a consumer is in one of its partitions; offsets may be librdkafka's negative ones."""

    fetch: int = OFFSET_STORED
    """What is read next; a negative one is resolved at the first fetch."""
    position: int = OFFSET_INVALID
    """One past the last message that the user was given."""
    stored: int = OFFSET_INVALID
    """What the next commit without arguments commits."""
    sent: int = OFFSET_INVALID
    """What such a commit has committed last."""
    paused: bool = False
    eof_told: int = -1
    """The end of the partition that the user was told of last."""
    watermarks: tuple[int, int] = (OFFSET_INVALID, OFFSET_INVALID)
    """The first offset and the end of the partition, as of the last fetch."""


class ConsumerKernel:
    """One consumer of a cluster. The calls raise what confluent_kafka's raise."""

    def __init__(self, cluster: KafkaCluster, config: ConsumerConfig, name: str) -> None:
        self.cluster = cluster
        self.config = config
        self.name = name
        self.cursors: dict[TopicAndPartition, Cursor] = {}
        self.topics: tuple[str, ...] = ()
        self.member: Member | None = None
        self.rebalances: deque[Rebalance] = deque()
        self.notices: deque[KafkaError] = deque()
        """Errors for the error callback."""
        self.cut = False
        self.closed = False
        self._errors: deque[Message] = deque()
        self._polled_ns = cluster.now_ns
        self._watching_polls = False
        self._stalled_until_ns = 0
        self._may_go_wrong = False
        if config.enable_auto_commit and config.auto_commit_interval_s > 0:
            self._commit_again_later()

    @property
    def group(self) -> Group:
        """The group that it names."""
        return self.cluster.group(self.config.group_id)

    @property
    def eager(self) -> bool:
        """Whether a rebalance takes everything first."""
        return self.config.strategies[0] != "cooperative-sticky"

    # --- subscription ---

    def subscribe(self, topics: Sequence[str]) -> None:
        """Take part in the group for these topics."""
        self.topics = tuple(dict.fromkeys(topics))
        for topic in self.topics:
            if not self.cluster.has_topic(topic):
                self._errors.append(
                    error_message(
                        kafka_error(
                            KafkaError.UNKNOWN_TOPIC_OR_PART,
                            f"Subscribed topic not available: {topic}: {message_of(KafkaError.UNKNOWN_TOPIC_OR_PART)}",
                        ),
                        topic,
                        0,
                    )
                )
        if self.member is None:
            self._join()
        else:
            self.member.topics = self.topics
            self.group.rebalance()

    def _join(self) -> None:
        self.member = self.cluster.new_member(self.config, self.topics, self)
        self._polled_ns = self.cluster.now_ns
        if not self._watching_polls:
            self._watching_polls = True
            self.cluster.agenda.after(self.config.max_poll_interval_s, self._check_polls, idle=True)
        self.group.join(self.member)

    def _check_polls(self) -> None:
        # A member whose application does not poll leaves; it comes again with the next poll.
        self._watching_polls = False
        if self.cut or self.closed or self.member is None:
            return
        late_s = (self.cluster.now_ns - self._polled_ns) / 1e9 - self.config.max_poll_interval_s
        if late_s < 0:
            self._watching_polls = True
            self.cluster.agenda.after(-late_s, self._check_polls, idle=True)
            return
        interval_ms = round(self.config.max_poll_interval_s * 1000)
        self._errors.append(
            error_message(
                kafka_error(
                    KafkaError._MAX_POLL_EXCEEDED,
                    f"Application maximum poll interval ({interval_ms}ms) exceeded by {round(late_s * 1000)}ms",
                )
            )
        )
        member = self.member
        self.group.leave(member)
        self.lose()

    def unsubscribe(self) -> None:
        """Leave the group, once what it owns has been let go of."""
        self.topics = ()
        member = self.member
        if member is None:
            return
        self._drop_pending_assignments()

        def leave() -> None:
            if self.member is member and not self.topics:
                self.member = None
                self.group.leave(member)

        if self.cursors:
            self.rebalances.append(Rebalance("revoke", tuple(sorted(self.cursors)), leave))
        else:
            leave()

    # --- what the group asks for (it is the `Seat` of its member) ---

    def give(self, partitions: Sequence[TopicAndPartition]) -> None:
        """Queue an assignment."""
        self.rebalances.append(Rebalance("assign", tuple(partitions), lambda: None))
        self.cluster.wake()

    def take(self, partitions: Sequence[TopicAndPartition], then: Callable[[], object]) -> None:
        """Queue a revocation; what was not assigned yet is let go of at once."""
        self._drop_pending_assignments()
        held = tuple(partition for partition in partitions if partition in self.cursors)
        if held:
            self.rebalances.append(Rebalance("revoke", held, then))
            self.cluster.wake()
        else:
            then()

    def lose(self) -> None:
        """Queue the loss of everything; then it joins again, with the next poll."""
        # What it has been asked to let go of already stays a revocation.
        self.rebalances = deque(rebalance for rebalance in self.rebalances if rebalance.kind == "revoke")
        revoked = {partition for rebalance in self.rebalances for partition in rebalance.partitions}
        rest = tuple(sorted(self.cursors.keys() - revoked))
        lost = self.member

        def join_again() -> None:
            if self.member is lost:
                self.member = None
            if self.topics and not self.cut and not self.closed and self.cluster.reachable:
                self._join()

        if rest or self.rebalances:
            self.rebalances.append(Rebalance("lost", rest, join_again))
            self.cluster.wake()
        else:
            join_again()

    def _drop_pending_assignments(self) -> None:
        self.rebalances = deque(rebalance for rebalance in self.rebalances if rebalance.kind != "assign")

    def settle_rebalance(self, rebalance: Rebalance, *, assigned_by_user: bool) -> None:
        """The user knows of a rebalance: change the assignment, unless the user did, and tell the group."""
        if rebalance.kind == "assign":
            if not assigned_by_user:
                for partition in rebalance.partitions:
                    self.cursors.setdefault(partition, Cursor())
        else:
            if rebalance.kind == "revoke" and self.config.enable_auto_commit:
                self._commit_stored_quietly(rebalance.partitions)
            for partition in rebalance.partitions:
                self.cursors.pop(partition, None)
        rebalance.done()
        self.cluster.wake()

    # --- assignment ---

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read exactly these, from the offset that each names."""
        kept = {wanted: cursor for wanted, cursor in self.cursors.items() if cursor.paused}
        self.cursors = {
            (wanted.topic, wanted.partition): Cursor(_start(wanted), paused=(wanted.topic, wanted.partition) in kept)
            for wanted in partitions
        }

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these, too."""
        if self.member is not None and self.eager:
            raise _not_with_eager()
        for wanted in partitions:
            if (wanted.topic, wanted.partition) in self.cursors:
                raise kafka_exception(KafkaError._CONFLICT)
            self.cursors[wanted.topic, wanted.partition] = Cursor(_start(wanted))

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        """Read these no more."""
        if self.member is not None and self.eager:
            raise _not_with_eager()
        for unwanted in partitions:
            if (unwanted.topic, unwanted.partition) not in self.cursors:
                raise kafka_exception(KafkaError._INVALID_ARG)
        for unwanted in partitions:
            del self.cursors[unwanted.topic, unwanted.partition]

    def cursor(self, wanted: TopicPartition, doing: str) -> Cursor:
        """The cursor of an assigned partition. KafkaException when it is not assigned."""
        found = self.cursors.get((wanted.topic, wanted.partition))
        if found is None:
            # librdkafka knows the other partitions of a topic, too, but then in no state for this.
            known = any(wanted.topic == topic for topic, _ in self.cursors)
            raise kafka_exception(KafkaError._STATE if known else KafkaError._UNKNOWN_PARTITION, doing)
        return found

    def seek(self, wanted: TopicPartition) -> None:
        """Go on reading elsewhere."""
        cursor = self.cursor(wanted, f"Failed to seek to offset {wanted.offset}")
        cursor.fetch, cursor.eof_told = _start(wanted), -1
        cursor.position = cursor.stored = OFFSET_INVALID
        self.cluster.wake()

    # --- reading ---

    def polled(self, *, new: bool) -> None:
        """The application is polling; `new`: it has just begun to."""
        self._may_go_wrong = self._may_go_wrong or new
        self._polled_ns = self.cluster.now_ns
        if self.topics and self.member is None and not self.rebalances and self.cluster.reachable:
            self._join()

    def next_message(self) -> Message | None:
        """The next message or error for the user, if there is one now."""
        if self._errors:
            return self._errors.popleft()
        if not self.cluster.reachable or self.cluster.now_ns < self._stalled_until_ns:
            return None
        ready: list[tuple[TopicAndPartition, Cursor, Partition]] = []
        for wanted, cursor in list(self.cursors.items()):
            if cursor.paused:
                continue
            partition = self.cluster.readable_partition(wanted)
            if partition is None:
                continue
            problem = self._resolve(wanted, cursor, partition)
            if problem is not None:
                return problem
            end = partition.end(committed_only=self.config.committed_only)
            cursor.watermarks = partition.log_start, end
            if cursor.fetch < end or self._eof_is_news(cursor):
                ready.append((wanted, cursor, partition))
        if ready and self._may_go_wrong:
            self._may_go_wrong = False
            struck, problem = self._go_wrong(ready[0][0])
            if struck:
                return problem
        while ready:
            # Which partition's messages come first is decided by the network.
            index = self.cluster.rng.randrange(len(ready)) if len(ready) > 1 else 0
            message = self._next_of(*ready[index])
            if message is not None:
                return message
            del ready[index]
        return None

    def _go_wrong(self, wanted: TopicAndPartition) -> tuple[bool, Message | None]:
        # Asked once in each poll that has something to give, so that idle polls use up no chances.
        cluster = self.cluster
        if cluster.meet("broker"):
            cluster.lose_brokers_for_a_while()
            return True, None
        struck_by = cluster.meet("rebalance") if self.member is not None else None
        if struck_by is not None and self.member is not None:
            if struck_by == "lost":
                self.group.evict(self.member)
            else:
                self.group.rebalance()
            cluster.wake()
            return True, None
        struck_by = cluster.meet("poll")
        if struck_by == "stall":
            self.stall(cluster.draw_stall_s())
            return True, None
        if struck_by == "error":
            broker = cluster.leader(wanted)
            reason = f"Fetch from broker {broker} failed: {message_of(KafkaError.KAFKA_STORAGE_ERROR)}"
            return True, error_message(kafka_error(KafkaError.KAFKA_STORAGE_ERROR, reason), *wanted)
        return False, None

    def _eof_is_news(self, cursor: Cursor) -> bool:
        return self.config.enable_partition_eof and cursor.eof_told != cursor.fetch

    def _resolve(self, wanted: TopicAndPartition, cursor: Cursor, partition: Partition) -> Message | None:
        if cursor.fetch in (OFFSET_STORED, OFFSET_INVALID):
            committed = self.group.committed.get(wanted)
            if committed is not None:
                cursor.fetch = committed.offset
            else:
                return self._reset(wanted, cursor, partition, "no previously committed offset available")
        if cursor.fetch == OFFSET_BEGINNING:
            cursor.fetch = partition.log_start
        elif cursor.fetch == OFFSET_END:
            cursor.fetch = partition.end(committed_only=self.config.committed_only)
        elif cursor.fetch < OFFSET_INVALID:  # so many before the end
            end = partition.end(committed_only=self.config.committed_only)
            cursor.fetch = max(partition.log_start, end - (-2000 - cursor.fetch))
        if not partition.log_start <= cursor.fetch <= partition.high_watermark:
            return self._reset(
                wanted, cursor, partition, "fetch failed due to requested offset not available on the broker"
            )
        return None

    def _reset(self, wanted: TopicAndPartition, cursor: Cursor, partition: Partition, why: str) -> Message | None:
        if self.config.auto_offset_reset == "error":
            offset, cursor.paused = cursor.fetch, True
            problem = message_of(KafkaError._NO_OFFSET if offset < 0 else KafkaError.OFFSET_OUT_OF_RANGE)
            return error_message(
                kafka_error(KafkaError._AUTO_OFFSET_RESET, f"{why}: {problem} (broker {self.cluster.leader(wanted)})"),
                *wanted,
                offset,
            )
        if self.config.auto_offset_reset == "earliest":
            cursor.fetch = partition.log_start
        else:
            cursor.fetch = partition.end(committed_only=self.config.committed_only)
        return None

    def _next_of(self, wanted: TopicAndPartition, cursor: Cursor, partition: Partition) -> Message | None:
        before = cursor.fetch
        record, cursor.fetch = partition.read(before, committed_only=self.config.committed_only)
        if record is not None:
            partition.given.add(record.offset)
            cursor.position = cursor.fetch
            if self.config.enable_auto_offset_store:
                cursor.stored = cursor.fetch
            return message_of_record(*wanted, record)
        # librdkafka moves the application's position over markers, but not over what was compacted away.
        past_marker = partition.marker_before(cursor.fetch)
        if past_marker > before:
            cursor.position = max(cursor.position, past_marker)
            if self.config.enable_auto_offset_store:
                cursor.stored = max(cursor.stored, past_marker)
        if not self._eof_is_news(cursor):
            return None
        cursor.eof_told = cursor.fetch
        reason = (
            f"Fetch from broker {self.cluster.leader(wanted)} reached end of partition at offset {cursor.fetch}"
            f" (HighwaterMark {partition.high_watermark})"
        )
        return error_message(kafka_error(KafkaError._PARTITION_EOF, reason), *wanted, cursor.fetch)

    def stall(self, duration_s: float) -> None:
        """Get no messages for a while, as when a fetch is answered late."""
        self._stalled_until_ns = self.cluster.now_ns + round(duration_s * 1e9)
        self.cluster.agenda.after(duration_s, self.cluster.wake)

    # --- offsets ---

    def offsets_to_commit(
        self, message: Message | None, offsets: Sequence[TopicPartition] | None
    ) -> list[TopicPartition]:
        """What a commit with these arguments commits; empty if there is nothing."""
        if message is not None and offsets is not None:
            raise ValueError("message and offsets are mutually exclusive")
        if message is not None:
            if message.error() is not None:
                raise kafka_exception(message.error().code())  # type: ignore[union-attr]  # just seen
            return [_after(message)]
        if offsets is not None:
            return [offset for offset in offsets if offset.offset >= 0]
        return self._stored(tuple(self.cursors))

    def _stored(self, partitions: Sequence[TopicAndPartition]) -> list[TopicPartition]:
        found = []
        for wanted in sorted(partitions):
            cursor = self.cursors.get(wanted)
            if cursor is not None and cursor.stored >= 0 and cursor.stored != cursor.sent:
                found.append(TopicPartition(*wanted, cursor.stored))
        return found

    def store(self, offset: TopicPartition) -> None:
        """Keep an offset for the next commit. KafkaException while offsets are kept automatically."""
        if self.config.enable_auto_offset_store:
            raise kafka_exception(KafkaError._INVALID_ARG, "StoreOffsets failed")
        self.cursor(offset, "StoreOffsets failed").stored = offset.offset

    def note_committed(self, offsets: Sequence[TopicPartition]) -> None:
        """These have been committed."""
        for offset in offsets:
            cursor = self.cursors.get((offset.topic, offset.partition))
            if cursor is not None:
                cursor.sent = offset.offset

    def _commit_again_later(self) -> None:
        self.cluster.agenda.after(self.config.auto_commit_interval_s, self._commit_periodically, idle=True)

    def _commit_periodically(self) -> None:
        if not self.cut and not self.closed:
            self._commit_stored_quietly(tuple(self.cursors))
            self._commit_again_later()

    def _commit_stored_quietly(self, partitions: Sequence[TopicAndPartition]) -> None:
        offsets = self._stored(partitions)
        if offsets and self.cluster.reachable and not self.cluster.commit_refusal(self, offsets):
            self.cluster.commit(self, offsets)

    def shut(self) -> None:
        """Leave for good; what is stored is committed if commits are automatic."""
        if self.config.enable_auto_commit:
            self._commit_stored_quietly(tuple(self.cursors))
        self.closed = True
        self.cursors.clear()
        self.rebalances.clear()
        member, self.member = self.member, None
        if member is not None:
            self.group.leave(member)


def _start(wanted: TopicPartition) -> int:
    return OFFSET_STORED if wanted.offset == OFFSET_INVALID else wanted.offset


def _after(message: Message) -> TopicPartition:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise kafka_exception(KafkaError._INVALID_ARG)
    return TopicPartition(topic, partition, offset + 1)


def _not_with_eager() -> KafkaException:
    return KafkaException(
        kafka_error(
            KafkaError._STATE,
            "Changes to the current assignment must be made using assign() when rebalance protocol type is EAGER",
        )
    )
