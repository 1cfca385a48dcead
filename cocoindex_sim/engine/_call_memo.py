"""Inline memoized calls: reuse, or run and remember (FN-07..13)."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import is_not
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..ports import MemoRecord, RecordKey, StoredValue
from ..values import DeserializationError, FunctionReused, FunctionStarted, UsageError
from ._codec import decode_value, encode_value
from ._component import Component, ComponentContext, _current
from ._context_state import StoredStates
from ._dependencies import Collector, hold
from ._memo_state import StateCheck, check_states, check_states_now, initial_states, initial_states_now
from ._propagate import pass_on

if TYPE_CHECKING:
    from ._function import AsyncFunction, Function, SyncFunction

__all__ = ["CallEntry", "CallWaits", "call_async", "call_sync"]


class CallEntry:
    """One memoized call of this run: who runs it, then what it gave."""

    __slots__ = ("done", "ended", "held", "in_thread", "mounted", "outer", "record", "value")

    def __init__(self, outer: CallEntry | None, held: tuple[Any, ...], *, in_thread: bool) -> None:
        self.outer = outer
        self.held = held  # captured values of the function that are not in the key
        self.in_thread = in_thread  # runs to its end whatever the event loop does
        self.ended = False
        self.done = False  # ended, with a result
        self.mounted = False
        self.value: Any = None
        self.record: MemoRecord | None = None  # what a repeated call brings to its own scope


class CallWaits:
    """Which calls of a run are waited for, and by which. Few ever are: so this is not kept in each entry.

    Both tables are only added to, by `setdefault`: calls may come from several threads.
    """

    __slots__ = ("needs", "wakers")

    def __init__(self) -> None:
        self.wakers: dict[CallEntry, list[Callable[[], object]]] = {}  # how to wake those that wait for a call
        self.needs: dict[CallEntry, list[CallEntry]] = {}  # calls that code inside a call waits for now

    def end(self, entry: CallEntry) -> None:
        """Wake those that wait. Whoever comes later sees `ended`."""
        entry.ended = True
        for wake in self.wakers.get(entry, ()):
            wake()

    def leads_to(self, entry: CallEntry, wanted: list[CallEntry]) -> bool:
        """Whether a call is one of these, or waits for one."""
        to_see, seen = [entry], set[CallEntry]()
        while to_see:
            entry = to_see.pop()
            if entry in wanted:
                return True
            if entry not in seen:
                seen.add(entry)
                to_see += self.needs.get(entry, ())
        return False


class _Call:
    """The steps that sync and async calls share; only who waits, and how, differs."""

    __slots__ = ("component", "context", "entry", "fingerprint", "function", "inner", "key", "states")

    def __init__(
        self,
        function: Function[..., Any],
        context: ComponentContext,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        in_thread: bool = False,
    ) -> None:
        self.function = function
        self.context = context
        self.component: Component = context.component
        self.fingerprint, self.states, held = function.call_key(args, kwargs)
        self.key = RecordKey("memo", self.component.path, self.fingerprint)
        self.entry = CallEntry(context.call, held, in_thread=in_thread)
        self.inner: Collector | None = None  # the scope of the body, if that runs

    def begin(self) -> CallEntry | None:
        """Begin this call, unless an equal one was made before in this run, or is running: then give that one."""
        # setdefault: calls may come from several threads.
        other = self.component.calls.setdefault(self.fingerprint, self.entry)
        return None if other is self.entry else other

    def repeat(self, other: CallEntry) -> Any:
        """The result of an equal call that was made before in this run."""
        assert other.record is not None
        self.check_captured(other)
        self.bring(other.record)
        return other.value

    def bring(self, record: MemoRecord) -> None:
        """Let the scope of this call depend on what a result was made with, and own what it declared."""
        dependencies = record.dependencies
        self.context.collector.absorb_stored(dependencies, record.targets, (*record.calls, self.fingerprint))
        if dependencies.propagated:
            pass_on(dependencies.propagated, self.context.collector, self.component)

    def check_captured(self, other: CallEntry) -> None:
        """UsageError when an equal call was made through another closure, which may do something else (SE-04)."""
        if len(other.held) != len(self.entry.held) or any(map(is_not, other.held, self.entry.held)):
            names = ", ".join(self.function.captured_names)
            raise UsageError(
                f"{self.function!r} was called with equal arguments through two closures, and what they captured"
                f" ({names}) can't be part of a memo key: pass it as an argument, or give its class"
                " `__coco_memo_key__()`"
            )

    @contextmanager
    def waiting(self, other: CallEntry) -> Iterator[None]:
        """Wait for a call, on the record. RuntimeError if it needs, directly or not, one that this call is part of."""
        enclosing, waits = list(_with_outer(self.context.call)), self.component.run.call_waits
        for entry in enclosing:
            waits.needs.setdefault(entry, []).append(other)
        try:
            if waits.leads_to(other, enclosing):
                raise RuntimeError(
                    f"{self.function!r} needs its own result: a memoized call with these arguments is running already"
                )
            yield
        finally:
            for entry in enclosing:
                waits.needs[entry].remove(other)

    async def wait(self, other: CallEntry) -> None:
        loop = self.component.run.loop
        ended = loop.create_future()
        self.wake_after(other, lambda: loop.call_soon_threadsafe(_set, ended))
        with self.waiting(other):
            if not other.ended:
                await ended

    def wait_in_thread(self, other: CallEntry) -> None:
        ended: concurrent.futures.Future[None] = concurrent.futures.Future()
        self.wake_after(other, lambda: ended.set_result(None))
        with self.waiting(other):
            if not other.ended:
                ended.result()

    def wake_after(self, other: CallEntry, wake: Callable[[], object]) -> None:
        self.component.run.call_waits.wakers.setdefault(other, []).append(wake)

    def abandon(self) -> None:
        """End without a result. What was declared stays declared (FN-10)."""
        if self.component.calls.get(self.fingerprint) is self.entry:
            del self.component.calls[self.fingerprint]
        if self.inner is not None:
            self.context.collector.absorb(self.inner)
        self.component.run.call_waits.end(self.entry)

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

    def ask(self, record: MemoRecord) -> StoredStates:
        """The state functions that decide whether a stored result still stands."""
        return StoredStates(self.states, record.states, record.dependencies, self.component.run.context_provider)

    def failed(self, asked: StoredStates, check: StateCheck) -> StateCheck:
        """What a failed check says of the arguments' states."""
        states, _ = asked.answered(check)
        return check._replace(states=states, recollect=asked.to_recollect(check))

    def reuse(self, record: MemoRecord, asked: StoredStates, check: StateCheck) -> Any:
        try:
            value = decode_value(record.value, self.function.return_type)
        except DeserializationError as error:
            error.add_note(f"It is the stored result of {self.function!r} in component {self.component.path}.")
            raise
        states, dependencies = asked.answered(check)
        if states != record.states or dependencies != record.dependencies:
            record = replace(record, dependencies=dependencies, states=states)
            self.component.new_calls[self.fingerprint] = record
        self.bring(record)
        self._finish(value, record)
        run = self.component.run
        if run.observers:
            run.emit(FunctionReused(self.component.path, self.function.__qualname__))
        return value

    def started(self) -> None:
        run = self.component.run
        if run.observers:
            run.emit(FunctionStarted(self.component.path, self.function.__qualname__))

    def inner_context(self) -> ComponentContext:
        self.inner = self.function.new_collector(self.context.collector)
        return ComponentContext(self.component, self.inner, self.context.subpath, self.entry, self.context.group)

    def remember(self, value: Any, states: tuple[StoredValue, ...]) -> Any:
        if self.entry.mounted:
            raise ValueError(
                f"{self.function!r}: memo=True mounted child components in an inline call;"
                " mount the function as a component instead, or drop memo=True"
            )
        inner = self.inner
        assert inner is not None
        record = MemoRecord(
            encode_value(value), inner.freeze(), states, tuple(sorted(inner.targets)), tuple(sorted(inner.calls))
        )
        self.component.new_calls[self.fingerprint] = record
        self.context.collector.absorb(inner)
        self.context.collector.calls.add(self.fingerprint)
        self._finish(value, record)
        return value

    def _finish(self, value: Any, record: MemoRecord) -> None:
        self.entry.value, self.entry.record, self.entry.done = value, record, True
        self.component.run.call_waits.end(self.entry)


