"""Live components out of plain functions: run again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ParamSpec

from ._build import Invocation, invocation_of
from ._live import LiveComponent, LiveComponentOperator

__all__ = ["auto_refresh"]

P = ParamSpec("P")


class _AutoRefresh:
    """What the classes made by `auto_refresh` have in common."""

    fn: Callable[..., Any]
    interval: timedelta

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._args = args
        self._kwargs = kwargs

    def __coco_invocation__(self) -> Invocation:
        """What a cycle runs: the function as a component, so that its memo counts (LIV-60)."""
        return invocation_of(type(self).fn, self._args, self._kwargs)

    def process(self) -> Any:
        """Call the function."""
        return type(self).fn(*self._args, **self._kwargs)

    async def process_live(self, operator: LiveComponentOperator) -> None:
        """Run a cycle, and another one each time the interval has passed since the end of the last."""
        while True:
            await operator.update_full()
            await operator.mark_ready()
            await asyncio.sleep(max(0.0, self.interval.total_seconds()))


def auto_refresh(process_fn: Callable[P, Any], *, interval: timedelta) -> type[LiveComponent]:
    """A live component class that runs a function, sync or async, at once and then `interval` after each run's end.

    The arguments of the mount go to the function each time. In a catch-up update it runs once. What a run does not
    declare or mount again goes. A run that fails is reported, and the next one comes all the same (LIV-57..60).
    """
    if not callable(process_fn):
        raise TypeError(f"auto_refresh takes a function, got {process_fn!r}")
    if not isinstance(interval, timedelta):
        raise TypeError(f"the interval of auto_refresh is a timedelta, got {interval!r}")
    name = getattr(process_fn, "__name__", None)
    attributes = {
        "fn": staticmethod(process_fn),
        "interval": interval,
        "__module__": getattr(process_fn, "__module__", __name__),
        "__qualname__": getattr(process_fn, "__qualname__", _AutoRefresh.__qualname__),
        "__doc__": getattr(process_fn, "__doc__", None),
    }
    if name is not None:
        attributes["__coco_subpath_name__"] = name
    return type(name or _AutoRefresh.__name__, (_AutoRefresh,), attributes)
