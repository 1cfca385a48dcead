"""Checks of views and feeds: who says that it is ready is, once, and not too early."""

from __future__ import annotations

from ._contract import claim
from ._hooks import LiveMapHooks
from ._source import Source
from ._stage import Stage

__all__ = ["ReadinessChecks"]


class ReadinessChecks(LiveMapHooks):
    """When a source is ready."""

    @claim("FEED-05", "LIV-31")
    def test_a_catch_up_ends_with_everything_processed(self, stage: Stage) -> None:
        """In an update that is not live, `mark_ready` ends `watch`; by then everything is processed."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow(is_live=False)
        watch.check_ended()
        stage.check("ready")
        if self.tells_history:
            source.check_converges()

    @claim("LIV-31", "LIV-46")
    def test_ready_is_said_exactly_once(self, stage: Stage) -> None:
        """Also by a source that is empty, and again by the next watch of what did not change."""
        source = Source(stage, self)
        for count in (0, 3, 0):
            source.fill(count)
            watch = source.follow()
            watch.check_says_ready_once("when what was there at the beginning is processed")
            watch.cancel()

    @claim("LIV-37", "LIV-46", needs="tells_history")
    def test_ready_is_not_said_before_everything_is_processed(self, stage: Stage) -> None:
        """At `mark_ready`, what was there when `watch` began is processed, not only told."""
        source = Source(stage, self)
        source.fill(4)
        source.churn_later(2.0, 3)
        watch = source.follow()
        stage.check("ready")
        watch.cancel()
        source.put(self.keys()[0])
        source.delete(self.keys()[1])
        watch = source.follow()
        stage.check("ready")
        watch.cancel()
