"""Callbacks whose logic reaches the results stored around them, whatever these track themselves (LGC-10)."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator
from types import CodeType
from typing import Any, cast

from ._component import Component, ComponentContext, Phase, _current, current_context, find_context
from ._dependencies import Collector

__all__ = ["logic_propagated_to_callers", "logic_tracked", "owns_callbacks", "pass_on"]


class _Callback:
    """A callback inside the call of its owner, the tracked function that handed it down."""

    def __init__(self, fn: Callable[..., Any], owner: ComponentContext) -> None:
        functools.update_wrapper(cast(Any, self), fn, updated=())
        self._fn = fn
        self._owner = owner

    def __coco_memo_key__(self) -> object:
        return self._fn

    def __repr__(self) -> str:
        return f"coco.logic_propagated_to_callers({self._fn!r})"

    def _begin(self) -> ComponentContext:
        """The scope of one call. RuntimeError outside components, and once the owner returned."""
        context = find_context()
        if context is None:
            raise RuntimeError(
                f"{self!r} was called with no active component context; call it inside the component that wrapped it"
                " (in worker threads: ComponentContext.attach())"
            )
        context.component.check_open()
        if self._owner.collector.closed or self._owner.component.phase is not Phase.RUNNING:
            raise RuntimeError(
                f"{self!r} was called after the function that wrapped it returned; wrap it in a function that encloses"
                " every call"
            )
        return ComponentContext(
            context.component, Collector(context.collector), context.subpath, context.call, context.group
        )

    def _end(self, scope: ComponentContext) -> None:
        offered = scope.collector
        assert offered.parent is not None
        offered.parent.absorb(offered)
        for collector in self._scopes(scope):
            collector.keep_logic(offered.logic, passed_on=collector is not self._owner.collector)

    def _scopes(self, scope: ComponentContext) -> list[Collector]:
        """All that gather dependencies from the call up to the owner, which may be in a component further up."""
        found: list[Collector] = []
        component, collector = scope.component, scope.collector.parent
        owner = self._owner
        while collector is not None:
            found.append(collector)
            if collector is owner.collector:
                return found
            collector = collector.parent
            if collector is None and component.parent is not None and component is not owner.component:
                component = component.parent
                collector = owner.collector if component is owner.component else component.collector
        return found


class _SyncCallback(_Callback):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scope = self._begin()
        token = _current.set(scope)
        try:
            result = self._fn(*args, **kwargs)
        finally:
            _current.reset(token)
            self._end(scope)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise TypeError(
                f"{self!r} wraps a plain callable that returned an awaitable, whose body would run after the call was"
                " over; wrap the async function itself"
            )
        return result


class _AsyncCallback(_Callback):
    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scope = self._begin()
        token = _current.set(scope)
        try:
            return await self._fn(*args, **kwargs)
        finally:
            _current.reset(token)
            self._end(scope)


def logic_propagated_to_callers(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A callback like `fn` whose logic is recorded in every stored result around its calls, up to the caller of this.

    For functions that hand callbacks down through `logic_tracking="self"` or None. What `fn` offers is up to its own
    `@coco.fn`: without one, only what it calls. The callback can be called until the tracked function that asked for
    it returns, RuntimeError after that; in memo keys, callbacks are equal when their `fn` are. An async function gives
    an async callback; a plain callable that returns an awaitable is a TypeError when called. RuntimeError outside a
    component.
    """
    owner = current_context()
    if not callable(fn):
        raise TypeError(f"logic_propagated_to_callers takes a function, got {fn!r}")
    return (_AsyncCallback if _is_async(fn) else _SyncCallback)(fn, owner)


def pass_on(propagated: Iterable[bytes], collector: Collector, component: Component) -> None:
    """A result that was not computed again brings the logic propagated in it to all scopes around it.

    Also to those outside the owner, which is not known any more: they may run without need, but never miss an edit.
    """
    scope: Collector | None = collector
    around: Component | None = component
    while around is not None:
        while scope is not None:
            scope.keep_logic(propagated, passed_on=True)
            scope = scope.parent
        around = around.parent
        scope = None if around is None else around.collector


def logic_tracked(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The former name of `logic_propagated_to_callers`."""
    warnings.warn(
        "coco.logic_tracked is deprecated and will be removed; use coco.logic_propagated_to_callers",
        DeprecationWarning,
        stacklevel=2,
    )
    return logic_propagated_to_callers(fn)


def _is_async(fn: Any) -> bool:
    """Of a function, or of an object whose `__call__` is one."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(type(fn).__call__)


_NAMES = frozenset({"logic_propagated_to_callers", "logic_tracked"})


def owns_callbacks(body: Any) -> bool:
    """Whether a function asks for callbacks, and so has to have a scope of its own that ends when it returns.

    Read off its code, by these names or by what its module calls them: scopes for all functions would cost every call.
    """
    code, names = getattr(body, "__code__", None), getattr(body, "__globals__", {})
    makers = (logic_propagated_to_callers, logic_tracked)
    return isinstance(code, CodeType) and any(
        name in _NAMES or any(names.get(name) is maker for maker in makers) for name in _names_in(code)
    )


def _names_in(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)
