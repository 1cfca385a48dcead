"""The messages of one producer on their way to the cluster, without waiting: tried when something may have changed."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from confluent_kafka import KafkaError, KafkaException, Message

from .._cut import ProcessCut
from ._calls import WAIT, Wait
from ._config import ProducerConfig
from ._errors import kafka_exception
from ._message import message_of_record

if TYPE_CHECKING:
    from ._cluster import KafkaCluster

__all__ = ["Deliveries", "Outgoing"]

_PROPAGATION_S: Final = 30.0
"""How long a message waits for a topic that nobody made; librdkafka's `topic.metadata.propagation.max.ms`."""


@dataclass(eq=False, slots=True)
class Outgoing:
    """A message on its way. Times are the cluster's, in nanoseconds."""

    topic: str
    value: Any
    key: Any
    partition: int
    timestamp_ms: int | None
    future: asyncio.Future[Message]
    begun_ns: int
    met: bool = False
    struck_by: str | None = None
    not_before_ns: int = 0


class Deliveries:
    """What a producer has sent and not heard of yet; messages of one topic arrive in the order in which they were sent.

    `transaction`: the number of the one that belongs to, 0 for none; the producer changes it.
    """

    def __init__(self, cluster: KafkaCluster, config: ProducerConfig) -> None:
        self.transaction = 0
        self._cluster = cluster
        self._config = config
        self._loop = asyncio.get_running_loop()
        self._in_flight: deque[Outgoing] = deque()
        self._cut = False
        self._sticky: dict[str, tuple[int, int]] = {}  # topic -> until when, which partition
        self._timer: asyncio.TimerHandle | None = None
        self._scheduled = False

    def __len__(self) -> int:
        return len(self._in_flight)

    def send(self, batch: Iterable[Outgoing]) -> None:
        """Take messages, and bring them to the cluster as far as that is possible now."""
        for outgoing in batch:
            outgoing.begun_ns = self._cluster.now_ns
            self._in_flight.append(outgoing)
        self.deliver()

    def purge(self) -> None:
        """Give up what has not arrived."""
        purged, self._in_flight = self._in_flight, deque()
        for outgoing in purged:
            if not outgoing.future.done():
                outgoing.future.set_exception(kafka_exception(KafkaError._PURGE_QUEUE))

    def cut(self) -> None:
        """The process is dead: nothing arrives any more."""
        self._cut = True
        self._cluster.remove_waiting(self)
        self._stop_timer()
        self._in_flight.clear()

    def deliver(self) -> None:
        """Bring what is in flight to the cluster, as far as that is possible now, each topic in order."""
        waiting: set[str] = set()
        due_ns: list[int] = []
        before = len(self._in_flight)
        for outgoing in list(self._in_flight):
            if self._cut:
                return
            if outgoing.topic in waiting:
                continue
            try:
                result = self._deliver_one(outgoing)
            except KafkaException as error:
                self._landed(outgoing)
                if not outgoing.future.done():
                    outgoing.future.set_exception(error)
                continue
            if isinstance(result, Wait):
                waiting.add(outgoing.topic)
                due_ns.append(self._next_look_ns(outgoing))
            elif not outgoing.future.done():
                outgoing.future.set_result(result)
        if len(self._in_flight) != before:
            self._cluster.wake()
        if due_ns:
            self._look_again(min(due_ns))

    def _landed(self, outgoing: Outgoing) -> None:
        if self._in_flight[0] is outgoing:
            self._in_flight.popleft()
        else:
            self._in_flight.remove(outgoing)

    def _give_up_ns(self, outgoing: Outgoing) -> int:
        return outgoing.begun_ns + round(min(self._config.message_timeout_s, 1e9) * 1e9)

    def _next_look_ns(self, outgoing: Outgoing) -> int:
        return min(self._give_up_ns(outgoing), outgoing.begun_ns + round(_PROPAGATION_S * 1e9))

    def _deliver_one(self, outgoing: Outgoing) -> Message | Wait:
        cluster = self._cluster
        if cluster.now_ns >= self._give_up_ns(outgoing):
            raise kafka_exception(KafkaError._MSG_TIMED_OUT)
        if not cluster.reachable:
            return WAIT
        key, value = _bytes(outgoing.key), _bytes(outgoing.value)
        if len(key or b"") + len(value or b"") > self._config.message_bytes_max:
            raise kafka_exception(KafkaError.MSG_SIZE_TOO_LARGE, "Message failed")
        if not cluster.has_topic(outgoing.topic):
            if not cluster.auto_create_partitions:
                if cluster.now_ns < outgoing.begun_ns + round(_PROPAGATION_S * 1e9):
                    return WAIT
                raise kafka_exception(KafkaError.UNKNOWN_TOPIC_OR_PART, "Message failed")
            cluster.create_topic(outgoing.topic, cluster.auto_create_partitions)
        if outgoing.partition < 0:
            outgoing.partition = self._choose_partition(outgoing.topic, key)
        wanted = (outgoing.topic, outgoing.partition)
        if cluster.partition(wanted) is None:
            raise kafka_exception(KafkaError._UNKNOWN_PARTITION, "Message failed")
        if not outgoing.met:
            outgoing.met = True
            outgoing.struck_by = cluster.meet("produce")
            if outgoing.struck_by == "delayed":
                delay_s = cluster.draw_delay_s()
                outgoing.not_before_ns = cluster.now_ns + round(delay_s * 1e9)
                cluster.agenda.after(delay_s, cluster.wake)
        if outgoing.struck_by == "fails":
            raise kafka_exception(KafkaError._MSG_TIMED_OUT)
        if cluster.now_ns < outgoing.not_before_ns:
            return WAIT
        record = cluster.append(
            wanted,
            key,
            value,
            timestamp_ms=outgoing.timestamp_ms,
            transaction=self.transaction,
        )
        # It is in the log: whatever happens now, it must not be sent again.
        self._landed(outgoing)
        cluster.note_produced(outgoing.topic, record)
        cluster.hazards.durable("kafka.produce")
        if outgoing.struck_by == "ack_lost" and not outgoing.future.done():
            outgoing.future.set_exception(kafka_exception(KafkaError._MSG_TIMED_OUT))
        latency_s = (cluster.now_ns - outgoing.begun_ns) / 1e9
        return message_of_record(*wanted, record, latency_s=latency_s)

    def _choose_partition(self, topic: str, key: bytes | None) -> int:
        if key or not self._config.sticky_s:
            return self._cluster.choose_partition(topic, key, self._config.partitioner)
        until_ns, partition = self._sticky.get(topic, (-1, 0))
        if self._cluster.now_ns > until_ns:
            partition = self._cluster.choose_partition(topic, None, self._config.partitioner)
            self._sticky[topic] = self._cluster.now_ns + round(self._config.sticky_s * 1e9), partition
        return partition

    # --- looking again, though nobody waits ---

    def _look_again(self, due_ns: int) -> None:
        self._cluster.add_waiting(self)
        self._stop_timer()
        next_ns = self._cluster.agenda.next_due_ns
        due_ns = due_ns if next_ns is None else min(due_ns, next_ns)
        self._timer = self._loop.call_later(max(due_ns - self._cluster.now_ns, 0) / 1e9, self.wake)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def wake(self) -> None:
        """Something has changed: look again, soon."""
        if not self._scheduled and not self._loop.is_closed():
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._look)

    def _look(self) -> None:
        self._scheduled = False
        self._stop_timer()
        self._cluster.remove_waiting(self)
        try:
            self._cluster.catch_up()
            self.deliver()
        except ProcessCut:  # nobody is left to be told
            return


def _bytes(data: Any) -> bytes | None:
    return data.encode() if isinstance(data, str) else None if data is None else bytes(data)
