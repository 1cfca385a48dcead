"""Topics as sources: a keyed map of their messages, or a stream of them (KFK-01..20)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, TypeAlias

from ...connectorkits import SingleWatcherGuard
from ...engine import LiveMapFeed, LiveMapSubscriber, LiveStream, LiveStreamSubscriber, ReadyAwaitable
from ._client import AIOConsumer, Message
from ._following import Deliver, Done, Following, Report

__all__ = ["IsDeleteFn", "TopicStream", "topic_as_map", "topic_as_stream"]

_log = logging.getLogger("cocoindex_sim")

IsDeleteFn: TypeAlias = Callable[[Message], bool]
"""Says of a message that has a value whether it deletes its key all the same."""


class TopicStream:
    """The messages of topics as a `LiveStream`, at least once each, null keys and values included (KFK-17).

    One watch at a time, of this and all its `payloads()`: they share the consumer (KFK-18).
    """

    def __init__(self, consumer: AIOConsumer, topics: list[str]) -> None:
        self._consumer = consumer
        self._topics = topics
        self._guard = SingleWatcherGuard("topic_as_stream()")

    async def watch(self, subscriber: LiveStreamSubscriber[Message]) -> None:
        """Send every message, and commit its offset once what `send` gave, and that of all before it, is ready.

        Calls `mark_ready` when the messages below the high watermarks at assignment are. Goes on until cancelled.
        RuntimeError if it is watched already; KafkaException where no retry helps.
        """
        waits: set[asyncio.Task[None]] = set()

        async def deliver(message: Message, done: Done) -> None:
            _call_when_ready(await subscriber.send(message), done, waits)

        try:
            await self._follow(deliver, subscriber, is_live=True)
        finally:
            for wait in list(waits):
                wait.cancel()

    def payloads(self) -> LiveStream[bytes]:
        """The values alone. Messages without one are passed over, and count as done."""
        return _Payloads(self)

    async def _follow(self, deliver: Deliver, subscriber: Any, *, is_live: bool) -> None:
        report: Report = getattr(subscriber, "report_exception", _nobody_to_tell)
        with self._guard:
            await Following(self._consumer, self._topics, deliver, subscriber.mark_ready, report, is_live).run()


class _Payloads:
    """`TopicStream.payloads()`."""

    def __init__(self, stream: TopicStream) -> None:
        self._stream = stream

    async def watch(self, subscriber: LiveStreamSubscriber[bytes]) -> None:
        """As `TopicStream.watch`, with the values."""
        await self._stream.watch(_PayloadSubscriber(subscriber))


class _PayloadSubscriber:
    def __init__(self, subscriber: LiveStreamSubscriber[bytes]) -> None:
        self._subscriber = subscriber
        self.report_exception: Report = getattr(subscriber, "report_exception", _nobody_to_tell)

    async def send(self, message: Message) -> ReadyAwaitable:
        value = message.value()
        return _NOTHING if value is None else await self._subscriber.send(value)

    async def mark_ready(self) -> None:
        await self._subscriber.mark_ready()


class _Nothing:
    """There was nothing to do."""

    async def ready(self) -> None:
        """At once."""


_NOTHING = _Nothing()


class TopicMap:
    """Topics as a `LiveMapFeed`: the key of a message is the item's, the message its value."""

    def __init__(self, stream: TopicStream, is_deletion: IsDeleteFn | None) -> None:
        self._stream = stream
        self._is_deletion = is_deletion

    async def watch(self, subscriber: LiveMapSubscriber[bytes | str, Message]) -> None:
        """Tell of every message; commit its offset once its component, and those of all before it, are ready.

        Calls `mark_ready` when those of the messages below the high watermarks at assignment are; goes on until
        cancelled, in a live update. Raises what `is_deletion` raises; KafkaException where no retry helps; RuntimeError
        if it is watched already. A catch-up update raises what an exception handler raised for one of these messages.
        """
        waits: set[asyncio.Task[None]] = set()
        is_deletion = self._is_deletion
        # Subscribers that wrap ours may not have it.
        report: Report = getattr(subscriber, "report_exception", _nobody_to_tell)

        async def deliver(message: Message, done: Done) -> None:
            key: Any = message.key()
            if key is None:
                _log.error(
                    "Skipping message with null key at %s/%s offset %s",
                    *(message.topic(), message.partition(), message.offset()),
                )
                done(None)
                return
            is_deleted = message.value() is None or (is_deletion is not None and is_deletion(message))
            try:
                handle = await (subscriber.delete(key) if is_deleted else subscriber.update(key, message))
            except Exception as error:  # one bad message does not end the feed (KFK-09)
                done(await _reported(report, error))
                return
            _call_when_ready(handle, done, waits)

        try:
            await self._stream._follow(deliver, subscriber, is_live=getattr(subscriber, "is_live", True))
        finally:
            for wait in list(waits):
                wait.cancel()


async def _reported(report: Report, error: Exception) -> Exception | None:
    """What the last exception handler raised; None once one took the error, or there was none."""
    try:
        await report(error)
    except Exception as raised:
        return raised
    return None


async def _nobody_to_tell(error: Exception) -> None:
    """The subscriber takes no errors; they are logged already."""


def _call_when_ready(handle: ReadyAwaitable, done: Done, waits: set[asyncio.Task[None]]) -> None:
    when_ready = getattr(handle, "when_ready", None)  # those of this engine have it: no task per message
    if when_ready is not None:
        when_ready(done)
        return

    def over(task: asyncio.Task[None]) -> None:
        waits.discard(task)
        done(asyncio.CancelledError() if task.cancelled() else task.exception())

    task = asyncio.ensure_future(_until_ready(handle))
    waits.add(task)
    task.add_done_callback(over)


async def _until_ready(handle: ReadyAwaitable) -> None:
    await handle.ready()


def topic_as_map(
    consumer: AIOConsumer, topics: list[str], *, is_deletion: IsDeleteFn | None = None
) -> LiveMapFeed[bytes | str, Message]:
    """The messages of topics as a keyed feed for `mount_each`: one item per key, with the latest message as its value.

    Args:
        consumer: an `AIOConsumer` that is subscribed to nothing, with `enable.auto.commit` off; `watch` subscribes it,
            commits offsets and unsubscribes it. It is not closed.
        topics: their partitions share one space of keys.
        is_deletion: called for messages that have a value; those without one always delete their key.
    """
    return TopicMap(TopicStream(consumer, topics), is_deletion)


def topic_as_stream(consumer: AIOConsumer, topics: list[str]) -> TopicStream:
    """The messages of topics as a stream.

    Args:
        consumer: as for `topic_as_map`.
        topics: what to consume.
    """
    return TopicStream(consumer, topics)
