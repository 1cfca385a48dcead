"""Mounting one child per item, of a collection or of a source that tells of its changes (CMP-14, FEED)."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from ..values import encode_key
from ._component import current_context
from ._deadline import check_deadline
from ._exceptions import ExceptionHandler, MountKind, scoped_handlers, scoped_to
from ._feeds import LiveMapSubscriber
from ._handle import ComponentMountHandle, Mounted
from ._live import LiveComponentOperator
from ._mount import mount_child, mount_live, split_arguments, subpath_of
from ._outcome import Outcome

__all__ = ["mount_each"]


async def mount_each(*pos_args: Any, **kwargs: Any) -> ComponentMountHandle:
    """Mount one child per item: `mount_each([subpath,] fn, items, *args, **kwargs)`.

    `items`: an iterable or async iterable of (key, value) pairs, or a `LiveMapFeed` or `LiveMapView`, whose changes are
    followed in live mode. Each child lives at `subpath / key` and gets the value first, then the other arguments
    (CMP-14); `fn` may be a live component class. ValueError for a repeated key, TypeError for an item that is no pair.
    """
    context = current_context()
    check_deadline()
    subpath, target, rest = split_arguments(pos_args)
    if not rest:
        raise TypeError("mount_each needs items: mount_each([subpath,] fn, items, *args)")
    items, args = rest[0], tuple(rest[1:])
    base = subpath_of(subpath, target)
    if callable(getattr(items, "watch", None)):
        follower = _MountEachLiveComponent(target, items, args, kwargs, scoped_handlers())
        return ComponentMountHandle([mount_live(context, base, follower)])
    return ComponentMountHandle(await _mount_items(base, target, items, args, kwargs, "mount_each"))


async def _mount_items(
    base: bytes, target: Any, items: Any, args: tuple[Any, ...], kwargs: dict[str, Any], kind: MountKind
) -> list[asyncio.Future[Outcome[Any]]]:
    context = current_context()
    mounted = Mounted()

    async def one(item: Any) -> None:
        try:
            key, value = item
        except (TypeError, ValueError):
            raise TypeError(f"mount_each items must be (key, value) pairs, got {item!r}") from None
        mounted.add(await mount_child(context, base + encode_key(key), target, (value, *args), kwargs, kind))

    if hasattr(items, "__aiter__"):
        iterator = aiter(items)
        if hasattr(iterator, "aclose"):
            async with aclosing(iterator):
                async for item in iterator:
                    await one(item)
        else:
            async for item in iterator:
                await one(item)
    else:
        for item in items:
            await one(item)
    return mounted.futures


class _MountEachLiveComponent:
    """The live component that follows a feed or view, with the items as its children (FEED-02)."""

    def __init__(
        self, fn: Any, items: Any, args: tuple[Any, ...], kwargs: dict[str, Any], handlers: tuple[ExceptionHandler, ...]
    ) -> None:
        self._fn = fn
        self._items = items
        self._args = args
        self._kwargs = kwargs
        self._handlers = handlers

    async def process(self) -> None:
        """Mount every item there is."""
        if not hasattr(self._items, "__aiter__"):
            raise TypeError(
                f"LiveMapFeed sources require live mode: {self._items!r} can't be read as a whole,"
                " having no __aiter__; don't call update_all() in its watch()"
            )
        scoped_to(self._handlers)
        await _mount_items(b"", self._fn, self._items, self._args, self._kwargs, "mount")

    async def process_live(self, operator: LiveComponentOperator) -> None:
        """Let the feed tell of its changes."""
        await self._items.watch(LiveMapSubscriber(operator, self._fn, self._args, self._kwargs))
