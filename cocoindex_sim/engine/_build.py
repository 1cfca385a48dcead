"""One run of one component: memo, body, children, submit, removal of what is gone, readiness (DUR-01)."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from contextvars import copy_context
from types import MethodType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec.structs import replace

from ..ports import ComponentMemo, ComponentRecord, RecordKey, StateRecord, StoredValue, Write
from ..values import (
    Committed,
    ComponentFailed,
    ComponentReady,
    ComponentReused,
    ComponentStarted,
)
from ._blocking import run_blocking
from ._codec import decode_value, encode_value
from ._collect import keepers_of_rows, remove_components, stale_below, tombstones_for
from ._component import Component, ComponentContext, Phase, _current
from ._context_state import StoredStates
from ._deadline import in_time
from ._dependencies import hold
from ._exceptions import is_passed_over, no_handlers, report_failure
from ._fingerprint import StateFunction
from ._function import AsyncFunction, BoundFunction, CallKey, Function
from ._memo_state import check_states, initial_states
from ._outcome import Outcome
from ._propagate import pass_on
from ._submit import Submission
from ._use_state import state_to_store

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Invocation", "build", "invocation_of"]


class Invocation(NamedTuple):
    """What a component runs: the body, its arguments, the decorated function around it, if any, and its memo key."""

    target: Any
    function: Function[..., Any] | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    key: CallKey | None = None

    @property
    def processor(self) -> str:
        """The name it has in statistics and errors."""
        name: str = self.target.__qualname__
        return name


_BOUND: Final = (MethodType, BoundFunction)


def invocation_of(target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Invocation:
    """Take apart what was mounted: a decorated function, a bound method of one, or any callable.

    Raises what making the memo key raises: TypeError if an argument can't be part of one (MEM-08).
    """
    if not isinstance(target, Function) and isinstance(target, _BOUND) and isinstance(target.__func__, Function):
        target, args = target.__func__, (target.__self__, *args)
    if not isinstance(target, Function):
        return Invocation(target, None, args, kwargs)
    return Invocation(target, target, args, kwargs, target.call_key(args, kwargs) if target.memo else None)


async def build(component: Component, invocation: Invocation) -> Outcome[Any]:
    """Run a component to its end. Never raises: whoever waits for it decides what its failure means."""
    run = component.run
    component.stats.started(component.processor)
    try:
        value = await _build(component, invocation)
    except GeneratorExit:
        raise
    except BaseException as error:
        component.phase = Phase.FAILED
        component.cycle.went_wrong = True
        run.failed.add(component.path.encoded)
        if is_passed_over(error):
            component.stats.unchanged(component.processor)
        elif not isinstance(error, asyncio.CancelledError):
            component.stats.failed(component.processor)
            if run.observed:
                run.emit(ComponentFailed(component.path, repr(error)))
        return Outcome(None, error)
    run.failed.discard(component.path.encoded)
    if run.observed:
        run.emit(ComponentReady(component.path))
    return Outcome(value, None)


async def _build(component: Component, invocation: Invocation) -> Any:
    run, function = component.run, invocation.function
    record = run.component(component.path)
    component.record = record
    memo: _MemoKey | None = None
    if function is not None:
        component.collector = function.new_collector(None)
        if invocation.key is not None:
            memo = _MemoKey(invocation.key.fingerprint, invocation.key.states)
            stored = await _reusable(component, record, memo)
            if stored is not None:
                return _reuse(component, function, stored)
    if record is not None and record.memo is not None and not (run.full_reprocess and _is_of(record.memo, memo)):
        component.record = record = replace(record, memo=None)  # FN-15
        run.committer.enqueue([(RecordKey("component", component.path), record)])
    component.enter(Phase.RUNNING)
    if run.observed:
        run.emit(ComponentStarted(component.path, component.processor, None if memo is None else True))
    value = await _run_body(component, invocation)
    if component.broken_by is not None:
        path, error = component.broken_by
        how = f"live component {path} raised {type(error).__name__}: {error}"
        raise RuntimeError(f"Child component build cancelled: {how}") from error
    new_memo = None
    if memo is not None and function is not None:
        known = memo.known if memo.known is not None else await initial_states(memo.states)
        await component.children_done()  # those that late tasks mounted meanwhile
        new_memo = ComponentMemo(memo.fingerprint, encode_value(value), component.collector.freeze(), known)
    component.enter(Phase.SUBMITTING)
    await _submit(component, new_memo)
    return value


def _is_of(stored: ComponentMemo, memo: _MemoKey | None) -> bool:
    return memo is not None and stored.fingerprint == memo.fingerprint


class _MemoKey:
    __slots__ = ("fingerprint", "known", "states")

    def __init__(self, fingerprint: bytes, states: list[StateFunction]) -> None:
        self.fingerprint = fingerprint
        self.states = states
        self.known: tuple[StoredValue, ...] | None = None  # states that a failed check says to store


async def _reusable(component: Component, record: ComponentRecord | None, memo: _MemoKey) -> ComponentMemo | None:
    """The stored result with the states to store with it, unless something it was made with has changed."""
    run = component.run
    if record is None or record.memo is None or run.full_reprocess or component.path.encoded in run.marked:
        return None
    stored = record.memo
    if stored.fingerprint != memo.fingerprint or not hold(stored.dependencies, run):
        return None
    if record.in_doubt or record.left:
        if not run.is_settled(component.path):
            return None
        record = replace(record, in_doubt=False, left=())
        run.committer.enqueue([(RecordKey("component", component.path), record)])
    asked = StoredStates(memo.states, stored.states, stored.dependencies, run.context_provider)
    if asked.functions:
        _current.set(ComponentContext(component, component.collector))  # they may use the context (MEM-23)
    check = await check_states(asked.functions, asked.stored)
    if asked.to_recollect(check):
        raise ValueError(f"component {component.path}: recollect_after_run is for inline calls, not for components")
    states, dependencies = asked.answered(check)
    if not check.valid:
        memo.known = states
        return None
    if states != stored.states or dependencies != stored.dependencies:
        stored = replace(stored, states=states, dependencies=dependencies)
        run.committer.enqueue([(RecordKey("component", component.path), replace(record, memo=stored))])
    return stored


def _reuse(component: Component, function: Function[..., Any], stored: ComponentMemo) -> Any:
    run = component.run
    value = decode_value(stored.value, function.return_type)
    component.collector.absorb_stored(stored.dependencies)
    if stored.dependencies.propagated:
        pass_on(stored.dependencies.propagated, component.collector, component)
    component.enter(Phase.REUSED)
    component.cycle.finished.add(component.path.encoded)
    component.stats.unchanged(component.processor)
    if run.observed:
        run.emit(ComponentReused(component.path, component.processor))
    return value


async def _run_body(component: Component, invocation: Invocation) -> Any:
    """The body, then all children; when the body raises, the children still finish (CMP-12, CMP-13)."""
    _current.set(ComponentContext(component, component.collector))  # this task belongs to the component alone
    no_handlers()
    closing = False
    try:
        return in_time(await _call_body(component.run, invocation))
    except GeneratorExit:
        closing = True  # the loop is gone, and with it the children
        raise
    finally:
        if not closing:
            component.enter(Phase.WAITING)
            await component.children_done()


async def _call_body(run: Run, invocation: Invocation) -> Any:
    target, args, kwargs = invocation.target, invocation.args, invocation.kwargs
    if isinstance(target, AsyncFunction):
        return await target.run_body(args, kwargs)
    body: Callable[..., Any] = target.body if isinstance(target, Function) else target
    if inspect.iscoroutinefunction(body):
        return await body(*args, **kwargs)
    result = await run_blocking(run.loop, copy_context(), functools.partial(body, *args, **kwargs))
    return await result if inspect.isawaitable(result) else result


async def _submit(component: Component, memo: ComponentMemo | None) -> None:
    run, cycle, path, old = component.run, component.cycle, component.path, component.record
    carried = _carried(component)
    before = (*old.targets, *old.left) if old is not None else ()
    gone = sorted(key for key in before if key not in component.declared and key not in carried)
    if run.live:
        await run.stop_unmounted(component)
    stale = stale_below(component) if run.has_history else []
    state = state_to_store(component)  # before the sinks, which may be the last to see a value that can't be stored
    submission = Submission(cycle, path)
    try:
        await submission.wait_for_claims([*component.declared, *gone])
        submission.plan_declared(component.declared)
        submission.plan_removed(gone, reprocess=run.full_reprocess)
        is_in_doubt = submission.has_actions and await _pre_commit(component, submission)
        handlers = await submission.apply()
        if component.any_descendant_failed:
            memo = None
        if stale:
            cycle.late.update(keepers_of_rows(run, stale))
        if memo is not None and path.encoded in cycle.late:
            cycle.withheld[path.encoded], memo = memo, None
        record = ComponentRecord(
            component.processor,
            True,
            _ordered(submission.kept, carried),
            memo,
            path.encoded in run.doubted or path.encoded in cycle.moved,
            _has_calls(component),
            bool(component.states),
            tuple(submission.left),
        )
        if submission.left:
            cycle.leftovers.add(path.encoded)
            run.doubted.update(above.encoded for above in path.ancestors())  # they have yet to commit
        writes = [
            *submission.settled(),
            *_call_writes(component),
            *_state_writes(component, state),
            *tombstones_for(stale),
        ]
        if path.encoded in run.marked:
            run.marked.discard(path.encoded)
            run.tombstones.discard(path.encoded)
            writes.append((RecordKey("tombstone", path), None))
        if is_in_doubt or record != run.component(path):
            writes.append((RecordKey("component", path), record))
        if writes:
            await run.committer.commit(writes)
        submission.resolve_children(handlers)
    finally:
        submission.release()
    component.enter(Phase.DONE)
    cycle.finished.add(path.encoded)
    component.stats.executed(component.processor, existed=old is not None and (old.committed or old.in_doubt))
    if run.observed:
        run.emit(Committed(path))
    if stale:
        for error in await remove_components(cycle, stale, component.stats):
            await report_failure(component, error)


async def _pre_commit(component: Component, submission: Submission) -> bool:
    """Possible records, with the component's claim on them, before any sink is called. Whether there were any."""
    old, writes = component.record, submission.possible()
    if writes:
        if old is None:
            old = ComponentRecord(component.processor)
        own = (p.path.encoded for p in submission.planned if p.owner == component.path.encoded)
        targets = _ordered(old.targets, submission.kept, own)
        in_doubt = replace(old, processor=component.processor, targets=targets, in_doubt=True)
        writes.append((RecordKey("component", component.path), in_doubt))
        if component.run.full_reprocess and component.parent is not None:  # memos above are still there
            writes.extend(submission.doubt(component.parent.path))
    await submission.pre_commit(writes)
    return bool(writes)


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


def _state_writes(component: Component, state: StateRecord | None) -> list[Write]:
    if state is None and (component.record is None or not component.record.has_state):
        return []
    return [(RecordKey("state", component.path), state)]


def _ordered(*groups: Any) -> tuple[bytes, ...]:
    keys: set[bytes] = set()
    for group in groups:
        keys.update(group)
    return tuple(sorted(keys))
