"""`AIOConsumer` over the cluster: the real class's calls and arguments."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from confluent_kafka import OFFSET_INVALID, OFFSET_STORED, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin._metadata import ClusterMetadata
from confluent_kafka.aio import AIOConsumer

from .._cut import ProcessCut
from ._calls import WAIT, AskUser, Calls, Wait
from ._commits import CommitRequest
from ._config import ConsumerConfig
from ._consumer_kernel import Rebalance
from ._errors import kafka_error, kafka_exception
from ._message import PartitionResult
from ._metadata import cluster_metadata

if TYPE_CHECKING:
    from ._cluster import KafkaCluster

__all__ = ["FakeConsumer"]

T = TypeVar("T")
_Callback = Callable[..., Any]

_SOCKET_TIMEOUT_S: Final = 60.0
_RETRY_S: Final = 0.5
_MESSAGES_MAX: Final = 1_000_000


class FakeConsumer(AIOConsumer):
    """A consumer of a `KafkaCluster`, made by `KafkaCluster.consumer`. Its methods are `AIOConsumer`'s.

    Callbacks are coroutine functions, as the real class wants them, and run within `poll`, `consume` and `close`.
    """

    def __init__(self, cluster: KafkaCluster, conf: Mapping[str, Any]) -> None:
        self.open(cluster, conf)

    def open(
        self, cluster: KafkaCluster, consumer_conf: Mapping[str, Any], max_workers: int = 100, executor: Any = None
    ) -> None:
        """What stands for the real constructor, which would start threads; it takes the same arguments."""
        if max_workers < 1 and executor is None:
            raise ValueError("max_workers must be at least 1")
        self._config = ConsumerConfig.of(consumer_conf)
        self._cluster = cluster
        self._kernel = cluster.new_kernel(self._config)
        self._calls = Calls(cluster, serial=cluster.serial_calls)
        self._on: dict[str, _Callback | None] = {}
        self._reports: deque[tuple[KafkaError | None, list[TopicPartition]]] = deque()
        self._changed_by_user = False
        self._closed = False
        cluster.register(self)

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # --- the process ---

    def cut(self) -> None:
        """The process was killed: every later call raises ProcessCut, and the group misses the member."""
        self._calls.cut()
        self._kernel.cut = True
        self._forget()
        if self._kernel.member is not None:
            self._kernel.group.die(self._kernel.member)

    def notice(self, error: KafkaError) -> None:
        """Tell the error callback, if there is one, at the next poll; the real client logs it otherwise."""
        if self._config.error_cb is not None:
            self._kernel.notices.append(error)

    def _forget(self) -> None:
        self._cluster.forget(self)
        self._cluster.forget_kernel(self._kernel)

    def _usable(self) -> None:
        if self._kernel.cut:
            raise ProcessCut("the process of this Kafka consumer was killed")
        if self._closed:
            raise RuntimeError("Consumer closed")

    async def _make(
        self,
        attempt: Callable[[], T | Wait | AskUser],
        *,
        timeout_s: float = -1,
        expire: Callable[[], T] | None = None,
    ) -> T:
        self._usable()

        def checked() -> T | Wait | AskUser:
            if self._kernel.closed:
                raise RuntimeError("Consumer closed")
            return attempt()

        return await self._calls.call(checked, timeout_s=timeout_s, expire=expire)

    # --- what the user is asked before anything else ---

    def _question(self) -> AskUser | None:
        kernel = self._kernel
        if kernel.notices and self._config.error_cb is not None:
            return AskUser(partial(self._config.error_cb, kernel.notices.popleft()), _nothing)
        if self._reports and self._config.on_commit is not None:
            return AskUser(partial(self._config.on_commit, *self._reports.popleft()), _nothing)
        while kernel.rebalances:
            rebalance = kernel.rebalances.popleft()
            callback = self._on.get(f"on_{rebalance.kind}")
            if callback is None and rebalance.kind == "lost":
                callback = self._on.get("on_revoke")
            if callback is not None and (rebalance.partitions or rebalance.kind == "assign"):
                self._changed_by_user = False
                told = [TopicPartition(*partition) for partition in rebalance.partitions]
                return AskUser(partial(callback, self, told), partial(self._settle, rebalance))
            self._kernel.settle_rebalance(rebalance, assigned_by_user=False)
        return None

    def _settle(self, rebalance: Rebalance) -> None:
        self._kernel.settle_rebalance(rebalance, assigned_by_user=self._changed_by_user)

    # --- messages ---

    async def poll(self, timeout: float = -1) -> Message | None:
        """The next message, or error; None when there is none in time (seconds; negative: wait for ever)."""
        self._usable()
        first = True

        def attempt() -> Message | Wait | AskUser:
            nonlocal first
            self._kernel.polled(new=first)
            first = False
            question = self._question()
            if question is not None:
                return question
            message = self._kernel.next_message()
            # A message without a value is false.
            return WAIT if message is None else message

        return await self._make(attempt, timeout_s=timeout, expire=_nothing)

    async def consume(self, num_messages: int = 1, timeout: float = -1) -> list[Message]:
        """Up to so many messages and errors; fewer when there are no more in time."""
        self._usable()
        if not 0 <= num_messages <= _MESSAGES_MAX:
            raise ValueError("num_messages must be between 0 and 1000000 (1M)")
        found: list[Message] = []

        def attempt() -> list[Message] | Wait | AskUser:
            while len(found) < num_messages:
                self._kernel.polled(new=not found)
                question = self._question()
                if question is not None:
                    return question
                message = self._kernel.next_message()
                if message is None:
                    return WAIT
                found.append(message)
            return found

        return await self._make(attempt, timeout_s=timeout, expire=lambda: found)

    # --- subscription and assignment ---

    async def subscribe(
        self,
        topics: list[str],
        on_assign: _Callback | None = None,
        on_revoke: _Callback | None = None,
        on_lost: _Callback | None = None,
    ) -> None:
        """Take part in the group for these topics, in place of those before."""
        callbacks = {"on_assign": on_assign, "on_revoke": on_revoke, "on_lost": on_lost}
        if not isinstance(topics, list):
            raise TypeError("expected list of topic unicode strings")
        for name, callback in callbacks.items():
            if callback is not None and not callable(callback):
                raise TypeError(f"{name} expects a callable")
        for topic in topics:
            if topic.startswith("^"):
                raise NotImplementedError(
                    f"the fake cluster has no subscriptions by pattern: {topic!r}; name the topics"
                )

        def attempt() -> None:
            if not topics:
                raise kafka_exception(KafkaError._INVALID_ARG, "Failed to set subscription")
            self._on = callbacks
            self._kernel.subscribe(topics)

        await self._make(attempt)

    async def unsubscribe(self) -> None:
        """Leave the group: the next `poll` or `close` tells `on_revoke`."""
        await self._make(self._kernel.unsubscribe)

    async def assign(self, partitions: list[TopicPartition]) -> None:
        """Read exactly these partitions, from the offsets they name."""
        await self._change(self._kernel.assign, partitions)

    async def unassign(self) -> None:
        """Read none."""
        await self._change(self._kernel.assign, [])

    async def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        """Read these as well."""
        await self._change(self._kernel.incremental_assign, partitions)

    async def incremental_unassign(self, partitions: list[TopicPartition]) -> None:
        """Read these no more."""
        await self._change(self._kernel.incremental_unassign, partitions)

    async def _change(
        self, change: Callable[[Sequence[TopicPartition]], None], partitions: list[TopicPartition]
    ) -> None:
        _check_partitions(partitions)

        def attempt() -> None:
            self._changed_by_user = True
            change(partitions)

        await self._make(attempt)

    async def assignment(self) -> list[TopicPartition]:
        """The partitions that are read."""
        return await self._make(
            lambda: [TopicPartition(*wanted, OFFSET_STORED) for wanted in sorted(self._kernel.cursors)]
        )

    async def pause(self, partitions: list[TopicPartition]) -> None:
        """Give no messages of these until they are resumed; those not assigned are passed over."""
        await self._set_paused(partitions, True)

    async def resume(self, partitions: list[TopicPartition]) -> None:
        """Give messages of these again."""
        await self._set_paused(partitions, False)

    async def _set_paused(self, partitions: list[TopicPartition], paused: bool) -> None:
        _check_partitions(partitions)

        def attempt() -> None:
            for wanted in partitions:
                cursor = self._kernel.cursors.get((wanted.topic, wanted.partition))
                if cursor is not None:
                    cursor.paused = paused
            self._cluster.wake()

        await self._make(attempt)

    async def seek(self, partition: TopicPartition) -> None:
        """Go on at this offset of an assigned partition."""
        if not isinstance(partition, TopicPartition):
            raise TypeError(f"expected a TopicPartition, not {partition!r}")
        await self._make(lambda: self._kernel.seek(partition))

    async def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        """One past the last message that was given, of each."""
        _check_partitions(partitions)

        def attempt() -> list[TopicPartition]:
            found = [(wanted, self._kernel.cursors.get((wanted.topic, wanted.partition))) for wanted in partitions]
            return [
                TopicPartition(wanted.topic, wanted.partition, cursor.position if cursor else OFFSET_INVALID)
                for wanted, cursor in found
            ]

        return await self._make(attempt)

    # --- commits ---

    async def commit(
        self,
        message: Message | None = None,
        offsets: list[TopicPartition] | None = None,
        asynchronous: bool = True,
    ) -> list[TopicPartition] | None:
        """Commit a message, offsets, or what is stored. Not `asynchronous`: wait, and give what was committed."""
        if offsets is not None:
            _check_partitions(offsets)
        request = CommitRequest(self._kernel, message, offsets)
        if not asynchronous:

            def expired() -> list[TopicPartition]:
                raise kafka_exception(KafkaError._WAIT_COORD, "Commit failed")

            return await self._make(request.attempt, timeout_s=_SOCKET_TIMEOUT_S, expire=expired)

        def begin() -> None:
            request.settle_offsets()
            self._commit_in_background(request, self._cluster.now_ns + round(_SOCKET_TIMEOUT_S * 1e9))

        await self._make(begin)
        return None

    def _commit_in_background(self, request: CommitRequest, give_up_ns: int) -> None:
        if self._kernel.cut:
            return
        try:
            done = request.attempt()
            if isinstance(done, Wait) and self._cluster.now_ns >= give_up_ns:
                raise kafka_exception(KafkaError._WAIT_COORD, "Commit failed")
        except KafkaException as error:
            self._report(error.args[0], request.offsets)
            return
        if isinstance(done, Wait):
            self._cluster.agenda.after(_RETRY_S, partial(self._commit_in_background, request, give_up_ns))
        else:
            self._report(None, done)

    def _report(self, error: KafkaError | None, offsets: list[TopicPartition]) -> None:
        if self._config.on_commit is not None:
            self._reports.append((error, offsets))
            self._cluster.wake()

    async def store_offsets(self, message: Message | None = None, offsets: list[TopicPartition] | None = None) -> None:
        """Keep offsets for the next commit; only with `enable.auto.offset.store` false."""

        def attempt() -> None:
            if message is None and offsets is None:
                raise ValueError("expected either message or offsets")
            for offset in self._kernel.offsets_to_commit(message, offsets):
                self._kernel.store(offset)

        await self._make(attempt)

    async def committed(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """What the group has committed for each."""
        _check_partitions(partitions)
        doing = "Failed to get committed offsets"

        def attempt() -> list[TopicPartition]:
            return [self._committed_of(wanted) for wanted in partitions]

        return await self._ask_brokers(attempt, timeout, KafkaError._TIMED_OUT, doing)

    def _committed_of(self, wanted: TopicPartition) -> TopicPartition:
        partition = (wanted.topic, wanted.partition)
        if self._cluster.partition(partition) is None:
            return PartitionResult(*partition, OFFSET_INVALID, kafka_error(KafkaError.UNKNOWN_TOPIC_OR_PART))
        found = self._kernel.group.committed.get(partition)
        if found is None:
            return TopicPartition(*partition, OFFSET_INVALID)
        if not found.metadata:  # the real class takes no None for it
            return TopicPartition(*partition, found.offset)
        return TopicPartition(*partition, found.offset, found.metadata)

    # --- the cluster ---

    async def _ask_brokers(
        self, attempt: Callable[[], T], timeout: float, code: int, doing: str, *, code_down: int | None = None
    ) -> T:
        met = False

        def ask() -> T | Wait:
            nonlocal met
            if not self._cluster.reachable:
                return WAIT
            if not met:
                met = True
                if self._cluster.meet("metadata"):
                    raise kafka_exception(code, doing)
            return attempt()

        def expired() -> T:
            raise kafka_exception(code if code_down is None or self._cluster.reachable else code_down, doing)

        return await self._make(ask, timeout_s=timeout if timeout >= 0 else _SOCKET_TIMEOUT_S, expire=expired)

    async def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = -1, cached: bool = False
    ) -> tuple[int, int]:
        """The first offset and the end of a partition; `cached`: as of the last fetch, `OFFSET_INVALID` before."""
        wanted = (partition.topic, partition.partition)
        doing = "Failed to get watermark offsets"
        if cached:
            return await self._make(
                lambda: (
                    self._kernel.cursors[wanted].watermarks
                    if wanted in self._kernel.cursors
                    else (OFFSET_INVALID, OFFSET_INVALID)
                )
            )

        def attempt() -> tuple[int, int]:
            if timeout == 0:
                raise kafka_exception(KafkaError._TIMED_OUT, doing)
            log = self._cluster.readable_partition(wanted)
            if log is None:
                raise kafka_exception(KafkaError._UNKNOWN_PARTITION, doing)
            return log.log_start, log.end(committed_only=self._config.committed_only)

        down = KafkaError._ALL_BROKERS_DOWN
        return await self._ask_brokers(attempt, timeout, KafkaError._TIMED_OUT, doing, code_down=down)

    async def offsets_for_times(self, partitions: list[TopicPartition], timeout: float = -1) -> list[TopicPartition]:
        """The first offset at or after the time that stands in place of each offset (ms); -1 when there is none."""
        _check_partitions(partitions)
        doing = "Failed to get offsets"

        def attempt() -> list[TopicPartition]:
            found = []
            for wanted in partitions:
                log = self._cluster.readable_partition((wanted.topic, wanted.partition))
                if log is None:
                    raise kafka_exception(KafkaError._UNKNOWN_PARTITION, doing)
                found.append(TopicPartition(wanted.topic, wanted.partition, log.offset_at(wanted.offset)))
            return found

        return await self._ask_brokers(attempt, timeout, KafkaError._TIMED_OUT, doing)

    async def list_topics(self, topic: str | None = None, timeout: float = -1) -> ClusterMetadata:
        """The brokers and topics."""
        return await self._ask_brokers(
            lambda: cluster_metadata(self._cluster, topic), timeout, KafkaError._TRANSPORT, "Failed to get metadata"
        )

    async def cluster_id(self, timeout: float = -1) -> str:
        """The name of the cluster."""
        return (await self.list_topics(timeout=timeout)).cluster_id or ""

    async def consumer_group_metadata(self) -> Any:
        """NotImplementedError: offsets within transactions are not part of the fake."""
        raise NotImplementedError("the fake cluster commits no offsets within transactions; use commit()")

    async def set_sasl_credentials(self, username: str, password: str) -> None:
        """Nothing: whoever asks is let in."""

    # --- the end ---

    async def close(self) -> None:
        """Leave the group, after `on_revoke` for what is assigned and, if commits are automatic, a last one."""
        began = False

        def attempt() -> Wait | AskUser | None:
            nonlocal began
            if not began:
                began = True
                self._kernel.unsubscribe()
            question = self._question()
            if question is not None:
                return question
            self._kernel.shut()
            self._forget()
            return None

        try:
            await self._make(attempt)
        finally:
            self._closed = True


def _check_partitions(partitions: object) -> None:
    if not isinstance(partitions, list) or not all(isinstance(wanted, TopicPartition) for wanted in partitions):
        raise TypeError("requires list of TopicPartition")


def _nothing() -> None:
    return None
