"""Goal: a stream over a log keeps its contract, and each way of doing it wrong is rejected by the check about it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, ClassVar

import pytest

from cocoindex_sim.connectorkits import SingleWatcherGuard
from pytest_coco.contracts import LiveStreamContract, rejections

POLL_S = 0.1


class Log:
    """A log of messages, and how far its reader got."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.acknowledged = 0
        self.lost = 0

    async def news(self, position: int, losses: int) -> None:
        """Wait until there is a message at a position. ConnectionError when the connection is lost."""
        while position >= len(self.messages) or losses != self.lost:
            if losses != self.lost:
                raise ConnectionError("the log does not answer")
            await asyncio.sleep(POLL_S)


class LogStream:
    """The messages of a log, each acknowledged when all before it are finished."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.guard = SingleWatcherGuard("LogStream")

    async def watch(self, subscriber: Any) -> None:
        with self.guard:
            async with asyncio.TaskGroup() as group:
                handles: asyncio.Queue[Any] = asyncio.Queue()
                group.create_task(self.acknowledge(handles))
                await self.follow(subscriber, handles)

    async def follow(self, subscriber: Any, handles: asyncio.Queue[Any]) -> None:
        end = len(self.log.messages)
        if self.log.acknowledged >= end:
            await subscriber.mark_ready()
        position = self.log.acknowledged
        async for message in self.read(position):
            handles.put_nowait(await self.send(subscriber, message))
            position += 1
            if position == end:
                await subscriber.mark_ready()

    async def read(self, position: int) -> AsyncIterator[str]:
        losses = self.log.lost
        while True:
            await self.log.news(position, losses)
            yield self.log.messages[position]
            position += 1

    async def send(self, subscriber: Any, message: str) -> Any:
        return await subscriber.send(message)

    async def acknowledge(self, handles: asyncio.Queue[Any]) -> None:
        while True:
            handle = await handles.get()
            await handle.ready()
            self.log.acknowledged += 1


class AcknowledgesOnReceipt(LogStream):
    """Acknowledges a message when it is sent."""

    async def acknowledge(self, handles: asyncio.Queue[Any]) -> None:
        while True:
            await handles.get()
            self.log.acknowledged += 1


class WaitsForEach(LogStream):
    """Sends the next message when the last one is finished."""

    async def send(self, subscriber: Any, message: str) -> Any:
        handle = await super().send(subscriber, message)
        await handle.ready()
        return handle


class _Sending:
    def __init__(self, sending: asyncio.Task[Any]) -> None:
        self.sending = sending

    async def ready(self) -> None:
        await (await self.sending).ready()


class SendsSideBySide(LogStream):
    """Does not wait until the consumer has room."""

    async def send(self, subscriber: Any, message: str) -> Any:
        return _Sending(asyncio.create_task(subscriber.send(message), name="sending"))


class ReadyAtOnce(LogStream):
    """Is ready before it has sent anything."""

    async def follow(self, subscriber: Any, handles: asyncio.Queue[Any]) -> None:
        await subscriber.mark_ready()
        async for message in self.read(self.log.acknowledged):
            handles.put_nowait(await self.send(subscriber, message))


class ReadyWithTheFirst(LogStream):
    """Is ready once something was sent, as if there always were something."""

    async def follow(self, subscriber: Any, handles: asyncio.Queue[Any]) -> None:
        is_ready = False
        async for message in self.read(self.log.acknowledged):
            handles.put_nowait(await self.send(subscriber, message))
            if not is_ready:
                is_ready = True
                await subscriber.mark_ready()


class BeginsAtTheEnd(LogStream):
    """Reads from now on."""

    async def read(self, position: int) -> AsyncIterator[str]:
        async for message in super().read(len(self.log.messages)):
            yield message


class ForgetsTheGuard(LogStream):
    """Lets two watch."""

    async def watch(self, subscriber: Any) -> None:
        self.guard = SingleWatcherGuard("LogStream")
        await super().watch(subscriber)


class TakesALossForTheEnd(LogStream):
    """Returns when the connection is lost."""

    async def watch(self, subscriber: Any) -> None:
        try:
            await super().watch(subscriber)
        except* ConnectionError:
            pass


class GoesOnAfterCancellation(LogStream):
    """Takes its end for another kind of trouble."""

    async def watch(self, subscriber: Any) -> None:
        while True:
            try:
                await super().watch(subscriber)
            except BaseException:
                await asyncio.sleep(1)


class ChangesWhatItSends(LogStream):
    """Sends something else than was published."""

    async def send(self, subscriber: Any, message: str) -> Any:
        return await subscriber.send(message.upper())


class StreamOfALog(LiveStreamContract):
    stream: ClassVar[type[LogStream]] = LogStream

    def open(self) -> None:
        self.log = Log()

    def make(self) -> LogStream:
        return self.stream(self.log)

    def publish(self, message: str) -> None:
        self.log.messages.append(message)

    def disturb(self) -> None:
        self.log.lost += 1


class TestLogStream(StreamOfALog):
    pass


REJECTED_BY = {
    AcknowledgesOnReceipt: ("what_was_not_finished_comes_again", "1 of 5 messages have not come: 'message 2'"),
    WaitsForEach: ("it_does_not_wait_with_sending_until_the_last_is_finished", "sent nothing more while its first"),
    SendsSideBySide: ("it_waits_for_each_send", "called send() while an earlier send() had not returned"),
    ReadyAtOnce: ("ready_is_not_said_before_everything_is_sent", "mark_ready() before 'message 1' was sent"),
    ReadyWithTheFirst: ("ready_is_said_exactly_once", "has not said mark_ready() after 30 s"),
    BeginsAtTheEnd: ("every_message_arrives", "messages have not come: 'message 1' the first"),
    ForgetsTheGuard: ("a_second_watcher_is_refused", "at the same time, goes on"),
    TakesALossForTheEnd: ("trouble_is_outlived_or_let_out", "watch() returned, though the source goes on"),
    GoesOnAfterCancellation: ("cancelling_at_any_await_ends_it", "goes on 10 s after it was cancelled"),
    ChangesWhatItSends: ("every_message_arrives", "'MESSAGE 1'"),
}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of one that ignores its end
@pytest.mark.parametrize("stream", REJECTED_BY, ids=lambda stream: stream.__name__)
def test_a_wrong_stream_is_rejected(stream: type[LogStream]) -> None:
    check, fragment = REJECTED_BY[stream]
    found = rejections(type(stream.__name__, (StreamOfALog,), {"stream": stream}), f"test_{check}")
    assert list(found) == [f"test_{check}"]
    assert fragment in found[f"test_{check}"].replace("\n", " ")
