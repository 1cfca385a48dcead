"""`@fn`: functions whose logic is tracked and whose results may be stored (FN, LGC)."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from contextvars import copy_context
from types import MethodType
from typing import Any, Generic, Literal, ParamSpec, TypeAlias, TypeVar, cast, get_type_hints, overload

from ._call_memo import call_async, call_sync
from ._component import ComponentContext, _current, find_context
from ._deadline import check_deadline, in_time
from ._dependencies import Collector
from ._fingerprint import fingerprint_object
from ._logic import logic_fingerprint, module_name
from ._process import current_process

__all__ = ["AsyncFunction", "Function", "LogicTracking", "SyncFunction", "fn"]

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

LogicTracking: TypeAlias = Literal["full", "self"] | None
"""How far edits reach: of the function and all it calls, of the function alone, or not at all."""


class Function(Generic[P, R_co]):
    """A decorated function. Calling it inside a component tracks it; outside it is the plain function (FN-05)."""

    is_async: bool

    def __init__(
        self, body: Callable[..., Any], *, memo: bool, version: int | None, logic_tracking: LogicTracking, deps: Any
    ) -> None:
        if deps is not None and logic_tracking is None:
            raise ValueError(f"{body!r}: deps need logic tracking; drop them or set logic_tracking to 'full' or 'self'")
        functools.update_wrapper(cast(Any, self), body)
        self.__qualname__: str = body.__qualname__
        self.__name__: str = body.__name__
        self.body = body
        self.memo = memo
        self.logic_tracking = logic_tracking
        self._options: dict[str, Any] = {
            "memo": memo, "version": version, "logic_tracking": logic_tracking, "deps": deps
        }  # fmt: skip
        self._version = version
        self._deps = None if deps is None else fingerprint_object(deps)
        self.identity = fingerprint_object((module_name(body), body.__qualname__))
        process = current_process()
        process.modules.add(body.__module__)
        process.logic.register(lambda: self.logic)

    @functools.cached_property
    def logic(self) -> bytes:
        """The fingerprint of what this function does."""
        return logic_fingerprint(self.body, self._version, self._deps)

    @functools.cached_property
    def return_type(self) -> Any:
        """The type stored results are read as; Any without a usable annotation."""
        try:
            return get_type_hints(self.body, include_extras=True).get("return", Any)
        except Exception:  # unresolvable annotations count as absent (MEM-32)
            return Any

    def new_collector(self, outer: Collector | None) -> Collector:
        """A scope for the body, holding what the function itself offers (LGC-05)."""
        inner = Collector(outer, takes_logic=self.logic_tracking == "full")
        if self.logic_tracking is not None:
            inner.logic.add(self.logic)
        return inner

    @property
    def as_async(self) -> AsyncFunction[P, R_co]:
        """The same function, always async: a sync body runs on a worker thread."""
        return AsyncFunction(self.body, **self._options)

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else MethodType(cast(Any, self), instance)

    def __repr__(self) -> str:
        return f"<coco.fn {module_name(self.body)}.{self.__qualname__}>"


class SyncFunction(Function[P, R_co]):
    """A decorated function that is called synchronously."""

    is_async = False

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        check_deadline()
        context = find_context()
        if context is None:
            return in_time(cast(R_co, self.body(*args, **kwargs)))
        context.component.check_open()
        if self.memo:
            return in_time(cast(R_co, call_sync(self, context, args, kwargs)))
        if self.logic_tracking == "full":
            if context.collector.takes_logic:
                context.collector.logic.add(self.logic)
            return in_time(cast(R_co, self.body(*args, **kwargs)))
        inner = self.new_collector(context.collector)
        token = _current.set(ComponentContext(context.component, inner, context.subpath, context.call))
        try:
            return in_time(cast(R_co, self.body(*args, **kwargs)))
        finally:
            _current.reset(token)
            context.collector.absorb(inner)


class AsyncFunction(Function[P, R_co]):
    """A decorated function that is awaited."""

    is_async = True

    @functools.cached_property
    def _body_is_async(self) -> bool:
        return inspect.iscoroutinefunction(self.body) or isinstance(self.body, AsyncFunction)

    async def run_body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The body itself, untracked; a sync one on a worker thread with the caller's context variables."""
        if self._body_is_async:
            return await self.body(*args, **kwargs)
        return await in_thread(functools.partial(self.body, *args, **kwargs))

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        check_deadline()
        context = find_context()
        if context is None:
            return in_time(cast(R_co, await self.run_body(args, kwargs)))
        context.component.check_open()
        if self.memo:
            return in_time(cast(R_co, await call_async(self, context, args, kwargs)))
        if self.logic_tracking == "full":
            if context.collector.takes_logic:
                context.collector.logic.add(self.logic)
            return in_time(cast(R_co, await self.run_body(args, kwargs)))
        inner = self.new_collector(context.collector)
        token = _current.set(ComponentContext(context.component, inner, context.subpath, context.call))
        try:
            return in_time(cast(R_co, await self.run_body(args, kwargs)))
        finally:
            _current.reset(token)
            context.collector.absorb(inner)