def _with_outer(entry: CallEntry | None) -> Iterator[CallEntry]:
    while entry is not None:
        yield entry
        entry = entry.outer


def _set(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


async def call_async(
    function: AsyncFunction[..., Any], context: ComponentContext, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call an async memoized function inside a component. Equal concurrent calls run once (FN-09)."""
    call = _Call(function, context, args, kwargs)
    while (other := call.begin()) is not None:
        if other.done:
            return call.repeat(other)
        await call.wait(other)
    check = None
    try:
        if (record := call.stored()) is not None:
            asked = call.ask(record)
            check = await check_states(asked.functions, asked.stored)
            if check.valid:
                return call.reuse(record, asked, check)
            check = call.failed(asked, check)
        call.started()
        token = _current.set(call.inner_context())
        try:
            value = await function.run_body(args, kwargs)
        finally:
            _current.reset(token)
        return call.remember(value, await initial_states(call.states, check))
    finally:
        if not call.entry.done:
            call.abandon()


def call_sync(
    function: SyncFunction[..., Any], context: ComponentContext, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a sync memoized function inside a component. Equal calls in several threads run once (FN-09)."""
    in_thread = asyncio._get_running_loop() is None
    call = _Call(function, context, args, kwargs, in_thread=in_thread)
    while (other := call.begin()) is not None:
        if other.done:
            return call.repeat(other)
        if not (in_thread and other.in_thread):
            # What the other call needs may be this thread. Unless it waits for this one, it is made twice.
            with call.waiting(other):
                break
        call.wait_in_thread(other)
    check = None
    try:
        if (record := call.stored()) is not None:
            asked = call.ask(record)
            check = check_states_now(asked.functions, asked.stored)
            if check.valid:
                return call.reuse(record, asked, check)
            check = call.failed(asked, check)
        call.started()
        token = _current.set(call.inner_context())
        try:
            value = function.body(*args, **kwargs)
        finally:
            _current.reset(token)
        return call.remember(value, initial_states_now(call.states, check))
    finally:
        if not call.entry.done:
            call.abandon()
