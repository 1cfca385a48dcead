"""`@fn`: functions whose logic is tracked and whose results may be stored (FN, LGC)."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Sequence
from contextvars import copy_context
from types import MethodType
from typing import (
    Any,
    Generic,
    Literal,
    NamedTuple,
    ParamSpec,
    Protocol,
    TypeAlias,
    TypeVar,
    cast,
    get_args,
    overload,
)

from ._batching import Batching
from ._blocking import run_blocking
from ._call_memo import call_async, call_sync
from ._captured import Captured
from ._codec import annotation_of
from ._component import ComponentContext, _current, find_context
from ._deadline import check_deadline, in_time
from ._dependencies import Collector
from ._fingerprint import StateFunction, fingerprint_call, fingerprint_object
from ._logic import logic_fingerprint, module_name, source_lines
from ._memo_key import KeyArguments, MemoKeySpec
from ._process import current_process
from ._propagate import owns_callbacks
from ._runner import Runner, RunnerCalls

__all__ = ["AsyncFunction", "BoundFunction", "CallKey", "Function", "LogicTracking", "SyncFunction", "fn"]

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)

LogicTracking: TypeAlias = Literal["full", "self"] | None
"""How far edits reach: of the function and all it calls, of the function alone, or not at all."""


class CallKey(NamedTuple):
    """What a stored result is found by, and what else decides whether it is the right one.

    `states`: the state functions of the arguments. `held`: captured values that are not part of the fingerprint.
    """

    fingerprint: bytes
    states: list[StateFunction]
    held: tuple[Any, ...]


class Function(Generic[P, R_co]):
    """A decorated function. Calling it inside a component tracks it; outside it is the plain function (FN-05)."""

    is_async: bool

    def __init__(
        self, body: Callable[..., Any], *, memo: bool, memo_key: MemoKeySpec | None = None, version: int | None,
        logic_tracking: LogicTracking, deps: Any,
    ) -> None:  # fmt: skip
        if deps is not None and logic_tracking is None:
            raise ValueError(f"{body!r}: deps need logic tracking; drop them or set logic_tracking to 'full' or 'self'")
        functools.update_wrapper(cast(Any, self), body)
        self.__qualname__: str = body.__qualname__
        self.__name__: str = body.__name__
        self.body = body
        self.memo = memo
        self.logic_tracking = logic_tracking
        self._key_arguments = KeyArguments(body, memo_key)
        self._captured = Captured.by(body)
        self._has_scope = logic_tracking != "full" or owns_callbacks(body)
        self._version = version
        self._deps = None if deps is None else fingerprint_object(deps)
        self._innermost = inspect.unwrap(body)  # other decorators are not looked at (LGC-02)
        self._lines = source_lines(self._innermost) if version is None else []
        process = current_process()
        process.modules.add(body.__module__)
        process.logic.register(self)

    @functools.cached_property
    def logic(self) -> bytes:
        """The fingerprint of what this function does."""
        return logic_fingerprint(self._innermost, self._version, self._deps, self._lines)

    @functools.cached_property
    def identity(self) -> bytes:
        """What memo keys know it by: module and qualified name (FN-07). Lambdas share theirs, so their logic counts."""
        name = (module_name(self), self.__qualname__)
        is_lambda = self.__name__ == "<lambda>" and self.logic_tracking is not None
        return fingerprint_object((*name, self.logic) if is_lambda else name)

    @functools.cached_property
    def return_type(self) -> Any:
        """The type stored results are read as; Any without a usable annotation."""
        return annotation_of(self._innermost, "return")

    def call_key(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> CallKey:
        """What a stored result of this call is found by (FN-07). TypeError if an argument can't be part of a key."""
        if kwargs or self._key_arguments.transforms:
            args, kwargs = self._key_arguments.of(args, kwargs)
        if self._captured is None:
            fingerprint, states = fingerprint_call(self.identity, args, kwargs)
            return CallKey(fingerprint, states, ())
        captured = self._captured.now()
        return CallKey(*fingerprint_call(self.identity + captured.key, args, kwargs), captured.held)

    @property
    def captured_names(self) -> list[str]:
        """The variables that a closure reads."""
        return [] if self._captured is None else self._captured.names

    def __coco_memo_key__(self) -> object:
        return self.identity if self._captured is None else (self.identity, self._captured.now().key)

    def new_collector(self, outer: Collector | None) -> Collector:
        """A scope for the body, holding what the function itself offers (LGC-05)."""
        inner = Collector(outer, takes_logic=self.logic_tracking == "full")
        if self.logic_tracking is not None:
            inner.logic.add(self.logic)
        return inner

    @functools.cached_property
    def as_async(self) -> AsyncFunction[P, R_co]:
        """The same function, always async: a sync body runs on a worker thread."""
        if isinstance(self, AsyncFunction):
            return self
        twin: AsyncFunction[P, R_co] = object.__new__(AsyncFunction)
        twin.__dict__.update(self.__dict__, _body_is_async=False, _shared=None)
        twin.__dict__.pop("is_plain", None)
        current_process().logic.register(twin)
        return twin

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else BoundFunction(self, instance)

    def __reduce__(self) -> str:
        return self.__qualname__

    def __repr__(self) -> str:
        return f"<coco.fn {self.__module__}.{self.__qualname__}>"


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
        if not self._has_scope:
            if context.collector.takes_logic:
                context.collector.logic.add(self.logic)
            return in_time(cast(R_co, self.body(*args, **kwargs)))
        inner = self.new_collector(context.collector)
        token = _current.set(ComponentContext(context.component, inner, context.subpath, context.call, context.group))
        try:
            return in_time(cast(R_co, self.body(*args, **kwargs)))
        finally:
            _current.reset(token)
            context.collector.absorb(inner)