async def in_thread(work: Callable[[], R]) -> R:
    """Run a blocking call on a worker thread of the running loop, with the caller's context variables."""
    import asyncio

    return await asyncio.get_running_loop().run_in_executor(None, functools.partial(copy_context().run, work))


class _FunctionDecorator:
    """`@fn`, bare or with options, and `@fn.as_async`."""

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(
        self, fn: None = None, /, *, memo: bool = False, memo_key: Any = None, batching: bool = False,
        max_batch_size: int | None = None, runner: Any = None, version: int | None = None,
        logic_tracking: LogicTracking = "full", deps: Any = None,
    ) -> Callable[[Callable[P, R]], Callable[P, R]]: ...  # fmt: skip

    def __call__(
        self, fn: Callable[..., Any] | None = None, /, *, memo: bool = False, memo_key: Any = None,
        batching: bool = False, max_batch_size: int | None = None, runner: Any = None, version: int | None = None,
        logic_tracking: LogicTracking = "full", deps: Any = None,
    ) -> Any:  # fmt: skip
        """Track a function's logic, and with `memo=True` store its results.

        Args: memo: reuse a stored result while arguments, logic and context are unchanged. version: stands in for the
        function's code; raise it to invalidate. logic_tracking: how far edits reach. deps: any value the result
        depends on, fingerprinted once, here. ValueError for batching options on plain `@fn`.
        """
        if batching or max_batch_size is not None or runner is not None:
            raise ValueError("batching, max_batch_size and runner need an async function: use @coco.fn.as_async")

        def decorate(body: Callable[..., Any]) -> Function[..., Any]:
            kind: type[Function[..., Any]] = AsyncFunction if inspect.iscoroutinefunction(body) else SyncFunction
            return _make(kind, body, memo, memo_key, version, logic_tracking, deps)

        return decorate if fn is None else decorate(fn)

    def as_async(
        self, fn: Callable[..., Any] | None = None, /, *, memo: bool = False, memo_key: Any = None,
        batching: bool = False, max_batch_size: int | None = None, runner: Any = None, version: int | None = None,
        logic_tracking: LogicTracking = "full", deps: Any = None,
    ) -> Any:  # fmt: skip
        """As `fn`, but the result is always async; a sync body runs on a worker thread (FN-01)."""
        if batching or max_batch_size is not None or runner is not None:
            raise NotImplementedError("batching and runners are planned for 0.2; see docs/api-parity.md")

        def decorate(body: Callable[..., Any]) -> Function[..., Any]:
            return _make(AsyncFunction, body, memo, memo_key, version, logic_tracking, deps)

        return decorate if fn is None else decorate(fn)


def _make(
    kind: type[Function[..., Any]], body: Callable[..., Any], memo: bool, memo_key: Any,
    version: int | None, logic_tracking: LogicTracking, deps: Any,
) -> Function[..., Any]:  # fmt: skip
    if inspect.isbuiltin(body):
        raise TypeError(f"{body!r} is a builtin; wrap it in a function of your own")
    if memo_key is not None:
        raise NotImplementedError("memo_key is planned for 0.2; see docs/api-parity.md")
    return kind(body, memo=memo, version=version, logic_tracking=logic_tracking, deps=deps)


fn = _FunctionDecorator()
