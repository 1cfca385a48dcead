"""What a component declared, on its way: stored as possible, applied, stored as settled (DUR-01)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, Final, TypeAlias

from msgspec.structs import replace

from ..ports import ComponentMemo, ComponentRecord, RecordKey, Write
from ..values import Committed, ComponentFailed, ComponentReady
from ._collect import keepers_of_rows, remove_components, stale_below, tombstones_for
from ._component import Component, Phase
from ._exceptions import is_passed_over, report_failure
from ._outcome import NOTHING, Outcome, tell
from ._sink import Handlers, SinkQueue
from ._submit import Submission
from ._targets import TargetActionSink
from ._use_state import state_to_store

__all__ = ["UNDER_WAY", "Over", "Passage", "ended_badly", "ended_well", "submit"]

Over: TypeAlias = Callable[[Outcome[Any]], object]
"""Called once with what came of a component. It must not raise."""

UNDER_WAY: Final = object()
"""In the place of a value: there is none yet, and an `Over` will be called."""

_NO_KEYS: Final = frozenset[bytes]()


def ended_well(component: Component, value: Any) -> Outcome[Any]:
    """A component, and everything below it, is done."""
    run = component.run
    if run.failed:
        run.failed.discard(component.path.encoded)
    if run.observers:
        run.emit(ComponentReady(component.path))
    return NOTHING if value is None else Outcome(value, None)


def ended_badly(component: Component, error: BaseException) -> Outcome[Any]:
    """A component has failed, or was cancelled."""
    run = component.run
    component.phase = Phase.FAILED
    component.cycle.went_wrong = True
    run.failed.add(component.path.encoded)
    if is_passed_over(error):
        component.stats.unchanged(component.processor)
    elif not isinstance(error, asyncio.CancelledError):
        component.stats.failed(component.processor)
        if run.observers:
            run.emit(ComponentFailed(component.path, repr(error)))
    return Outcome(None, error)


async def submit(component: Component, value: Any, memo: ComponentMemo | None, over: Over | None) -> Any:
    """Bring about what a component declared, and remember it with the memo of its value. Gives the value.

    With `over` it may give UNDER_WAY instead, and call that with the outcome later.
    """
    run, old = component.run, component.record
    declared = component.declared
    if run.live:
        await run.stop_unmounted(component)
    passage = Passage(component, memo)
    submission, carried = passage.submission, passage.carried
    gone: list[bytes] = []
    if old is not None and (old.targets or old.left):
        gone = sorted(key for key in (*old.targets, *old.left) if key not in declared and key not in carried)
    try:
        if run.submitting and submission.meets_claims(declared, gone):
            await submission.wait_for_claims([*declared, *gone])
        submission.plan_declared(declared)
        if gone:
            submission.plan_removed(gone, reprocess=run.full_reprocess)
        sink = _only_sink(submission)
        if submission.has_actions and sink is None:
            await submission.pre_commit(passage.possible())
            handlers = await submission.apply()
            if writes := passage.settle():
                await run.committer.commit(writes)
            submission.resolve_children(handlers)
            passage.end(None)
        elif over is not None and not passage.stale:
            passage.begin(sink, partial(_over, component, value, over))
            return UNDER_WAY
        else:
            await passage.go(sink)
    except BaseException as error:
        passage.end(error)
        raise
    if passage.stale:
        for failure in await remove_components(component.cycle, passage.stale, component.stats):
            await report_failure(component, failure)
    return value


def _over(component: Component, value: Any, over: Over, error: BaseException | None) -> None:
    over(ended_well(component, value) if error is None else ended_badly(component, error))


def _only_sink(submission: Submission) -> TargetActionSink[Any] | None:
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
    """One component on its way through two commits and the sink between them.

    What would be three turns of the loop for its component is none: each stage begins the next one where it ends, as a
    callback. So those that are in a commit together are in the next stage together, too.
    """

    __slots__ = (
        "_component",
        "_is_in_doubt",
        "_is_over",
        "_memo",
        "_over",
        "_queue",
        "_run",
        "_state",
        "carried",
        "stale",
        "submission",
    )

    def __init__(self, component: Component, memo: ComponentMemo | None) -> None:
        run = component.run
        self._component = component
        self._run = run
        self._memo = memo
        self._is_in_doubt = False
        self._is_over = False
        self._over: Callable[[BaseException | None], object] | None = None
        self._queue: SinkQueue | None = None
        self.carried: Collection[bytes] = _carried(component) if component.collector.targets else _NO_KEYS
        self.stale = stale_below(component) if run.has_history else []
        # Before the sinks, which may be the last to see a value that can't be stored.
        self._state = state_to_store(component) if component.states else None
        self.submission = Submission(component.cycle, component.path)

    async def go(self, sink: TargetActionSink[Any] | None) -> None:
        """All the way, while a task waits; raises what went wrong."""
        ended: asyncio.Future[None] = self._run.loop.create_future()
        self.begin(sink, partial(tell, ended))
        await ended

    def begin(self, sink: TargetActionSink[Any] | None, over: Callable[[BaseException | None], object]) -> None:
        """Go, through this sink or without any; `over` is called once, with what went wrong or None."""
        self._over = over
        if sink is None:
            self._settle_now()
            return
        self._queue = self._run.sink_queue(sink)  # here, where the context is that of a component
        possible = self.possible()
        self.submission.claim()
        if possible:
            self._run.committer.commit_then(possible, self._pre_committed)
        else:
            self._pre_committed(None)

    # Whoever waits may have been cancelled at any of these moments, or the run: then what comes next is left out.

    def _pre_committed(self, error: BaseException | None) -> None:
        if self._is_over:
            return
        if error is not None or self._run.interrupted:
            self.end(error or asyncio.CancelledError())
            return
        submission, queue = self.submission, self._queue
        assert queue is not None
        if self._run.observers:
            submission.tell_pre_committed()
        actions = [planned.output.action for planned in submission.planned]
        queue.hand_over(submission.path, actions, (), self._applied)

    def _applied(self, outcome: Handlers | BaseException) -> None:
        if self._is_over:
            return
        if isinstance(outcome, BaseException):
            self.end(outcome)
        else:
            self._settle_now()

    def _settle_now(self) -> None:
        try:
            writes = self.settle()
        except Exception as error:
            self.end(error)
            return
        if writes:
            self._run.committer.commit_then(writes, self.end)
        else:
            self.end(None)

    def end(self, error: BaseException | None) -> None:
        """It is over, one way or the other. What comes after is ignored."""
        if self._is_over:
            return
        self._is_over = True
        self.submission.release()
        if error is None:
            component, run, old = self._component, self._run, self._component.record
            component.enter(Phase.DONE)
            component.cycle.finished.add(component.path.encoded)
            existed = old is not None and (old.committed or old.in_doubt)
            component.stats.executed(component.processor, existed=existed)
            if run.observers:
                run.emit(Committed(component.path))
        if self._over is not None:
            self._over(error)

    def possible(self) -> list[Write]:
        """Possible records, with the component's claim on them, to store before any sink is called."""
        component, submission = self._component, self.submission
        old, writes = component.record, submission.possible()
        if writes:
            self._is_in_doubt = True
            encoded, kept = component.path.encoded, submission.kept
            own = [planned.path.encoded for planned in submission.planned if planned.owner == encoded]
            more = kept if kept != own else ()
            if old is None:
                in_doubt = ComponentRecord(component.processor, targets=_ordered(own, more), in_doubt=True)
            else:
                targets = _ordered(own, old.targets, more)
                in_doubt = replace(old, processor=component.processor, targets=targets, in_doubt=True)
            writes.append((RecordKey("component", component.path), in_doubt))
            if component.run.full_reprocess and component.parent is not None:  # memos above are still there
                writes.extend(submission.doubt(component.parent.path))
        return writes

    def settle(self) -> list[Write]:
        """What is to be stored once the sinks have returned."""
        component, submission, memo, stale = self._component, self.submission, self._memo, self.stale
        run, cycle, path, old = component.run, component.cycle, component.path, component.record
        encoded = path.encoded
        if component.any_descendant_failed:
            memo = None
        if stale:
            cycle.late.update(keepers_of_rows(run, stale))
        if memo is not None and encoded in cycle.late:
            cycle.withheld[encoded], memo = memo, None
        record = ComponentRecord(
            component.processor,
            True,
            _ordered(submission.kept, self.carried),
            memo,
            encoded in run.doubted or encoded in cycle.moved,
            bool(component.calls) and _has_calls(component),
            bool(component.states),
            tuple(submission.left),
        )
        if submission.left:
            cycle.leftovers.add(encoded)
            run.doubted.update(above.encoded for above in path.ancestors())  # they have yet to commit
        writes = submission.settled()
        if component.new_calls or (old is not None and old.has_calls):
            writes += _call_writes(component)
        if self._state is not None or (old is not None and old.has_state):
            writes.append((RecordKey("state", path), self._state))
        if stale:
            writes += tombstones_for(stale)
        if encoded in run.marked:
            run.marked.discard(encoded)
            run.tombstones.discard(encoded)
            writes.append((RecordKey("tombstone", path), None))
        if self._is_in_doubt or record != run.component(path):
            writes.append((RecordKey("component", path), record))
        return writes


def _carried(component: Component) -> set[bytes]:
    """States kept alive by reused inline calls, whose bodies did not declare them again (FN-08)."""
    declared = component.declared
    return {key for key in component.collector.targets if key not in declared}


def _has_calls(component: Component) -> bool:
    return any(entry.done for entry in component.calls.values())


def _call_writes(component: Component) -> list[Write]:
    """New records of inline calls, and the end of those that this run did not use (FN-11)."""
    path = component.path
    writes: list[Write] = [(RecordKey("memo", path, call), record) for call, record in component.new_calls.items()]
    if component.record is not None and component.record.has_calls:
        used = {call for call, entry in component.calls.items() if entry.done}.union(component.collector.calls)
        stored = component.run.committer.space.scan_calls(path)
        writes.extend((RecordKey("memo", path, call), None) for call in stored if call not in used)
    return writes


def _ordered(keys: Collection[bytes], *more: Collection[bytes]) -> tuple[bytes, ...]:
    if len(keys) == 1 and not any(more):
        return tuple(keys)
    return tuple(sorted(set(keys).union(*more)))
