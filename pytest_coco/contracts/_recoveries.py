"""Checks of views and feeds: lost connections, killed processes, and the engine around it all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ._broken import traceback_lines
from ._contract import claim
from ._history import difference
from ._hooks import LiveMapHooks
from ._pipeline import Mirror, Pipeline
from ._source import Source
from ._stage import Stage

__all__ = ["RecoveryChecks"]

BEGIN_ANEW: Final = (
    "when a connection is lost, begin anew: listen first, and then read everything again, or go on from the last change"
    " that is finished; what was on its way is lost"
)
"""What loses no change with a connection."""

_GRACE_S: Final = 10.0


class RecoveryChecks(LiveMapHooks):
    """What a source makes of trouble."""

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
