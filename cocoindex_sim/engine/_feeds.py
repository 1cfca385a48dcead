"""Sources that tell of their changes, item by item: feeds, views, streams (FEED)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from ..values import StableKey, encode_key
from ._handle import ComponentMountHandle
from ._live import LiveComponentOperator
from ._subpath import ComponentSubpath

__all__ = [
    "LiveMapFeed",
    "LiveMapSubscriber",
    "LiveMapView",
    "LiveStream",
    "LiveStreamSubscriber",
    "ReadyAwaitable",
]

K = TypeVar("K")
V = TypeVar("V")
MessageT_co = TypeVar("MessageT_co", covariant=True)
MessageT_contra = TypeVar("MessageT_contra", contravariant=True)


class LiveMapSubscriber(Generic[K, V]):
    """What a feed tells of its changes: which items to process with `fn`, and which to remove.

    All of it works in a catch-up update, too, which ends at `mark_ready`. Raises as `LiveComponentOperator` does.
    """

    def __init__(self, operator: LiveComponentOperator, fn: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._operator = operator
        self._fn = fn
        self._args = args
        self._kwargs = kwargs

    async def update_all(self) -> None:
        """Read the whole view and process each item; those it does not have go. Waits until all are ready.

        What reading the view raises is reported, and nothing is removed then (FEED-08). A feed that is no view can't
        be read: that is reported as a TypeError (FEED-07).
        """
        await self._operator.update_full()

    async def mark_ready(self) -> None:
        """Say that everything that was there at the beginning is processed; in a catch-up update it never returns."""
        await self._operator.mark_ready()

    async def update(self, key: K, value: V) -> ComponentMountHandle:
        """Process a new or changed item; returns when that is scheduled. The key is a StableKey."""
        # What the operator does, less what it has to check and to make for any caller: there may be many of these.
        activity = self._operator._activity
        activity.check_active()
        if not callable(self._fn):
            raise TypeError(f"mount_each takes a function or a live component class; got {self._fn!r}")
        return ComponentMountHandle([activity.update(encode_key(key), self._fn, (value, *self._args), self._kwargs)])

    async def delete(self, key: K) -> ComponentMountHandle:
        """Remove an item; returns when that is scheduled. An unknown key is no error."""
        return await self._operator.delete(_subpath(key))

    @property
    def is_live(self) -> bool:
        """Whether changes are followed after `mark_ready`; without, there is no need to listen for any."""
        return self._operator.is_live

    def has_failed(self, key: K) -> bool:
        """Whether the component of an item, when it last ran in this update, failed: it is worth another try."""
        return self._operator.has_failed(_subpath(key))

    async def report_exception(self, exc: BaseException) -> None:
        """Hand an exception to the exception handlers, or to the log; raises what the last handler raises."""
        await self._operator.report_exception(exc)

    async def read_committed_state(self, key: StableKey) -> Any | None:
        """A value kept for this feed, in this run or an earlier one; None if there is none (FEED-17)."""
        return await self._operator.read_committed_state(key)

    async def write_committed_state(self, key: StableKey, value: Any) -> None:
        """Keep a value, an offset say, until the feed is no longer mounted; returns once it is durable."""
        await self._operator.write_committed_state(key, value)


def _subpath(key: Any) -> ComponentSubpath:
    return ComponentSubpath(key)


@runtime_checkable
class LiveMapFeed(Protocol[K, V]):
    """A keyed source that can only tell of changes, not be read as a whole. `mount_each` takes it as items."""

    async def watch(self, subscriber: LiveMapSubscriber[K, V]) -> None:
        """Tell the subscriber of changes, for as long as there may be any; returning means there will be none."""
        ...


@runtime_checkable
class LiveMapView(Protocol[K, V]):
    """A feed that can also be read as a whole, by iterating over (key, value) pairs.

    Begin to watch before `update_all`, so that no change gets lost in between (FEED-13).
    """

    def __aiter__(self) -> AsyncIterator[tuple[K, V]]:
        """The items now."""
        ...

    async def watch(self, subscriber: LiveMapSubscriber[K, V]) -> None:
        """As for a feed."""
        ...


@runtime_checkable
class ReadyAwaitable(Protocol):
    """Something that becomes ready."""

    async def ready(self) -> None:
        """Wait until it is; may be awaited repeatedly."""
        ...


@runtime_checkable
class LiveStreamSubscriber(Protocol[MessageT_contra]):
    """Takes the messages of a stream."""

    async def send(self, message: MessageT_contra) -> ReadyAwaitable:
        """Hand over a message; awaiting this is the back-pressure. Acknowledge it once what it gives is ready."""
        ...

    async def mark_ready(self) -> None:
        """Say that what was there at the beginning was sent. Returns promptly."""
        ...


@runtime_checkable
class LiveStream(Protocol[MessageT_co]):
    """A source of messages without keys, at least once each."""

    async def watch(self, subscriber: LiveStreamSubscriber[MessageT_co]) -> None:
        """Send messages to the subscriber, for as long as there may be any."""
        ...
