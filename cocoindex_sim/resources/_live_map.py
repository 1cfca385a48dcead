"""A keyed collection in memory, between components that fill it and those made of its entries (LMAP).

To the engine a map is a container of target states, and its entries are rows. What a container of an earlier run held
is gone with the process, and so is every memo that depends on it: both follow from `in_memory`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any, Final, Generic, NamedTuple, NoReturn, TypeVar

from ..engine import (
    ComponentSubpath,
    ContextProvider,
    LiveMapSubscriber,
    SingleWatcherGuard,
    TargetActionSink,
    TargetReconcileOutput,
    TargetStateProvider,
    current_component,
    current_context,
    current_process,
    declare_target_state,
    declare_target_state_with_child,
    offer_root_provider,
    use_mount,
)
from ..values import NON_EXISTENCE, NonExistenceType, StableKey, StablePath, Symbol, encode_key, is_non_existence
from ._same_value import is_same_value

__all__ = ["LiveMap"]

K = TypeVar("K")
V = TypeVar("V")

ROOT: Final = "cocoindex/live_map"


class LiveMap(Generic[K, V]):
    """Entries that components declare, and that `mount_each` follows as a live view.

    Made by `await LiveMap.create()` in a component, in every run. An entry is there as long as a component declares
    it, from when that component commits. Keys are StableKeys; values need `==`, and no more. Iterating gives the
    entries there are at that moment.
    """

    __slots__ = ("_changed", "_entries", "_guard", "_is_scanning", "_provider", "_waiting", "_watched_at")

    def __init__(self) -> None:
        self._provider: TargetStateProvider[Any, Any] | None = None
        self._entries: dict[bytes, tuple[K, V]] = {}  # by encoded key: to a dict, 1 and True are one
        self._guard = SingleWatcherGuard(type(self).__name__)
        self._changed: dict[bytes, K] | None = None  # what the watcher has not heard of yet; None without a watcher
        self._is_scanning = False  # the watcher reads the map as a whole, or is about to
        self._watched_at: StablePath | None = None  # the component it belongs to
        self._waiting: asyncio.Future[None] | None = None  # the watcher, for a change

    @classmethod
    async def create(cls) -> LiveMap[K, V]:
        """A new map, empty. RuntimeError outside a component.

        The component has to run to make it: its memo counts in the present run alone, and so does that of a component
        that declares an entry.
        """
        context = current_context()
        base, taken = context.component.path.encoded + context.subpath, context.component.children
        number = 1
        while base + (subpath := ComponentSubpath(Symbol(ROOT), number)).encoded in taken:
            number += 1
        made: LiveMap[K, V] = cls()
        state = current_process().root_provider(ROOT).target_state((*StablePath(base).parts(), number), made)
        made._provider = await use_mount(subpath, declare_target_state_with_child, state)
        context.collector.providers[state.path.encoded] = made._provider.generation
        return made

    def declare_entry(self, key: K, value: V) -> None:
        """Say that the map should hold this; it does once the calling component commits.

        A list, dict, set or array is copied. ValueError when the component declared the key already, TypeError for a
        key that is no StableKey, RuntimeError outside a component and for a map of another run.
        """
        current_context()
        declare_target_state(self._provider_now().target_state(key, value))  # type: ignore[arg-type]  # K is one

    def __reduce__(self) -> NoReturn:
        raise TypeError("a LiveMap is part of a running app: it can't be stored, and is part of no memo key")

    def __aiter__(self) -> AsyncIterator[tuple[K, V]]:
        """The entries as they are now."""
        if current_component() is not None:
            self._provider_now()
        if self._is_scanning and self._changed and _here() == self._watched_at:
            self._changed.clear()  # all of it is in what the watcher reads now
        return _each(tuple(self._entries.values()))

    async def watch(self, subscriber: LiveMapSubscriber[K, V]) -> None:
        """Tell a subscriber of all entries, then of every change. One at a time: RuntimeError for a second."""
        with self._guard:
            self._changed, self._watched_at = {}, _here()
            try:
                self._is_scanning = True
                await subscriber.update_all()
                self._is_scanning = False
                await subscriber.mark_ready()
                while True:
                    await self._deliver(subscriber, self._changed)
                    await self._next_change()
            finally:
                self._changed, self._is_scanning = None, False

    async def _deliver(self, subscriber: LiveMapSubscriber[K, V], changed: dict[bytes, K]) -> None:
        while changed:
            encoded = next(iter(changed))
            key = changed.pop(encoded)
            try:
                if encoded in self._entries:
                    await subscriber.update(key, self._entries[encoded][1])
                else:
                    await subscriber.delete(key)
            except Exception as error:  # an item that can't be mounted does not keep others from it
                await subscriber.report_exception(error)

    async def _next_change(self) -> None:
        if not self._changed:
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting

    def _provider_now(self) -> TargetStateProvider[Any, Any]:
        here, provider = current_component(), self._provider
        if provider is None:
            raise RuntimeError("this LiveMap is no map of a run: make it by `await LiveMap.create()`")
        if here is not None and here.run.resolved.get(provider.path.encoded) is not provider:
            raise RuntimeError(
                f"this LiveMap ({provider.path}) is of an earlier run, or of an earlier cycle of a live component:"
                " make one by `await LiveMap.create()` each time"
            )
        return provider

    def _put(self, key: K, value: V | NonExistenceType) -> None:
        """Bring about what was declared; whoever watches hears of it if it is a change."""
        encoded = encode_key(key)
        if not self._differs(encoded, value):
            return
        if isinstance(value, NonExistenceType):
            del self._entries[encoded]
        else:
            self._entries[encoded] = key, value
        if self._changed is not None:
            self._changed[encoded] = key
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_result(None)

    def _differs(self, encoded: bytes, value: V | NonExistenceType) -> bool:
        held = self._entries.get(encoded)
        if isinstance(value, NonExistenceType):
            return held is not None
        return held is None or not is_same_value(held[1], value)


def _here() -> StablePath | None:
    component = current_component()
    return None if component is None else component.path


async def _each(entries: tuple[tuple[K, V], ...]) -> AsyncIterator[tuple[K, V]]:
    for entry in entries:
        yield entry


class _Put(NamedTuple):
    """An action: a map holds a value from now on, or nothing. For the map itself there is nothing to do."""

    live_map: LiveMap[Any, Any]
    key: Any = None
    value: Any = None
    is_entry: bool = True


async def _apply(context: ContextProvider, actions: Sequence[_Put | None]) -> None:
    for action in actions:
        if action is not None and action.is_entry:
            action.live_map._put(action.key, action.value)


class _Entries:
    """The handler of the entries of one map."""

    def __init__(self, live_map: LiveMap[Any, Any]) -> None:
        self._live_map = live_map

    def reconcile(
        self, key: StableKey, desired: Any, prev: Collection[int], missing: bool, /
    ) -> TargetReconcileOutput | None:
        """Compare with what the map holds; of that, records only say that it was declared."""
        is_recorded = bool(prev) and not missing
        if is_recorded and not is_non_existence(desired) and not self._live_map._differs(encode_key(key), desired):
            return None
        tracked = NON_EXISTENCE if is_non_existence(desired) else 1
        return TargetReconcileOutput(_Put(self._live_map, key, desired), _SINK, tracked)


class _LiveMaps:
    """The handler of the maps themselves: each is a new one, whatever was at its place before."""

    in_memory = True

    def reconcile(
        self, key: StableKey, desired: Any, prev: Collection[int], missing: bool, /
    ) -> TargetReconcileOutput | None:
        """Always a new map, and nothing that was recorded of its entries counts."""
        if is_non_existence(desired):
            return TargetReconcileOutput(None, _SINK, NON_EXISTENCE)
        return TargetReconcileOutput(_Put(desired, is_entry=False), _SINK, 1, "destructive" if prev else None)


def _entries_of(context: ContextProvider, action: _Put) -> _Entries:
    return _Entries(action.live_map)


_SINK: Final = TargetActionSink(_apply, is_async=True, child_handler=_entries_of, in_memory=True)

offer_root_provider(ROOT, _LiveMaps)
