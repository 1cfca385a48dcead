"""Following topics: consume in batches, hand over, commit what is finished, say when the backlog is done.

One task calls the consumer, and makes one call at a time: consuming, committing and pausing never overlap, so a commit
can't overtake another (KFK-10). Rebalances are told from inside these calls.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final, TypeAlias

from ._client import (
    AIOConsumer,
    KafkaException,
    Message,
    Topic,
    TopicPartition,
    is_end_of_partition,
    is_fatal,
    is_transient,
)
from ._offsets import Partition

__all__ = ["Deliver", "Done", "Following", "Report"]

_log = logging.getLogger("cocoindex_sim")

BATCH: Final = 2_000
"""Messages asked for in one call."""

IN_FLIGHT_MAX: Final = 4_000
"""Messages that are handed over and not finished, of all partitions, before consuming stops."""

IN_FLIGHT_BYTES_MAX: Final = 64 * 1024 * 1024
"""The same in bytes of keys and values, so that large messages don't fill the memory."""

_POLL_BUSY_S: Final = 0.02
"""How long to wait for a message while something is in flight; commits wait as long."""

_POLL_BACKLOG_S: Final = 0.1
"""The same while nothing is, but there may be some backlog."""

_POLL_IDLE_S: Final = 0.25
"""How long otherwise. A call can't be cancelled, so leaving waits for it; a live component has one second to end."""

_COMMIT_EVERY_S: Final = 0.1
"""How often to commit while messages keep coming."""

_LOOKUP_S: Final = 5.0
"""How long to wait for a watermark or committed offsets, each time."""

_LOOKUPS_MAX: Final = 3

_PAUSE_AFTER_S: Final = 1.0
"""How long a consumer may go without being called before its partitions are paused and it is called again."""

_DRAIN_S: Final = 10.0
"""How long a revocation waits for what is in flight of the partitions that go to another member."""

_QUIET_S: Final = 3.0
"""For how long nothing must come of a partition, twice in a row, before what is missing counts as not there."""

_ANSWER_S: Final = 1.0
"""How long brokers that are there may take to say so."""

_RETRY_FIRST_S: Final = 0.1
_RETRY_MAX_S: Final = 5.0

Done: TypeAlias = Callable[[BaseException | None], None]
"""Called once: with None when a message is finished; with an exception if it will not be, in this run."""

Deliver: TypeAlias = Callable[[Message, Done], Awaitable[None]]
Report: TypeAlias = Callable[[Exception], Awaitable[None]]