class AsyncFunction(Function[P, R_co]):
    """A decorated function that is awaited."""

    is_async = True

    def __init__(
        self, body: Callable[..., Any], *, batching: bool = False, max_batch_size: int | None = None,
        runner: Runner | None = None, **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(body, **options)
        self._body_is_async = _is_async(body)
        if runner is not None and not isinstance(runner, Runner):
            raise TypeError(f"{self!r}: runner must be a coco.Runner, got {runner!r}")
        self._shared: Batching | RunnerCalls | None = None
        if batching:
            self._shared = Batching(body, is_async=self._body_is_async, size_max=max_batch_size, runner=runner)
        elif runner is not None:
            self._shared = RunnerCalls(body, is_async=self._body_is_async, runner=runner)

    @functools.cached_property
    def is_plain(self) -> bool:
        """Whether calling the body, and awaiting what it gives, is all there is to running it."""
        return self._body_is_async and self._shared is None

    @functools.cached_property
    def return_type(self) -> Any:
        """The type stored results are read as: of a batched function, that of one item."""
        whole = super().return_type
        if not isinstance(self._shared, Batching):
            return whole
        return get_args(whole)[0] if get_args(whole) else Any

    async def run_body(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The body itself, untracked; a sync one on a worker thread with the caller's context variables.

        Batched bodies, and those with a runner, are called on behalf of the caller, outside its component.
        """
        if self._shared is not None:
            return await self._shared.call(args, kwargs)
        if self._body_is_async:
            return await self.body(*args, **kwargs)
        call = functools.partial(self.body, *args, **kwargs)
        return await run_blocking(asyncio.get_running_loop(), copy_context(), call)

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        check_deadline()
        context = find_context()
        if context is None:
            return in_time(cast(R_co, await self.run_body(args, kwargs)))
        context.component.check_open()
        if self.memo:
            return in_time(cast(R_co, await call_async(self, context, args, kwargs)))
        if not self._has_scope:
            if context.collector.takes_logic:
                context.collector.logic.add(self.logic)
            return in_time(cast(R_co, await self.run_body(args, kwargs)))
        inner = self.new_collector(context.collector)
        token = _current.set(ComponentContext(context.component, inner, context.subpath, context.call, context.group))
        try:
            return in_time(cast(R_co, await self.run_body(args, kwargs)))
        finally:
            _current.reset(token)
            context.collector.absorb(inner)


class BoundFunction:
    """A decorated method, got from an instance."""

    __slots__ = ("__func__", "__self__")

    def __init__(self, function: Function[..., Any], instance: Any) -> None:
        self.__func__ = function
        self.__self__ = instance

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.__func__(self.__self__, *args, **kwargs)  # type: ignore[operator]  # both kinds can be called

    @property
    def as_async(self) -> BoundFunction:
        """The same method, always async."""
        return BoundFunction(self.__func__.as_async, self.__self__)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(MethodType(self.__func__.body, self.__self__))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__func__, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BoundFunction) and other.__func__ is self.__func__ and other.__self__ is self.__self__

    def __hash__(self) -> int:
        return hash((id(self.__self__), self.__func__))

    def __reduce__(self) -> tuple[Any, ...]:
        return getattr, (self.__self__, self.__func__.__name__)

    def __repr__(self) -> str:
        return f"<bound {self.__func__!r} of {self.__self__!r}>"


class _MakesAsync(Protocol):
    """Type-level: the decorator `as_async(...)`."""

    @overload
    def __call__(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, fn: Callable[P, R], /) -> Callable[P, Coroutine[Any, Any, R]]: ...


class _MakesBatched(Protocol):
    """Type-level: the decorator `as_async(batching=True, ...)`. Methods, and further arguments, are not told apart."""

    @overload
    def __call__(
        self, fn: Callable[[list[T]], Coroutine[Any, Any, Sequence[R]]], /
    ) -> Callable[[T], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, fn: Callable[[list[T]], Sequence[R]], /) -> Callable[[T], Coroutine[Any, Any, R]]: ...
    @overload
    def __call__(self, fn: Callable[..., Any], /) -> Callable[..., Coroutine[Any, Any, Any]]: ...


class _FunctionDecorator:
    """`@fn`, bare or with options, and `@fn.as_async`."""

    @overload
    def __call__(self, fn: Callable[P, R], /) -> Callable[P, R]: ...
    @overload
    def __call__(
        self, fn: None = None, /, *, memo: bool = False, memo_key: Any = None, batching: Literal[False] = False,
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
            kind: type[Function[..., Any]] = AsyncFunction if _is_async(body) else SyncFunction
            return _make(
                kind, body, memo=memo, memo_key=memo_key, version=version, logic_tracking=logic_tracking, deps=deps
            )

        return decorate if fn is None else decorate(fn)

    @overload
    def as_async(self, fn: Callable[P, Coroutine[Any, Any, R]], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def as_async(self, fn: Callable[P, R], /) -> Callable[P, Coroutine[Any, Any, R]]: ...
    @overload
    def as_async(
        self, fn: None = None, /, *, memo: bool = False, memo_key: Any = None, batching: Literal[True],
        max_batch_size: int | None = None, runner: Any = None, version: int | None = None,
        logic_tracking: LogicTracking = "full", deps: Any = None,
    ) -> _MakesBatched: ...  # fmt: skip
    @overload
    def as_async(
        self, fn: None = None, /, *, memo: bool = False, memo_key: Any = None, batching: Literal[False] = False,
        max_batch_size: int | None = None, runner: Any = None, version: int | None = None,
        logic_tracking: LogicTracking = "full", deps: Any = None,
    ) -> _MakesAsync: ...  # fmt: skip

    def as_async(
        self, fn: Callable[..., Any] | None = None, /, *, memo: bool = False, memo_key: Any = None,
        batching: bool = False, max_batch_size: int | None = None, runner: Any = None, version: int | None = None,
        logic_tracking: LogicTracking = "full", deps: Any = None,
    ) -> Any:  # fmt: skip
        """As `fn`, but the result is always async; a sync body runs on a worker thread (FN-01).

        Further args: batching: the body takes a list of items, of at most `max_batch_size`, and returns a sequence of
        results; callers pass one item, by position, and get its result. Calls that come while a batch is in flight
        make up the next one, per value of the other arguments, which must be hashable. runner: runs the bodies. Batched
        bodies and those with a runner have no component context.
        """

        def decorate(body: Callable[..., Any]) -> Function[..., Any]:
            return _make(
                AsyncFunction, body, memo=memo, memo_key=memo_key, batching=batching, max_batch_size=max_batch_size,
                runner=runner, version=version, logic_tracking=logic_tracking, deps=deps,
            )  # fmt: skip

        return decorate if fn is None else decorate(fn)


def _is_async(body: Any) -> bool:
    return inspect.iscoroutinefunction(body) or isinstance(body, AsyncFunction)


def _make(kind: type[Function[..., Any]], body: Callable[..., Any], **options: Any) -> Function[..., Any]:
    if inspect.isbuiltin(body):
        raise TypeError(f"{body!r} is a builtin; wrap it in a function of your own")
    return kind(body, **options)


fn = _FunctionDecorator()
