"""The usual way of what a component declared: stored as possible, applied, stored as settled, in one go."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..ports import Write
from ._sink import Handlers
from ._submit import Submission
from ._targets import TargetActionSink

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Passage", "only_sink"]


def only_sink(submission: Submission) -> TargetActionSink[Any] | None:
    """The sink of a submission that calls one, once, and for which there are no rows to resolve; else None."""
    planned = submission.planned
    if not planned or submission.is_preview:
        return None
    sink = planned[0].output.sink
    if sink.takes_slots:
        return None
    for one in planned:
        if one.child is not None or (one.output.sink is not sink and one.output.sink != sink):
            return None
    return sink


class Passage:
    """One submission on its way through two commits and the sink between them.

    What would be three turns of the loop for its component is one: each stage begins the next one where it ends, as a
    callback. So those that are in a commit together are in the next stage together, too.
    """

    __slots__ = ("_done", "_queue", "_run", "_settle", "_submission")

    def __init__(
        self, run: Run, submission: Submission, sink: TargetActionSink[Any], settle: Callable[[], list[Write]]
    ) -> None:
        self._run = run
        self._submission = submission
        self._queue = run.sink_queue(sink)  # here, where the context is that of a component
        self._settle = settle  # what to store once the sink has returned
        self._done: asyncio.Future[None] = run.loop.create_future()

    def begin(self, possible: list[Write]) -> asyncio.Future[None]:
        """Store these, and go on from there; the future is done when all is settled, or raises what went wrong."""
        self._submission.claim()
        if possible:
            self._run.committer.commit_then(possible, self._pre_committed)
        else:
            self._pre_committed(None)
        return self._done

    # The component may have been cancelled at any of these moments: then what comes next is left out.

    def _pre_committed(self, error: BaseException | None) -> None:
        if self._done.done():
            return
        if error is not None:
            self._done.set_exception(error)
            return
        submission = self._submission
        submission.tell_pre_committed()
        actions = [planned.output.action for planned in submission.planned]
        self._queue.hand_over(submission.path, actions, (), self._applied)

    def _applied(self, outcome: Handlers | BaseException) -> None:
        if self._done.done():
            return
        if isinstance(outcome, BaseException):
            self._done.set_exception(outcome)
            return
        try:
            writes = self._settle()
        except Exception as error:
            self._done.set_exception(error)
            return
        if writes:
            self._run.committer.commit_then(writes, self._committed)
        else:
            self._committed(None)

    def _committed(self, error: BaseException | None) -> None:
        if self._done.done():
            return
        if error is not None:
            self._done.set_exception(error)
        else:
            self._done.set_result(None)
