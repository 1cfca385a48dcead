"""Checks of views and feeds: a watch is alone, ends wherever it is, leaves nothing behind, and can be had again."""

from __future__ import annotations

from ._contract import claim
from ._hooks import LiveMapHooks
from ._source import Source
from ._stage import Stage

__all__ = ["EndingChecks"]


class EndingChecks(LiveMapHooks):
    """How a watch ends."""

    @claim("FEED-14", needs="refuses_second_watcher")
    def test_a_second_watcher_is_refused(self, stage: Stage) -> None:
        """A second `watch()` of one object raises a RuntimeError, and the first goes on."""
        source = Source(stage, self)
        source.fill()
        first = source.follow()
        second = source.watch(first.source)
        second.check_refused()
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
        places = watch.places_to_cancel_at()
        watch.cancel()
        for at in places:
            source.put(self.keys()[at % 3])
            watch = source.watch(watch.source, cancel_at=at, expects_history=False)
            watch.check_ends_at(at, 5.0 if stage.is_real else None)
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