class Following:
    """One subscription of a consumer.

    Args: deliver: hands one message over; awaiting it is back-pressure. mark_ready: says that the backlog is done.
    report: takes errors of consumer and brokers. is_live: whether to go on after `mark_ready`.
    """

    def __init__(
        self,
        consumer: AIOConsumer,
        topics: list[str],
        deliver: Deliver,
        mark_ready: Callable[[], Awaitable[None]],
        report: Report,
        is_live: bool,
    ) -> None:
        self._consumer = consumer
        self._topics = topics
        self._deliver = deliver
        self._mark_ready = mark_ready
        self._report = report
        self._is_live = is_live
        self._loop = asyncio.get_running_loop()
        self._partitions: dict[Topic, Partition] = {}  # those assigned now
        self._goals: dict[Topic, int] = {}  # the high watermarks, as they were when first assigned
        self._is_assigned = False  # whether the group has given this member its share since it last took everything
        self._is_ready = False
        self._is_leaving = False
        self._in_flight = 0
        self._in_flight_bytes = 0
        self._wait: tuple[Callable[[], bool], asyncio.Future[None]] | None = None
        self._drains: list[tuple[list[Partition], asyncio.Future[None]]] = []
        self._unhandled: BaseException | None = None  # why the first message that will not be finished is not
        self._failures = 0  # in a row, of calls
        self._commit_failures = 0
        self._commit_at_s = 0.0  # not before
        self._news_s = self._loop.time()  # when something came, or was in flight, last
        self._quiet_looks = 0

    async def run(self) -> None:
        """Go on until cancelled; without `is_live`, until the backlog is done.

        KafkaException for what no retry can help: a consumer that met a fatal error, or is refused access.
        """
        closing = False
        try:
            await self._consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while True:
                messages = await self._next_messages()
                for message in messages:
                    await self._take(message)
                await self._commit_if_due(is_idle=not messages)
                if not self._is_ready:
                    await self._become_ready_if_due(is_idle=not messages)
        except GeneratorExit:  # the loop is gone
            closing = True
            raise
        finally:
            if not closing:
                await self._leave()

    # -- consuming -------------------------------------------------------------------------------------------------

    async def _next_messages(self) -> list[Message]:
        is_full = self._in_flight >= IN_FLIGHT_MAX or self._in_flight_bytes >= IN_FLIGHT_BYTES_MAX
        if is_full and (message := await self._tend_until(self._has_room)) is not None:
            return [message]
        try:
            # `consume` waits until it has as many as asked for, or for its whole timeout; `poll` for one.
            consume = getattr(self._consumer, "consume", None)
            messages: list[Message] = [] if consume is None else await consume(BATCH, 0)
            if not messages and (message := await self._poll()) is not None:
                messages = [message]
        except KafkaException as error:
            await self._meet(error)
            return []
        self._failures = 0
        return messages

    async def _poll(self) -> Message | None:
        timeout_s = _POLL_BUSY_S if self._in_flight else _POLL_IDLE_S if self._is_ready else _POLL_BACKLOG_S
        message: Message | None = await self._consumer.poll(timeout=timeout_s)
        return message

    async def _meet(self, error: KafkaException) -> None:
        """A call failed."""
        if error.args and hasattr(error.args[0], "fatal") and is_fatal(error.args[0]):
            raise error
        self._failures += 1
        if self._failures == 1:
            await self._tell(error)
        await asyncio.sleep(_retry_s(self._failures))

    async def _tell(self, error: KafkaException) -> None:
        _log.error("Consumer error: %s", error)
        await self._report(error)

    async def _take(self, message: Message) -> None:
        error = message.error()
        if error is not None:
            if is_end_of_partition(error):
                self._skip_to(_topic_of(message), message.offset())
                return
            exception = KafkaException(error)
            if is_fatal(error):
                raise exception
            await self._tell(exception)  # the client goes on trying by itself (KFK-05)
            return
        topic = _topic_of(message)
        partition = self._partitions.get(topic)
        if partition is None:
            return  # revoked by now: whoever has it gets the message
        offset = message.offset()
        assert offset is not None
        size = len(message.value() or b"") + len(message.key() or b"")
        partition.deliver(offset)
        self._in_flight += 1
        self._in_flight_bytes += size
        self._heard()
        await self._deliver(message, partial(self._done, topic, partition, offset, size))

    def _done(self, topic: Topic, partition: Partition, offset: int, size: int, error: BaseException | None) -> None:
        self._in_flight -= 1
        self._in_flight_bytes -= size
        if error is None:
            partition.finish(offset)
        else:
            partition.give_up(offset)
            if not isinstance(error, asyncio.CancelledError) and self._partitions.get(topic) is partition:
                self._unhandled = self._unhandled or error
                _log.error(
                    "%s/%s offset %s is not finished, as an exception handler raised: this run commits nothing of the"
                    " partition from there on, and a restart delivers it again: %r",
                    *(*topic, offset, error),
                )
        if self._wait is not None and self._wait[0]() and not self._wait[1].done():
            self._wait[1].set_result(None)
        for partitions, drained in self._drains:
            if not drained.done() and not any(one.in_flight for one in partitions):
                drained.set_result(None)

    def _heard(self) -> None:
        self._news_s = self._loop.time()
        self._quiet_looks = 0

    def _skip_to(self, topic: Topic, offset: int | None) -> None:
        if topic in self._partitions and offset is not None and offset >= 0:
            self._partitions[topic].skip_to(offset)

    # -- back-pressure ---------------------------------------------------------------------------------------------

    def _has_room(self) -> bool:
        return self._in_flight <= IN_FLIGHT_MAX // 2 and self._in_flight_bytes <= IN_FLIGHT_BYTES_MAX // 2

    def _is_empty(self) -> bool:
        return not self._in_flight

    async def _tend_until(self, condition: Callable[[], bool]) -> Message | None:
        """Take nothing until something holds, and stay a member of the group meanwhile.

        Pausing throws away what the client has fetched, so it is not done for a short wait. Gives a message that came
        all the same, of a partition assigned meanwhile.
        """
        if await self._until(condition, _PAUSE_AFTER_S):
            return None
        paused: set[Topic] = set()
        try:
            while not condition():
                if fresh := self._partitions.keys() - paused:
                    paused |= fresh
                    await self._consumer.pause([TopicPartition(*topic) for topic in sorted(fresh)])
                message: Message | None = await self._consumer.poll(timeout=0)
                await self._commit_if_due(is_idle=True)
                if message is not None:
                    return message
                await self._until(condition, _PAUSE_AFTER_S)
        except KafkaException as error:
            await self._meet(error)
        finally:
            if back := paused & self._partitions.keys():
                await self._consumer.resume([TopicPartition(*topic) for topic in sorted(back)])
            self._heard()
        return None

    async def _until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until something holds that only a finished message can bring about; whether it does."""
        if not condition():
            future = self._loop.create_future()
            self._wait = condition, future
            try:
                await asyncio.wait([future], timeout=timeout_s)
            finally:
                self._wait = None
        return condition()

    # -- committing ------------------------------------------------------------------------------------------------

    async def _commit_if_due(self, *, is_idle: bool) -> None:
        is_due = self._loop.time() >= self._commit_at_s or (is_idle and not self._commit_failures)
        if is_due and await self._commit(self._partitions):
            self._commit_at_s = self._loop.time() + _COMMIT_EVERY_S

    async def _commit(self, topics: Iterable[Topic]) -> bool:
        """Commit what is finished of these partitions; whether there was anything to commit.

        Errors are logged, and what was not committed goes with a later commit.
        """
        offsets = {topic: offset for topic in topics if (offset := self._partitions[topic].committable) is not None}
        if not offsets:
            return False
        request = [TopicPartition(*topic, offset) for topic, offset in offsets.items()]
        try:
            answer = await self._consumer.commit(offsets=request, asynchronous=False)
        except Exception as error:
            _log.error("Failed to commit offset of %s: %s", _named(offsets), error)
            self._commit_failures += 1
            self._commit_at_s = self._loop.time() + _retry_s(self._commit_failures)
            return False
        self._commit_failures = 0
        refused = {(one.topic, one.partition): one.error for one in answer or () if one.error is not None}
        for topic, offset in offsets.items():
            if topic in refused:
                _log.error("Failed to commit offset of %s: %s", _named({topic: offset}), refused[topic])
                self._commit_failures = 1
            elif topic in self._partitions:
                self._partitions[topic].committed = offset
        return True

    # -- becoming ready --------------------------------------------------------------------------------------------

    async def _become_ready_if_due(self, *, is_idle: bool) -> None:
        """Say so once everything that was there at assignment is finished (KFK-11)."""
        if not self._is_assigned:
            return
        partitions = self._partitions
        missing = [topic for topic, partition in partitions.items() if not partition.is_read]
        if missing and is_idle:
            await self._look_for_the_end(missing)
            missing = [topic for topic in missing if topic in partitions and not partitions[topic].is_read]
        if missing or not self._is_assigned:
            return
        if not self._is_live and self._in_flight:
            # The end of a catch-up update gives up what is in flight, so it takes nothing more and waits.
            message = await self._tend_until(self._is_empty)
            if message is not None:
                await self._take(message)
                return
        if not self._is_assigned:
            return
        if all(partition.is_caught_up for partition in partitions.values()):
            await self._commit(partitions)
            self._is_ready = True
            self._goals.clear()
            await self._mark_ready()
        elif not self._is_live and not self._in_flight and self._unhandled is not None:
            raise self._unhandled  # a catch-up update would wait for ever

    async def _look_for_the_end(self, missing: list[Topic]) -> None:
        """Find out whether what is missing of some partitions exists at all.

        The client passes over the records of transactions, and says so by its position. Of what was compacted away it
        says nothing, so when nothing came for a while, and twice the broker answers that it has nothing else, it counts
        as not there.
        """
        if (position := getattr(self._consumer, "position", None)) is not None:
            try:
                for at in await position([TopicPartition(*topic) for topic in missing]):
                    self._skip_to((at.topic, at.partition), at.offset)
            except KafkaException as error:
                _log.debug("following %s: no positions: %s", self._topics, error)  # silence will tell
        if self._in_flight or self._loop.time() < self._news_s + _QUIET_S:
            return
        self._news_s = began_s = self._loop.time()
        for topic in missing:
            if topic in self._partitions and await self._watermarks(topic, tries=1) is None:
                self._heard()
                return
        if self._loop.time() > began_s + _ANSWER_S:
            self._heard()  # the brokers have been away, and messages may need a moment to follow
            return
        self._quiet_looks += 1
        if self._quiet_looks < 2:
            return
        for topic in missing:
            partition = self._partitions.get(topic)
            if partition is not None and not partition.is_read:
                _log.info("%s/%s has no messages from offset %s to its high watermark %s", *topic, *_span(partition))
                partition.expect_no_more()

    # -- rebalances ------------------------------------------------------------------------------------------------

    async def _on_assign(self, consumer: object, assigned: list[TopicPartition]) -> None:
        """New partitions, the only new ones if the assignor is incremental. Called inside a call of the consumer."""
        try:
            await self._assign([(one.topic, one.partition) for one in assigned])
        except Exception as error:  # raised in here it would end up in the client's thread
            _log.error("following %s: an assignment failed: %s", self._topics, error, exc_info=error)
        finally:
            self._is_assigned = True
            self._heard()

    async def _assign(self, topics: list[Topic]) -> None:
        for topic in topics:  # nothing that follows may lose them
            self._partitions[topic] = Partition()
        if self._is_ready or not topics:
            return
        committed = await self._committed(topics)
        for topic in topics:
            goal = self._goals.get(topic)
            begun = committed.get(topic, -1)
            if goal is None:
                watermarks = await self._watermarks(topic, tries=_LOOKUPS_MAX)
                if watermarks is None:
                    continue  # counts as caught up (KFK-12)
                low, high = watermarks
                goal = 0 if low >= high else high  # nothing is left of it, if there ever was anything (KFK-13)
                self._goals[topic] = goal
            if begun > goal > 0:
                begun = -1  # another topic of the same name: there is none so far in this one
            if topic in self._partitions:
                self._partitions[topic] = Partition(begun, goal or None)

    async def _committed(self, topics: list[Topic]) -> dict[Topic, int]:
        """The group's offsets, -1 where there is none."""
        for number in range(_LOOKUPS_MAX):
            try:
                found = await self._consumer.committed([TopicPartition(*topic) for topic in topics], timeout=_LOOKUP_S)
                return {(one.topic, one.partition): max(one.offset, -1) for one in found}
            except KafkaException as error:
                if number + 1 == _LOOKUPS_MAX or not is_transient(error):
                    _log.error("following %s: can't find the committed offsets: %s", self._topics, error)
                    break
        return {}

    async def _watermarks(self, topic: Topic, *, tries: int) -> tuple[int, int] | None:
        """Log start and high watermark; None, and logged, if they can't be had."""
        for number in range(tries):
            try:
                found = await self._consumer.get_watermark_offsets(TopicPartition(*topic), timeout=_LOOKUP_S)
                if found is not None:  # None: in time
                    return found[0], found[1]
                error: Exception = TimeoutError(f"no answer within {_LOOKUP_S} s")
            except Exception as raised:
                error = raised
            if number + 1 == tries or not (isinstance(error, TimeoutError) or is_transient(error)):
                _log.error("Failed to look up the watermarks of %s/%s: %s", *topic, error)
                break
        return None

    async def _on_revoke(self, consumer: object, revoked: list[TopicPartition]) -> None:
        """Partitions go to other members, which begin where this one's commits end."""
        topics = [topic for one in revoked if (topic := (one.topic, one.partition)) in self._partitions]
        try:
            if not self._is_leaving:
                await self._drain(topics)
            await self._commit(topics)
        finally:
            self._forget(topics)

    async def _on_lost(self, consumer: object, lost: list[TopicPartition]) -> None:
        """The group has given partitions away already: what is in flight of them must not be committed."""
        self._forget([(one.topic, one.partition) for one in lost])

    async def _drain(self, topics: list[Topic]) -> None:
        """Have finished what is in flight of partitions: done later, it would overwrite what the next member does."""
        partitions = [self._partitions[topic] for topic in topics]
        if not any(one.in_flight for one in partitions):
            return
        drain = partitions, self._loop.create_future()
        self._drains.append(drain)
        try:
            await asyncio.wait([drain[1]], timeout=_DRAIN_S)
        finally:
            self._drains.remove(drain)
        if left := sum(one.in_flight for one in partitions):
            _log.warning("following %s: %s messages of revoked partitions are still in flight", self._topics, left)

    def _forget(self, topics: list[Topic]) -> None:
        for topic in topics:
            self._partitions.pop(topic, None)
        if not self._partitions:
            self._is_assigned = False  # there is another assignment to come
        self._heard()

    async def _leave(self) -> None:
        """Commit what is finished and leave the group (KFK-01)."""
        self._is_leaving = True
        for _, drained in self._drains:  # the call that told of a revocation has to end, or none can be made
            if not drained.done():
                drained.set_result(None)
        try:
            await self._commit(self._partitions)
        finally:
            try:
                await self._consumer.unsubscribe()
                await self._consumer.poll(timeout=0)  # the revocation that this causes is told here
            except Exception as error:
                _log.error("following %s: can't unsubscribe: %s", self._topics, error)


def _topic_of(message: Message) -> Topic:
    topic, partition = message.topic(), message.partition()
    return topic or "", -1 if partition is None else partition


def _named(offsets: dict[Topic, int]) -> str:
    return ", ".join(f"{topic}/{partition} at {offset}" for (topic, partition), offset in sorted(offsets.items()))


def _span(partition: Partition) -> tuple[Any, Any]:
    return partition.position, partition.goal


def _retry_s(failures: int) -> float:
    return min(_RETRY_FIRST_S * 2.0 ** (failures - 1), _RETRY_MAX_S)
