"""Performs a story although things go wrong in it by themselves: as operators do who restart what died, and go on.

No expectation of the story is judged, for it was written for a run in which nothing goes wrong; oracles judge the end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from ..values import DeadlockError, LimitError
from ._perform import Performance
from ._place import Place
from ._story import Advance, Call, Crash, Drop, Expect, Hold, Ready, Start, Step, Stop, Story, Update

if TYPE_CHECKING:
    from ._world import World

__all__ = ["perform_supervised"]

_PATIENCE: Final = timedelta(minutes=1)


def perform_supervised(
    story: Story,
    world: World,
    *,
    changed: Callable[[], object] = lambda: None,
    begins: Callable[[], object] = lambda: None,
    ending: Callable[[], object] = lambda: None,
) -> None:
    """Perform `story` on a `world` with hazards, in which nothing has happened yet. The world stays open.

    An error of an update is noted and the story goes on. A process that dies is restarted, and does again what it was
    doing. `changed` and `begins` are called as by `perform`.

    Raises: ExpectationFailed when an update can't end any more, exceeds a limit, or runs into a fence.
    """
    _Supervision(story, world, changed, begins, ending).run()


class _Supervision(Performance):
    def _refuse_error(self) -> None:
        error, self._error = self._error, None
        if error is None or self._world.killed:
            return
        if isinstance(error, DeadlockError | LimitError):
            place = self._story.place if self._error_step is None else self._error_step.place
            raise self._unexpected(self._named(error), error, place) from error
        self._world.trace.note(f"the story goes on after {self._named(error)}")

    def _guard(self, action: Callable[[], object], fact: str, place: Place) -> None:
        try:
            action()
        except Exception as error:
            self._error, self._error_step = error, None
            self._refuse_error()

    def _hold(self, step: Hold) -> None:
        with suppress(DeadlockError, LimitError):  # what went wrong may keep the moment from coming
            super()._hold(step)

    def _take(self, step: Step) -> None:
        world, started, began_ns = self._world, self._started, self._world.loop.now_ns
        if isinstance(step, Crash):
            self._crash(step)
            return
        self._take_part(step)
        if not world.killed:
            return
        if isinstance(step, Call):  # what it did was before the restart, and nobody is told of it but by this
            self._changed()
        world.crash()
        world.restart()
        if isinstance(step, Stop):
            return  # it has stopped
        if isinstance(step, Drop):
            self._started = None
        elif started is not None:
            world.start(full_reprocess=started.full_reprocess, live=started.live)
            self._started = started
            self._guard(world.settle, "", step.place)  # what has not begun yet can't be stopped
        if isinstance(step, Advance):
            passed = timedelta(microseconds=(world.loop.now_ns - began_ns) // 1_000)
            self._take(replace(step, duration=max(step.duration - passed, timedelta(0))))
        elif isinstance(step, Update | Drop | Ready | Expect):
            self._take(step)

    def _take_part(self, step: Step) -> None:
        if isinstance(step, Ready | Update | Drop):
            # The story lets these come about before it releases; what went wrong may need what it holds back.
            self._world.external.release()
        if isinstance(step, Expect):
            self._look(step)
        elif isinstance(step, Ready):
            self._guard(self._world.wait_ready, "", step.place)
        elif isinstance(step, Start):
            self._guard(lambda: super(_Supervision, self)._take(step), "", step.place)
        else:
            super()._take(step)
        self._refuse_error()

    def _look(self, step: Expect) -> None:
        started = self._started
        if started is None:
            return
        if not started.live and step.terminates is not False:
            self._attempt(started, self._world.finish)
        elif step.terminates:  # unless what went wrong keeps it alive, which nobody can know
            self._guard(lambda: self._world.advance(_PATIENCE), "", step.place)
        else:
            self._guard(self._world.settle, "", step.place)

    def _end(self) -> None:
        if self._started is not None:
            live = self._started.live and self._world.running
            if live:
                self._ending()
            end = Stop(self._story.place) if live else Expect(self._story.place, terminates=True)
            self._take(end)
        self._refuse_fences()
