"""One commit of a consumer, without waiting."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition

from ._calls import WAIT, Wait
from ._consumer_kernel import ConsumerKernel
from ._errors import kafka_exception

__all__ = ["CommitRequest"]


class CommitRequest:
    """One commit on its way: tried again until it has taken effect or failed."""

    def __init__(self, kernel: ConsumerKernel, message: Message | None, offsets: list[TopicPartition] | None) -> None:
        self._kernel = kernel
        self._cluster = kernel.cluster
        self._arguments = message, offsets
        self.offsets: list[TopicPartition] = []
        self._settled = False
        self._struck_by: str | None = None
        self._met = False
        self._not_before_ns = 0

    def settle_offsets(self) -> None:
        """Find out what is to be committed, once."""
        if not self._settled:
            self._settled = True
            self.offsets = self._kernel.offsets_to_commit(*self._arguments)

    def attempt(self) -> list[TopicPartition] | Wait:
        """Commit, and say what; or wait. KafkaException as the real commit raises it."""
        self.settle_offsets()
        if not self.offsets:
            raise kafka_exception(KafkaError._NO_OFFSET, "Commit failed")
        if not self._cluster.reachable:
            return WAIT
        if not self._met:
            self._met = True
            self._struck_by = self._cluster.meet("commit")
            if self._struck_by == "delayed":
                delay_s = self._cluster.draw_delay_s()
                self._not_before_ns = self._cluster.now_ns + round(delay_s * 1e9)
                self._cluster.agenda.after(delay_s, self._cluster.wake)
        if self._struck_by == "fails":
            raise _timed_out()
        if self._cluster.now_ns < self._not_before_ns:
            return WAIT
        refusal = self._cluster.commit_refusal(self._kernel, self.offsets)
        if refusal:
            raise kafka_exception(refusal, "Commit failed")
        self._cluster.commit(self._kernel, self.offsets)
        if self._struck_by == "ack_lost":
            raise _timed_out()
        return [TopicPartition(offset.topic, offset.partition, offset.offset) for offset in self.offsets]


def _timed_out() -> KafkaException:
    return kafka_exception(KafkaError.REQUEST_TIMED_OUT, "Commit failed", retriable=True)
