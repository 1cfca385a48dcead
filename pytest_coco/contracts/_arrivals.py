"""Checks of views and feeds: every change arrives, and of each key the last one wins."""

from __future__ import annotations

from typing import Final

from ._contract import claim
from ._hooks import LiveMapHooks
from ._source import Source
from ._stage import Stage

__all__ = ["LISTEN_FIRST", "ArrivalChecks"]

LISTEN_FIRST: Final = (
    "begin to listen, or note where the changes are now, before you read what is there: what changes in between is in"
    " the one or the other"
)
"""What loses no change while a source starts."""


class ArrivalChecks(LiveMapHooks):
    """What a source tells of changes."""

    @claim("FEED-10")
    def test_every_change_arrives(self, stage: Stage) -> None:
        """A new key, a new value and a deletion are told while the source is watched."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow(expects_history=True)
        if not self.tells_history:
            source.fill()
        source.put(self.keys()[3])
        source.check_converges(watch)
        source.put(self.keys()[0])
        source.check_converges(watch)
        source.delete(self.keys()[1])
        source.check_converges(watch)
        watch.cancel()

    @claim("FEED-13", "FEED-05")
    def test_nothing_is_lost_while_it_starts(self, stage: Stage) -> None:
        """Changes at any moment from the beginning of `watch` until it is ready arrive, then or later."""
        source = Source(stage, self)
        source.fill()
        churn = source.churn_later(2.0, 6)
        watch = source.follow(expects_history=False)
        stage.until(churn.done)
        if not self.tells_history:
            for key in self.keys():
                source.put(key)
        source.check_converges(watch, LISTEN_FIRST)
        watch.cancel()

    @claim("FEED-10", "LIV-23", "LIV-25")
    def test_the_last_value_of_a_burst_wins(self, stage: Stage) -> None:
        """Of many changes of a key at once, the last one is the one that stays."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow()
        for _ in range(5):
            for key in self.keys()[:2]:
                source.put(key)
        if not self.tells_history:
            source.put(self.keys()[2])
        source.check_converges(watch)
        source.put(self.keys()[0])
        stage.let(stage.delay_s(0.5))
        source.put(self.keys()[0])
        source.check_converges(watch)
        watch.cancel()

    @claim("FEED-10", "LIV-23", needs="tells_values")
    def test_no_item_goes_back_to_an_older_value(self, stage: Stage) -> None:
        """What was told of a key is never followed by something older."""
        source = Source(stage, self)
        source.fill()
        watch = source.watch()
        churn = source.churn_later(2.0, 12)
        source.check_becomes_ready(watch)
        stage.until(churn.done)
        stage.let_quiet()
        watch.check_goes_on()
        stage.check("order")
        watch.cancel()

    @claim("LIV-25", needs="deletes")
    def test_a_key_that_comes_and_goes_ends_as_it_is(self, stage: Stage) -> None:
        """A key that is deleted and made again is there, and one that is made and deleted is not."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow()
        if not self.tells_history:
            source.fill()
        first, second = self.keys()[:2]
        for _ in range(2):
            source.put(first)
            stage.let(stage.delay_s(0.05))
            source.delete(first)
            source.delete(second)
            stage.let(stage.delay_s(0.05))
            source.put(second)
        source.check_converges(watch)
        watch.cancel()

    @claim("LIV-26", needs="deletes")
    def test_deleting_what_nobody_knows_is_no_error(self, stage: Stage) -> None:
        """A key that is deleted before anybody heard of it disturbs nothing."""
        source = Source(stage, self)
        source.fill(2)
        watch = source.follow()
        if not self.tells_history:
            source.fill(2)
        source.put(self.keys()[3])
        source.delete(self.keys()[3])
        source.delete(self.keys()[3])
        source.delete(self.keys()[4])
        source.put(self.keys()[0])
        source.check_converges(watch)
        watch.cancel()

    @claim("FEED-10", needs="distinguishes_empty")
    def test_an_empty_value_is_no_deletion(self, stage: Stage) -> None:
        """A key with an empty value is there, whether it was so at the beginning or became so."""
        source = Source(stage, self)
        source.fill(2)
        watch = source.follow()
        source.put(self.keys()[0], self.empty_value())
        source.put(self.keys()[1])
        source.check_converges(watch)
        watch.cancel()
        if self.tells_history:
            watch = source.follow()
            source.check_converges(watch)
            watch.cancel()

    @claim("FEED-02")
    def test_every_key_keeps_its_name(self, stage: Stage) -> None:
        """Keys come as they are, whether they were there at the beginning or came later."""
        source = Source(stage, self)
        keys = self.keys()
        for key in keys[::2]:
            source.put(key)
        watch = source.follow()
        for key in keys:
            source.put(key)
        source.check_converges(watch)
        watch.cancel()
