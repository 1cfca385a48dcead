"""Sources of messages without keys: `LiveStream`."""

from __future__ import annotations

from typing import Any, ClassVar

from ._contract import Contract, claim
from ._messages import Messages, StreamSubscriber
from ._stage import Stage
from ._watch import Watch

__all__ = ["LiveStreamContract"]


class _Stream:
    """What a check does to a stream, and the consumer that follows it."""

    def __init__(self, stage: Stage, subject: LiveStreamContract) -> None:
        self.stage = stage
        self.subject = subject
        self.messages = Messages()

    def publish(self, count: int = 1) -> None:
        for _ in range(count):
            self.stage.run(self.publish_inside())

    async def publish_inside(self) -> None:
        message = self.subject.message(len(self.messages.published) + 1)
        self.stage.note(f"published: {message!r}")
        self.messages.published.append(message)
        await self.stage.call_inside("publish", message)

    def watch(self, source: Any = None, *, cancel_at: int = 0) -> Watch:
        subscriber = StreamSubscriber(self.stage, self.messages)
        if self.subject.tells_history:
            subscriber.required = self.messages.missing()
        source = self.stage.call("make") if source is None else source
        return Watch(self.stage, source, subscriber, cancel_at=cancel_at)

    def follow(self, source: Any = None) -> Watch:
        watch = self.watch(source)
        watch.check_becomes_ready(
            "call mark_ready() once what was there at the beginning is sent, also when that is nothing"
        )
        return watch

    def check_arrives(self, watch: Watch) -> None:
        """Every message is finished, soon."""
        stage = self.stage
        stage.until(lambda: not self.messages.missing() or watch.done)
        watch.check_goes_on()
        if missing := self.messages.missing():
            stage.broken(
                f"{len(missing)} of {len(self.messages.published)} messages have not come: {missing[0]!r} the first",
                "send every message at least once, and acknowledge one to the system only when ready() of what send()"
                " gave has returned, for it and for all before it",
            )
        stage.check("protocol", "values")

    def check_comes_again(self, unfinished: list[Any]) -> None:
        """What is in this list of `messages` while others are finished comes when the process was killed."""
        stage = self.stage
        self.publish(1)
        self.follow()
        stage.let_quiet()
        unfinished.append(self.subject.message(2))
        self.publish(4)
        stage.let_quiet()
        stage.crash()
        unfinished.clear()
        watch = self.watch()
        self.check_arrives(watch)
        watch.cancel()


