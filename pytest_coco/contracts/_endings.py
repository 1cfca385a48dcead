"""Checks of views and feeds: a watch is alone, ends wherever it is, leaves nothing behind, and can be had again."""

from __future__ import annotations

from typing import Final

from ._contract import claim
from ._hooks import LiveMapHooks
from ._source import Source
from ._stage import Stage

__all__ = ["EndingChecks"]

_CANCELS_MAX: Final = 40
_CANCELS_DRAWN: Final = 6


class EndingChecks(LiveMapHooks):
    """How a watch ends."""

    @claim("FEED-14", needs="refuses_second_watcher")
    def test_a_second_watcher_is_refused(self, stage: Stage) -> None:
        """A second `watch()` of one object raises a RuntimeError, and the first goes on."""
        source = Source(stage, self)
        source.fill()
        first = source.follow()
        second = source.watch(first.source)
        stage.until(lambda: second.done)
        if not isinstance(second.error, RuntimeError):
            how = "goes on" if not second.done else f"ended with {second.error!r}"
            stage.broken(
                f"a second watch() of the same object, at the same time, {how}",
                "have the body of watch() in `with SingleWatcherGuard(...)`, of cocoindex.connectorkits, which raises"
                " a RuntimeError for the second",
            )
        if not self.tells_history:
            source.fill()
        source.put(self.keys()[0])
        source.check_converges(first)
        first.cancel()

    @claim("FEED-14")
    def test_it_can_be_watched_again(self, stage: Stage) -> None:
        """When a watch was cancelled or has failed, the same object can be watched again, and misses nothing."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow()
        watch.cancel()
        if self.tells_history:
            source.put(self.keys()[0])
            source.delete(self.keys()[1])
        watch = source.follow(watch.source)
        watch.subscriber.refusal = RuntimeError("an exception handler raised this")
        source.put(self.keys()[2])
        stage.until(lambda: watch.subscriber.refusal is None)
        stage.let_quiet()
        if watch.done and watch.error is None:
            stage.broken(
                "watch() returned when a call of its subscriber raised",
                "let out what the subscriber raises: a return says that there will be no more changes",
            )
        if not watch.done:
            watch.cancel()
        watch = source.follow(watch.source, expects_history=False)
        for key in self.keys()[:4]:
            source.put(key)
        source.check_converges(watch)
        watch.cancel()

    @claim("LIV-49", "LIV-50", "LIV-51")
    def test_cancelling_at_any_await_ends_it(self, stage: Stage) -> None:
        """Wherever `watch` is when it is cancelled, it ends, leaves nothing behind, and can be watched again."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow()
        stage.let_quiet()
        awaits = max(watch.awaits, 1)
        watch.cancel()
        every = range(1, min(awaits, _CANCELS_MAX) + 1)
        chosen = every if stage.in_order else sorted(stage.rng.sample(every, min(len(every), _CANCELS_DRAWN)))
        for at in chosen:
            source.put(self.keys()[at % 3])
            watch = source.watch(watch.source, cancel_at=at, expects_history=False)
            stage.note(f"watch() is to be cancelled at its await number {at}")
            if not stage.until(lambda: watch.done, 5.0 if stage.is_real else None):  # noqa: B023  asked at once
                watch.cancel()
            watch.check_ended()
        watch = source.follow(watch.source, expects_history=False)
        for key in self.keys()[:4]:
            source.put(key)
        source.check_converges(watch)
        watch.cancel()

    @claim("LIV-50", "LIV-53")
    def test_it_leaves_no_task_behind(self, stage: Stage) -> None:
        """When `watch` has ended, whether in a catch-up or cancelled, so has everything it started."""
        source = Source(stage, self)
        source.fill()
        source.follow(is_live=False).check_ended()
        watch = source.follow()
        source.put(self.keys()[0])
        stage.let_quiet()
        watch.cancel()
