"""One `watch()` of a source, as a task that a check can end, and end at any of its awaits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final

from ._broken import traceback_lines
from ._stage import Stage

__all__ = ["Counted", "Watch"]

_CANCELS_MAX: Final = 40
_CANCELS_DRAWN: Final = 6
_GRACE_S: Final = 10.0


class Counted(Coroutine[Any, Any, Any]):
    """A coroutine that counts its awaits, and calls `reached` when it is suspended at the one with number `at`."""

    def __init__(self, inner: Any, at: int, reached: Callable[[], object]) -> None:
        self._inner = inner
        self._at = at
        self._reached = reached
        self.count = 0

    def send(self, value: Any) -> Any:
        return self._suspended(self._inner.send(value))

    def throw(self, *error: Any) -> Any:
        return self._suspended(self._inner.throw(*error))

    def _suspended(self, awaited: Any) -> Any:
        self.count += 1
        if self.count == self._at:
            self._reached()
        return awaited

    def close(self) -> None:
        self._inner.close()

    def __await__(self) -> Any:
        return self._inner.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class Watch:
    """A running `source.watch(subscriber)`. `cancel_at`: it is cancelled at its await of that number, from 1."""

    def __init__(self, stage: Stage, source: Any, subscriber: Any, *, cancel_at: int = 0) -> None:
        self._stage = stage
        self.subscriber = subscriber
        self.source = source
        self._before = stage.tasks()
        self._counted: Counted | None = None

        self.task: asyncio.Task[Any]
        subscriber.watch = self

        async def begin() -> None:
            self._counted = Counted(self._watch(), cancel_at, self._reached)
            self.task = asyncio.get_running_loop().create_task(self._counted, name="watch")
            self.task.add_done_callback(lambda _: stage.note(f"watch() has ended{self._how()}"))

        stage.run(begin())

    async def _watch(self) -> None:
        self._stage.note("watch() begins")
        await self.source.watch(self.subscriber)

    def _reached(self) -> None:
        asyncio.get_running_loop().call_soon(self.task.cancel)

    def _how(self) -> str:
        if self.task.cancelled():
            return ", cancelled"
        error = self.task.exception()
        return "" if error is None else f" with {error!r}"

    @property
    def awaits(self) -> int:
        """At how many awaits it was suspended."""
        return 0 if self._counted is None else self._counted.count

    @property
    def done(self) -> bool:
        """Whether it has ended."""
        return self.task.done()

    @property
    def error(self) -> BaseException | None:
        """What it raised; a CancelledError if it was cancelled; None while it runs, and if it returned."""
        if not self.task.done():
            return None
        return asyncio.CancelledError() if self.task.cancelled() else self.task.exception()

    def check_goes_on(self) -> None:
        """A live watch of a source that goes on goes on, too."""
        if not self.task.done():
            return
        error = self.error
        if error is None:
            self._stage.broken(
                "watch() returned, though the source goes on",
                "go on in watch() for as long as there may be changes: a return says that there will be none; let an"
                " error out, or report it with subscriber.report_exception() and try again",
            )
        self._stage.broken(
            f"watch() raised {type(error).__name__}: {error}",
            "mend this, or where it may go better the next time report it with subscriber.report_exception() and try"
            " again",
            traceback_lines(error),
        )

    def check_becomes_ready(self, fix: str) -> None:
        """It says that it is ready, in time. `fix`: what to do if it does not."""
        stage, subscriber = self._stage, self.subscriber
        is_ready = stage.until(lambda: subscriber.ready_count or self.done)
        if not subscriber.ready_count:
            self.check_goes_on()
        if not is_ready:
            stage.broken(f"watch() has not said mark_ready() after {stage.subject.within_s:g} s", fix)

    def check_says_ready_once(self, moment: str) -> None:
        """It goes on, and has said once that it is ready. `moment`: when it should have."""
        self._stage.let_quiet()
        self.check_goes_on()
        if (said := self.subscriber.ready_count) != 1:
            self._stage.broken(
                f"watch() said mark_ready() {said} times, though nothing went wrong",
                f"call mark_ready() once, {moment}",
            )

    def check_refused(self) -> None:
        """A watch of an object that is being watched raises a RuntimeError."""
        self._stage.until(lambda: self.done)
        if not isinstance(self.error, RuntimeError):
            how = "goes on" if not self.done else f"ended with {self.error!r}"
            self._stage.broken(
                f"a second watch() of the same object, at the same time, {how}",
                "have the body of watch() in `with SingleWatcherGuard(...)`, of cocoindex.connectorkits, which raises"
                " a RuntimeError for the second",
            )

    def places_to_cancel_at(self) -> Sequence[int]:
        """The numbers of awaits that one like it may be cancelled at: those of this one, or some that are drawn."""
        stage = self._stage
        every = range(1, min(max(self.awaits, 1), _CANCELS_MAX) + 1)
        return every if stage.in_order else sorted(stage.rng.sample(every, min(len(every), _CANCELS_DRAWN)))

    def check_ends_at(self, at: int, within_s: float | None = None) -> None:
        """It was begun to be cancelled at its await number `at`, and ends; also if it has no such await."""
        self._stage.note(f"watch() is to be cancelled at its await number {at}")
        if not self._stage.until(lambda: self.done, within_s):
            self.cancel()
        self.check_ended()

    def cancel(self) -> None:
        """Cancel it as the engine does, and have nothing of it left."""
        if not self.task.done():
            self._stage.note("watch() is cancelled")
            self.task.cancel()
        self.check_ended()

    def check_ended(self) -> None:
        """A watch that was cancelled has ended, soon, and so has all that it started."""
        stage = self._stage
        self.subscriber.is_closed = True
        if not stage.until(self.task.done, _GRACE_S):
            stage.broken(
                f"watch() goes on {_GRACE_S:g} s after it was cancelled",
                "let CancelledError out of watch(): catch Exception, not BaseException, and don't go on after it",
            )
        error = self.error
        if error is not None and not isinstance(error, asyncio.CancelledError):
            stage.broken(
                f"watch() raised {type(error).__name__}: {error} when it was cancelled",
                "let CancelledError out of watch() as it is, and have the clean-up in `finally` not fail",
                traceback_lines(error),
            )
        self.check_nothing_left()

    def check_nothing_left(self) -> None:
        """It has ended, and so has every task that it started."""
        stage = self._stage
        if not stage.until(lambda: not (stage.tasks() - self._before - {self.task}), 1.0):
            left = sorted(task.get_name() for task in stage.tasks() - self._before)
            stage.broken(
                f"watch() has ended and leaves {len(left)} tasks behind: {', '.join(left)}",
                "end every task that watch() starts before it returns or raises: with asyncio.TaskGroup, or by"
                " cancelling them in `finally`",
            )
