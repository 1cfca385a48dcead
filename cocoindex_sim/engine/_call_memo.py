"""Inline memoized calls: reuse, or run and remember (FN-07..13)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from ..ports import MemoRecord, RecordKey, StoredValue
from ..values import FunctionReused, FunctionStarted
from ._codec import decode_value, encode_value
from ._component import Component, ComponentContext, _current
from ._dependencies import Collector, hold
from ._fingerprint import fingerprint_call
from ._memo_state import check_states, finish_now, initial_states

if TYPE_CHECKING:
    from ._function import AsyncFunction, Function, SyncFunction

__all__ = ["CallEntry", "call_async", "call_sync"]


class CallEntry:
    """One memoized call of this run: who runs it, then what it gave."""

    __slots__ = ("collector", "done", "finished", "mounted", "outer", "value")

    def __init__(self, outer: CallEntry | None) -> None:
        self.outer = outer
        self.finished: asyncio.Future[None] | None = None
        self.done = False
        self.mounted = False
        self.value: Any = None
        self.collector: Collector | None = None  # what a repeated call brings to its own scope

    def encloses(self, entry: CallEntry | None) -> bool:
        """Whether `entry` is this call or one inside it."""
        while entry is not None and entry is not self:
            entry = entry.outer
        return entry is self


class _Call:
    """The steps that sync and async calls share; only who awaits differs."""

    __slots__ = ("component", "context", "entry", "fingerprint", "function", "inner", "key", "known", "states")

    def __init__(
        self, function: Function[..., Any], context: ComponentContext, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.function = function
        self.context = context
        self.component: Component = context.component
        self.fingerprint, self.states = fingerprint_call(function.identity, args, kwargs)
        self.key = RecordKey("memo", self.component.path, self.fingerprint)
        self.entry = CallEntry(context.call)
        self.inner = function.new_collector(context.collector)
        self.known: tuple[StoredValue, ...] | None = None  # states that a failed check says to store

    def repeat(self, entry: CallEntry) -> Any:
        """The result of an equal call that was made before in this run."""
        assert entry.collector is not None
        self.context.collector.absorb(entry.collector)
        return entry.value

    def check_recursion(self, entry: CallEntry) -> None:
        if entry.encloses(self.context.call):
            raise RuntimeError(
                f"{self.function!r} needs its own result: a memoized call with these arguments is running already"
            )

    def begin(self) -> None:
        self.component.calls[self.fingerprint] = self.entry

    def abandon(self) -> None:
        if self.component.calls.get(self.fingerprint) is self.entry:
            del self.component.calls[self.fingerprint]
        self.context.collector.absorb(self.inner)  # what it declared stays declared (FN-10)
        self._wake()

    def _wake(self) -> None:
        if self.entry.finished is not None and not self.entry.finished.done():
            self.entry.finished.set_result(None)

    def stored(self) -> MemoRecord | None:
        """The stored result, unless something it was made with has changed."""
        run, component = self.component.run, self.component
        if run.full_reprocess or component.record is None or not component.record.has_calls:
            return None
        record = run.get(self.key)
        if not isinstance(record, MemoRecord) or not hold(record.dependencies, run):
            return None
        if component.record.in_doubt and not run.all_settled(record.targets, component.path):
            return None
        return record

    def reuse(self, record: MemoRecord, states: tuple[StoredValue, ...]) -> Any:
        value = decode_value(record.value, self.function.return_type)
        collector = Collector()
        collector.absorb_stored(record.dependencies, record.targets, (*record.calls, self.fingerprint))
        if states != record.states:
            self.component.new_calls[self.fingerprint] = MemoRecord(
                record.value, record.dependencies, states, record.targets, record.calls
            )
        self._finish(value, collector)
        run = self.component.run
        if run.observed:
            run.emit(FunctionReused(self.component.path, self.function.__qualname__))
        return value

    def started(self) -> None:
        run = self.component.run
        if run.observed:
            run.emit(FunctionStarted(self.component.path, self.function.__qualname__))

    def inner_context(self) -> ComponentContext:
        return ComponentContext(self.component, self.inner, self.context.subpath, self.entry)

    def remember(self, value: Any, states: tuple[StoredValue, ...]) -> Any:
        if self.entry.mounted:
            raise ValueError(
                f"{self.function!r}: memo=True mounted child components in an inline call;"
                " mount the function as a component instead, or drop memo=True"
            )
        inner = self.inner
        self.component.new_calls[self.fingerprint] = MemoRecord(
            encode_value(value), inner.freeze(), states, tuple(sorted(set(inner.targets))), tuple(inner.calls)
        )
        inner.calls.append(self.fingerprint)
        self._finish(value, inner)
        return value

    def _finish(self, value: Any, collector: Collector) -> None:
        self.entry.value, self.entry.collector, self.entry.done = value, collector, True
        self.context.collector.absorb(collector)
        self._wake()


async def call_async(
    function: AsyncFunction[..., Any], context: ComponentContext, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call an async memoized function inside a component. Equal concurrent calls run once (FN-09)."""
    call = _Call(function, context, args, kwargs)
    while (entry := call.component.calls.get(call.fingerprint)) is not None:
        if entry.done:
            return call.repeat(entry)
        call.check_recursion(entry)
        if entry.finished is None:
            entry.finished = call.component.run.loop.create_future()
        await asyncio.shield(entry.finished)
    call.begin()
    try:
        recollect = True
        if (record := call.stored()) is not None:
            check = await check_states(call.states, record.states)
            if check.valid:
                return call.reuse(record, check.states)
            call.known, recollect = check.states, check.recollect
        call.started()
        token = _current.set(call.inner_context())
        try:
            value = await function.run_body(args, kwargs)
        finally:
            _current.reset(token)
        states = await initial_states(call.states) if recollect or call.known is None else call.known
        return call.remember(value, states)
    finally:
        if not call.entry.done:
            call.abandon()


def call_sync(
    function: SyncFunction[..., Any], context: ComponentContext, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a sync memoized function inside a component."""
    call = _Call(function, context, args, kwargs)
    entry = call.component.calls.get(call.fingerprint)
    if entry is not None:
        if entry.done:
            return call.repeat(entry)
        call.check_recursion(entry)
    call.begin()
    try:
        recollect = True
        if (record := call.stored()) is not None:
            check = finish_now(check_states(call.states, record.states))
            if check.valid:
                return call.reuse(record, check.states)
            call.known, recollect = check.states, check.recollect
        call.started()
        token = _current.set(call.inner_context())
        try:
            value = function.body(*args, **kwargs)
        finally:
            _current.reset(token)
        states = finish_now(initial_states(call.states)) if recollect or call.known is None else call.known
        return call.remember(value, states)
    finally:
        if not call.entry.done:
            call.abandon()