class LiveStreamContract(Contract):
    """Inherit this to have a `LiveStream` tested: `make`, `publish` and `disturb` are yours to write.

    The hooks act on the system that the stream follows, as others do who use it. See `Contract` for what is around
    them.
    """

    refuses_second_watcher: ClassVar[bool] = True
    """Whether a second `watch()` of one object at the same time raises a RuntimeError."""
    survives_trouble: ClassVar[bool] = True
    """Whether `disturb` can make something go wrong, after which the stream goes on."""
    tells_history: ClassVar[bool] = True
    """Whether messages come that were published before the watch began."""
    redelivers: ClassVar[bool] = True
    """Whether a message that was not finished when the process died comes again."""

    capabilities: ClassVar[tuple[str, ...]] = (
        "refuses_second_watcher",
        "survives_trouble",
        "tells_history",
        "redelivers",
    )
    _made_has: ClassVar[tuple[str, ...]] = ("watch",)

    # -- hooks -----------------------------------------------------------------------------------------------------

    def make(self) -> Any:
        """A new object that follows the system which `open` put in place. May be async. Called again for a restart."""
        raise NotImplementedError(f"{type(self).__name__} needs make(): return the stream to be tested")

    def publish(self, message: Any) -> Any:
        """Put a message into the system, as others do. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs publish(message)")

    def disturb(self) -> Any:
        """Have what follows the system now lose its connection, once. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs disturb(), or survives_trouble = False")

    def message(self, number: int) -> Any:
        """A message that `publish` takes, another one for each number."""
        return f"message {number}"

    def plain(self, message: Any) -> Any:
        """What `publish` was given, from a message that the stream sent. May be async."""
        return message

    # -- checks ----------------------------------------------------------------------------------------------------

    @claim("FEED-15", needs="tells_history")
    def test_every_message_arrives(self, stage: Stage) -> None:
        """What was published before, while and after it started comes, at least once."""
        stream = _Stream(stage, self)
        stream.publish(3)
        watch = stream.watch()
        watch.subscriber.at.update({"sent": stream.publish_inside, "ready": stream.publish_inside})
        stream.check_arrives(watch)
        for _ in range(4):
            stage.let(stage.delay_s(0.5))
            stream.publish()
        stream.check_arrives(watch)
        watch.cancel()

    @claim("FEED-15")
    def test_ready_is_said_exactly_once(self, stage: Stage) -> None:
        """Also by a stream without messages, and again by the next watch."""
        stream = _Stream(stage, self)
        for count in (0, 3, 0):
            stream.publish(count)
            watch = stream.follow()
            watch.check_says_ready_once("when what was there at the beginning is sent")
            watch.cancel()

    @claim("FEED-15", needs="tells_history")
    def test_ready_is_not_said_before_everything_is_sent(self, stage: Stage) -> None:
        """At `mark_ready`, what was there when `watch` began was sent; also when messages come meanwhile."""
        stream = _Stream(stage, self)
        stream.publish(4)
        watch = stream.watch()
        watch.subscriber.at["sent"] = stream.publish_inside
        stage.until(lambda: watch.subscriber.ready_count or watch.done)
        watch.check_goes_on()
        stage.check("ready")
        watch.cancel()

    @claim("FEED-15", needs="tells_history")
    def test_it_waits_for_each_send(self, stage: Stage) -> None:
        """While `send` has not returned, nothing more is sent: a consumer can be full."""
        stream = _Stream(stage, self)
        stream.messages.is_full = True
        stream.publish(5)
        watch = stream.watch()
        stage.let_quiet()
        stage.check("protocol")
        watch.check_goes_on()
        stream.messages.is_full = False
        stream.check_arrives(watch)
        watch.cancel()

    @claim("FEED-15", needs="tells_history")
    def test_it_does_not_wait_with_sending_until_the_last_is_finished(self, stage: Stage) -> None:
        """`ready()` is awaited before acknowledging, not before sending on."""
        stream = _Stream(stage, self)
        stream.messages.held.append(self.message(1))
        stream.publish(3)
        watch = stream.watch()
        if not stage.until(lambda: self.message(3) in stream.messages.sent or watch.done):
            stage.broken(
                "watch() sent nothing more while its first message was not finished",
                "await ready() of what send() gave beside sending, in a task: it is there for acknowledging",
            )
        stream.messages.held.clear()
        stream.check_arrives(watch)
        watch.cancel()

    @claim("FEED-15", "KFK-07", needs="redelivers")
    def test_what_was_not_finished_comes_again(self, stage: Stage) -> None:
        """A message that was not finished when the process died comes again, whatever came after it."""
        stream = _Stream(stage, self)
        stream.check_comes_again(stream.messages.held)

    @claim("FEED-15", "KFK-09", needs="redelivers")
    def test_what_could_not_be_processed_is_not_acknowledged(self, stage: Stage) -> None:
        """A message whose `ready()` raised is not finished: when the process is started again, it comes again."""
        stream = _Stream(stage, self)
        stream.check_comes_again(stream.messages.raising)

    @claim("FEED-14", needs="refuses_second_watcher")
    def test_a_second_watcher_is_refused(self, stage: Stage) -> None:
        """A second `watch()` of one object raises a RuntimeError, and the first goes on."""
        stream = _Stream(stage, self)
        first = stream.follow()
        second = stream.watch(first.source)
        second.check_refused()
        stream.publish(2)
        stream.check_arrives(first)
        first.cancel()

    @claim("FEED-14", "LIV-51")
    def test_cancelling_at_any_await_ends_it(self, stage: Stage) -> None:
        """Wherever `watch` is when it is cancelled, it ends, leaves nothing behind, and can be watched again."""
        stream = _Stream(stage, self)
        stream.publish(3)
        watch = stream.follow()
        stage.let_quiet()
        places = watch.places_to_cancel_at()
        watch.cancel()
        for at in places:
            if self.tells_history:
                stream.publish()
            watch = stream.watch(watch.source, cancel_at=at)
            watch.check_ends_at(at, 5.0 if stage.is_real else None)
        watch = stream.follow(watch.source)
        stream.publish(2)
        stream.check_arrives(watch)
        watch.cancel()

    @claim("LIV-34", "FEED-09", needs="survives_trouble")
    def test_trouble_is_outlived_or_let_out(self, stage: Stage) -> None:
        """What was published while a connection was lost comes, from the same watch or, if that raised, the next."""
        stream = _Stream(stage, self)
        watch = stream.follow()
        for _ in range(2):
            stage.note("the connection is lost")
            stage.call("disturb")
            if not self.tells_history:
                stage.let_quiet()
            stream.publish(2)
            stage.until(lambda: not stream.messages.missing() or watch.done)  # noqa: B023  asked at once
            if watch.done and watch.error is not None:
                watch.check_nothing_left()
                watch = stream.follow(watch.source)
            stream.check_arrives(watch)
        watch.cancel()
