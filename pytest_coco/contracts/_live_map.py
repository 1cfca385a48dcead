"""What views and feeds have in common: a source of keys and values that is followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from ._broken import traceback_lines
from ._contract import Contract, claim
from ._history import difference
from ._items import Items, ItemSubscriber
from ._pipeline import Mirror, Pipeline
from ._source import Source
from ._stage import Stage

__all__ = ["BEGIN_ANEW", "LISTEN_FIRST", "LiveMapContract"]

LISTEN_FIRST: Final = (
    "begin to listen, or note where the changes are now, before you read what is there: what changes in between is in"
    " the one or the other"
)
"""What loses no change while a source starts."""

BEGIN_ANEW: Final = (
    "when a connection is lost, begin anew: listen first, and then read everything again, or go on from the last change"
    " that is finished; what was on its way is lost"
)
"""What loses no change with a connection."""

_CANCELS_MAX: Final = 40
_CANCELS_DRAWN: Final = 6
_GRACE_S: Final = 10.0


class LiveMapContract(Contract):
    """The hooks and checks that `LiveMapViewContract` and `LiveMapFeedContract` share. Inherit one of these."""

    deletes: ClassVar[bool] = True
    """Whether keys can be deleted."""
    distinguishes_empty: ClassVar[bool] = True
    """Whether a key can have an empty value, and that is no deletion."""
    refuses_second_watcher: ClassVar[bool] = True
    """Whether a second `watch()` of one object at the same time raises a RuntimeError."""
    survives_trouble: ClassVar[bool] = True
    """Whether `disturb` can make something go wrong, after which the source is followed again."""
    tells_history: ClassVar[bool] = True
    """Whether a watch also tells of what was there, or happened, before it began."""
    tells_values: ClassVar[bool] = True
    """Whether a value is what it was when it was told. Off for one that is read when its item is processed, as files
    are: then nobody can say whether an item has gone back."""

    capabilities: ClassVar[tuple[str, ...]] = (
        "deletes",
        "distinguishes_empty",
        "refuses_second_watcher",
        "survives_trouble",
        "tells_history",
        "tells_values",
    )

    # -- hooks -----------------------------------------------------------------------------------------------------

    def make(self) -> Any:
        """A new object that follows the system which `open` put in place. May be async. Called again for a restart."""
        raise NotImplementedError(f"{type(self).__name__} needs make(): return the source to be tested")

    def put(self, key: Any, value: Any) -> Any:
        """Give a key of the system this value, whether it is there or not. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs put(key, value): change the system as others do")

    def delete(self, key: Any) -> Any:
        """Remove a key of the system; one that is not there is no error. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs delete(key), or deletes = False")

    def disturb(self) -> Any:
        """Have what follows the system now lose its connection, once; what is made later works. May be async."""
        raise NotImplementedError(f"{type(self).__name__} needs disturb(), or survives_trouble = False")

    def plain(self, value: Any) -> Any:
        """What `put` was given, from a value that the source told. May be async, and read what the value leads to."""
        return value

    def keys(self) -> Sequence[Any]:
        """At least five keys that the system may have, as the source tells them."""
        return ("alpha", "Beta", "gamma delta", "größe", "9")

    def value(self, number: int) -> Any:
        """A value that `put` takes, another one for each number."""
        return f"value {number}"

    def empty_value(self) -> Any:
        """A value that is easily taken for none."""
        return ""

    def subscriber(self, stage: Stage, items: Items, source: Any, *, is_live: bool) -> ItemSubscriber:
        """What `watch` gets."""
        return ItemSubscriber(stage, items, is_live=is_live)

    # -- checks ----------------------------------------------------------------------------------------------------

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
            stage.let_quiet()
            watch.check_goes_on()
            said = watch.subscriber.ready_count
            if said != 1:
                stage.broken(
                    f"watch() said mark_ready() {said} times, though nothing went wrong",
                    "call mark_ready() once, when what was there at the beginning is processed",
                )
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

    @claim("LIV-34", "FEED-09", needs="survives_trouble")
    def test_trouble_is_outlived_or_let_out(self, stage: Stage) -> None:
        """What happened while a connection was lost arrives, from the same watch or, if that raised, from the next."""
        source = Source(stage, self)
        source.fill()
        watch = source.follow()
        for number in range(2):
            stage.note("the connection is lost")
            stage.call("disturb")
            if not self.tells_history:
                stage.let_quiet()
            source.put(self.keys()[number])
            source.delete(self.keys()[2])
            source.put(self.keys()[3 + number])
            stage.until(lambda: source.items.rows == source.history.current() or watch.done)  # noqa: B023  at once
            stage.let_quiet()
            if watch.done and watch.error is not None:
                watch.check_nothing_left()
                watch = source.follow(watch.source)
            if not self.tells_history:
                for key in self.keys():
                    source.put(key)
            source.check_converges(watch, BEGIN_ANEW)
        watch.cancel()

    @claim("FEED-08", "LIV-35", needs="survives_trouble")
    def test_trouble_while_it_starts_is_outlived_or_let_out(self, stage: Stage) -> None:
        """A connection that is lost before the first item is processed loses nothing, and nobody is ready too early."""
        source = Source(stage, self)
        source.fill()

        async def disturb() -> None:
            stage.note("the connection is lost")
            await stage.call_inside("disturb")

        watch = source.watch(at=dict.fromkeys(("item scanned", "told"), disturb))
        stage.until(lambda: watch.done or watch.subscriber.ready_count)
        source.put(self.keys()[0])
        stage.let_quiet()
        stage.check("ready")
        if watch.done and watch.error is not None:
            watch.check_nothing_left()
            watch = source.follow(watch.source)
        if not self.tells_history:
            stage.let_quiet()
            for key in self.keys():
                source.put(key)
        source.check_converges(watch, BEGIN_ANEW)
        watch.cancel()

    @claim("FEED-04", "FEED-06", needs="tells_history")
    def test_what_happened_while_nobody_watched_arrives(self, stage: Stage) -> None:
        """A process that is killed, and started again later, catches up with what changed meanwhile."""
        source = Source(stage, self)
        source.fill()
        source.follow()
        source.check_converges()
        stage.crash()
        source.put(self.keys()[0])
        source.delete(self.keys()[1])
        source.put(self.keys()[3])
        watch = source.follow(is_live=False)
        watch.check_ended()
        missed = (
            "before mark_ready(), process what changed since the last run, deletions, too: a view by update_all(); a"
            " feed by going on where it was, or by comparing what there is with the keys that it told of, which it"
            " keeps by write_committed_state()"
        )
        source.check_converges(fix=missed)
        stage.check("ready")
        stage.crash()
        stage.let(stage.delay_s(1.0))
        watch = source.follow()
        source.put(self.keys()[4])
        source.check_converges(watch)
        watch.cancel()

    @claim("FEED-04", "FEED-06", "FEED-12", "LIV-51", needs="tells_history")
    def test_a_pipeline_over_it_converges(self, stage: Stage) -> None:
        """With the engine around it: in a live update, in a catch-up, and when its process was killed meanwhile."""
        source, mirror = Source(stage, self), Mirror(stage)
        pipeline = Pipeline(stage, mirror.main, mirror.handler)
        source.fill()
        before = stage.tasks()
        pipeline.start()
        churn = source.churn_later(2.0, 6)
        _check_mirrored(source, mirror, pipeline, "ready", lambda: pipeline.is_ready)
        stage.until(churn.done)
        _check_mirrored(source, mirror, pipeline, "in a live update")
        pipeline.stop()
        if not stage.until(lambda: not stage.tasks() - before, _GRACE_S):
            stage.broken(
                f"{_GRACE_S:g} s after the update was stopped, {len(stage.tasks() - before)} tasks go on",
                "end with watch() everything that it starts, and let CancelledError out of it",
            )
        source.put(self.keys()[0])
        source.delete(self.keys()[1])
        pipeline.update()
        _check_mirrored(source, mirror, None, "after a catch-up update")
        done = mirror.actions
        pipeline.update()
        if mirror.actions != done:
            stage.broken(
                f"an update after which nothing had changed changed {mirror.actions - done} rows of the target",
                "tell the same values under the same keys when nothing has changed",
            )
        pipeline.start()
        source.put(self.keys()[2])
        stage.let(stage.delay_s(0.5))
        stage.crash()
        source.put(self.keys()[3])
        source.delete(self.keys()[2])
        pipeline.start()
        _check_mirrored(source, mirror, pipeline, "in a live update after the process was killed")
        pipeline.stop()
        pipeline.close()


def _check_mirrored(
    source: Source,
    mirror: Mirror,
    pipeline: Pipeline | None,
    when: str,
    condition: Callable[[], object] | None = None,
) -> None:
    """The condition comes about, or else that the mirror has what the source has, and keeps it."""
    stage = source.stage

    def mirrored() -> bool:
        return mirror.rows == source.history.current()

    def ended() -> bool:
        return pipeline is not None and pipeline.error is not None

    stage.until(lambda: ended() or (condition or mirrored)())
    if condition is None:
        stage.let_quiet()
    if pipeline is not None and (error := pipeline.error) is not None:
        stage.broken(
            f"{when}: the update ended with {type(error).__name__}: {error}",
            "have watch() go on, and report what may go better the next time",
            traceback_lines(error),
        )
    if condition is not None:
        if not condition():
            stage.broken(f"the update is not {when} after {source.subject.within_s:g} s", "call mark_ready()")
    elif not mirrored():
        lines = difference(source.history.current(), mirror.rows)
        stage.broken(
            f"{when}, a pipeline over it has not what the source has",
            "follow the lines below to the first change that went wrong",
            ["the source (-) and the target (+):", *lines],
        )
