"""The consumer behind a stream: a subscriber that keeps what was sent, and an eye on the protocol (FEED-15)."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from ._consumer import Consumer
from ._items import Handle
from ._stage import OWN_TASKS, Stage

__all__ = ["Messages", "StreamSubscriber"]

_BUSY_S_MAX: Final = 0.2


class Messages:
    """What was published, what of it was sent, and what of that is finished, by a consumer that may restart.

    Messages in `held` are not finished before they leave it, those in `raising` never are; while `is_full`, `send` does
    not return.
    """

    def __init__(self) -> None:
        self.published: list[Any] = []
        self.sent: list[Any] = []
        self.finished: list[Any] = []
        self.held: list[Any] = []
        self.raising: list[Any] = []
        self.is_full = False

    def missing(self) -> list[Any]:
        """What was published and is not finished."""
        return [message for message in self.published if message not in self.finished]


class StreamSubscriber(Consumer):
    """What `watch()` of a stream gets in a check.

    `at`: what to do, once, when the watch has got somewhere: "sent", "ready". `required`: how many of what was
    published have to be sent when it says that it is ready.
    """

    def __init__(self, stage: Stage, messages: Messages) -> None:
        super().__init__(stage)
        self.required: list[Any] = []
        self._messages = messages
        self._sending = False

    async def send(self, message: Any) -> Handle:
        """Take a message; awaiting this is the back-pressure."""
        stage, messages = self._stage, self._messages
        self._called("send(...)")
        if self._sending:
            stage.violation(
                "protocol",
                "watch() called send() while an earlier send() had not returned",
                "await each send() before the next one: that is how a consumer says that it is full",
            )
        self._sending = True
        try:
            plain = await stage.call_inside("plain", message)
            stage.note(f"sent: {plain!r}")
            if plain not in messages.published:
                stage.violation(
                    "values", f"the message {plain!r} came, which nobody published", "send messages as they are"
                )
            await asyncio.sleep(0)
            while messages.is_full:  # noqa: ASYNC110  mostly in virtual time
                await asyncio.sleep(0.05)
            messages.sent.append(plain)
        finally:
            self._sending = False
        await self._passed("sent")
        done = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().create_task(self._finish(plain, done), name=f"{OWN_TASKS}message")
        return Handle(done)

    async def mark_ready(self) -> None:
        """Say that what was there at the beginning was sent."""
        self._called("mark_ready()")
        self.ready_count += 1
        missing = [message for message in self.required if message not in self._messages.sent]
        if missing and self.ready_count == 1:
            self._stage.violation(
                "ready",
                f"watch() said mark_ready() before {missing[0]!r} was sent, which was there at its beginning",
                "find out at the beginning up to where there are messages, and call mark_ready() once those are sent",
            )
        await self._passed("ready")

    async def _finish(self, plain: Any, done: asyncio.Future[None]) -> None:
        await asyncio.sleep(self._stage.delay_s(_BUSY_S_MAX))
        while plain in self._messages.held:  # noqa: ASYNC110  mostly in virtual time
            await asyncio.sleep(0.05)
        if plain in self._messages.raising:
            self._stage.note(f"could not be processed: {plain!r}")
            done.set_exception(RuntimeError(f"an exception handler raised this about {plain!r}"))
            done.exception()  # it need not be asked
            return
        self._messages.finished.append(plain)
        self._stage.note(f"finished: {plain!r}")
        if not done.done():
            done.set_result(None)
