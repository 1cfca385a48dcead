"""One run of one component: memo, body, children, submit, removal of what is gone, readiness (DUR-01)."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from types import MethodType, NoneType
from typing import TYPE_CHECKING, Any, Final, cast

from msgspec import Struct
from msgspec.structs import replace

from ..ports import ComponentMemo, ComponentRecord, Dependencies, RecordKey, StoredValue
from ..values import (
    ComponentMounted,
    ComponentReady,
    ComponentReused,
    ComponentStarted,
    DeserializationError,
    StablePath,
)
from ._blocking import run_blocking
from ._codec import NONE_VALUE, decode_value, encode_value
from ._component import Component, ComponentContext, Phase, _current
from ._context_state import StoredStates
from ._deadline import in_time
from ._dependencies import Collector, hold
from ._exceptions import no_handlers
from ._fingerprint import StateFunction
from ._function import AsyncFunction, BoundFunction, CallKey, Function
from ._memo_state import check_states, initial_states, surely_stand
from ._outcome import NOTHING, Outcome
from ._passage import UNDER_WAY, Over, ended_badly, ended_well, submit
from ._propagate import pass_on

if TYPE_CHECKING:
    from ._run import Run

__all__ = ["Invocation", "begin_build", "build", "invocation_of", "reuse_at_once"]


class Invocation(Struct, frozen=True):
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

    def new_collector(self) -> Collector:
        """What gathers the dependencies of the component."""
        return Collector() if self.function is None else self.function.new_collector(None)


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


def reuse_at_once(context: ComponentContext, path: StablePath, invocation: Invocation) -> Outcome[Any] | None:
    """What became of a child whose memo stands, if that can be said without waiting: it takes no task of its own.

    None if it is one for `build`: its memo does not stand, or more than a look at its record is needed to know.
    """
    parent, run, function, key = context.component, context.component.run, invocation.function, invocation.key
    assert function is not None and key is not None
    if not run.has_history or run.full_reprocess or path.encoded in run.marked or path.encoded in run.live:
        return None
    record = run.component(path)
    if record is None or record.memo is None or record.in_doubt or record.left:
        return None
    stored = record.memo
    dependencies = stored.dependencies
    if (
        stored.fingerprint != key.fingerprint
        or dependencies.context_states
        or dependencies.propagated
        or not hold(dependencies, run)
    ):
        return None
    try:
        if key.states and not surely_stand(key.states, stored.states):
            return None
    except Exception:  # whatever it is, the component fails by it
        return None
    value = None
    if stored.value != NONE_VALUE or not _may_be_none(function.return_type):
        try:
            value = decode_value(stored.value, function.return_type)
        except DeserializationError:  # the component fails by it
            return None
    encoded, processor = path.encoded, invocation.processor
    if run.observers:
        run.emit(ComponentMounted(path, processor))
        run.emit(ComponentReused(path, processor))
        run.emit(ComponentReady(path))
    stats = parent.stats if context.group is None else context.group
    stats.reused(processor)
    collector = parent.collector
    if collector.takes_logic and function.logic_tracking is not None:
        collector.logic.add(function.logic)
        if function.logic_tracking == "full":
            collector.logic.update(dependencies.logic)
    if dependencies.context:
        collector.absorb_stored(Dependencies((), dependencies.context))
    collector.providers.update(dependencies.providers)
    parent.cycle.finished.add(encoded)
    if run.failed:
        run.failed.discard(encoded)
    return NOTHING if value is None else Outcome(value, None)


def _may_be_none(hint: Any) -> bool:
    return hint is Any or hint is NoneType


async def build(component: Component, invocation: Invocation) -> Outcome[Any]:
    """Run a component to its end. Never raises: whoever waits for it decides what its failure means."""
    # No variable for it: a frame that a traceback leads to must not lead back to the exception.
    return cast("Outcome[Any]", await begin_build(component, invocation, None))


async def begin_build(component: Component, invocation: Invocation, over: Over | None) -> Outcome[Any] | None:
    """As `build`, but no task has to wait while what the component declared is stored and applied.

    Gives None when it comes to that; `over` is then called with the outcome, which may be before this returns.
    """
    component.stats.started(component.processor)
    try:
        value = await _build(component, invocation, over)
    except GeneratorExit:
        raise
    except BaseException as error:
        return ended_badly(component, error)
    return None if value is UNDER_WAY else ended_well(component, value)


async def _build(component: Component, invocation: Invocation, over: Over | None) -> Any:
    run, function = component.run, invocation.function
    # Nothing is on record of what is built for the first time in the first run of all.
    record = run.component(component.path) if run.has_history else None
    component.record = record
    memo: _MemoKey | None = None
    if function is not None and invocation.key is not None:
        memo = _MemoKey(invocation.key.fingerprint, invocation.key.states)
        stored = None if record is None else await _reusable(component, record, memo)
        if stored is not None:
            return _reuse(component, function, stored)
    if record is not None and record.memo is not None and not (run.full_reprocess and _is_of(record.memo, memo)):
        component.record = record = replace(record, memo=None)  # FN-15
        run.committer.enqueue([(RecordKey("component", component.path), record)])
    component.enter(Phase.RUNNING)
    if run.observers:
        run.emit(ComponentStarted(component.path, component.processor, None if memo is None else True))
    value = await _run_body(component, invocation)
    if component.broken_by is not None:
        path, error = component.broken_by
        how = f"live component {path} raised {type(error).__name__}: {error}"
        raise RuntimeError(f"Child component build cancelled: {how}") from error
    new_memo = None
    if memo is not None and function is not None:
        known = memo.known
        if known is None:
            known = await initial_states(memo.states) if memo.states else ()
        if component.open_children:
            await component.children_done()  # those that late tasks mounted meanwhile
        new_memo = ComponentMemo(memo.fingerprint, encode_value(value), component.collector.freeze(), known)
    component.enter(Phase.SUBMITTING)
    return await submit(component, value, new_memo, over)


def _is_of(stored: ComponentMemo, memo: _MemoKey | None) -> bool:
    return memo is not None and stored.fingerprint == memo.fingerprint


class _MemoKey:
    __slots__ = ("fingerprint", "known", "states")

    def __init__(self, fingerprint: bytes, states: list[StateFunction]) -> None:
        self.fingerprint = fingerprint
        self.states = states
        self.known: tuple[StoredValue, ...] | None = None  # states that a failed check says to store


async def _reusable(component: Component, record: ComponentRecord, memo: _MemoKey) -> ComponentMemo | None:
    """The stored result with the states to store with it, unless something it was made with has changed."""
    run = component.run
    if record.memo is None or run.full_reprocess or component.path.encoded in run.marked:
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
    if run.observers:
        run.emit(ComponentReused(component.path, component.processor))
    return value


async def _run_body(component: Component, invocation: Invocation) -> Any:
    """The body, then all children; when the body raises, the children still finish (CMP-12, CMP-13)."""
    _current.set(ComponentContext(component, component.collector))  # this task belongs to the component alone
    no_handlers()
    closing = False
    target = invocation.target
    try:
        if isinstance(target, AsyncFunction) and target.is_plain:
            return in_time(await target.body(*invocation.args, **invocation.kwargs))
        return in_time(await _call_body(component.run, invocation))
    except GeneratorExit:
        closing = True  # the loop is gone, and with it the children
        raise
    finally:
        if not closing:
            component.enter(Phase.WAITING)
            if component.open_children:
                await component.children_done()


async def _call_body(run: Run, invocation: Invocation) -> Any:
    target, args, kwargs = invocation.target, invocation.args, invocation.kwargs
    if isinstance(target, AsyncFunction):
        return await target.run_body(args, kwargs)
    body: Callable[..., Any] = target.body if isinstance(target, Function) else target
    if inspect.iscoroutinefunction(body):
        return await body(*args, **kwargs)
    result = await run_blocking(run.loop, copy_context(), partial(body, *args, **kwargs))
    return await result if inspect.isawaitable(result) else result
