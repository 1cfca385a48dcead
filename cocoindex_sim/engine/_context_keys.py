"""Context: resources with a process-unique name, provided once and read inside components (CTX)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, AsyncExitStack
from typing import Any, Generic, TypeVar

from ..ports import StoredValue
from ._context_state import states_at_provision
from ._fingerprint import StateFunction, fingerprint_with_states
from ._process import current_process

__all__ = ["ContextKey", "ContextProvider"]

T = TypeVar("T")


class ContextKey(Generic[T]):
    """The process-unique name of a resource.

    With `detect_change=True`, results that read the key are reused only while an equal value is provided (CTX-05).
    ValueError when the name is taken already.
    """

    __slots__ = ("__weakref__", "_detect_change", "_key")

    def __init__(self, key: str, *, detect_change: bool = False) -> None:
        process = current_process()
        if key in process.context_keys:
            raise ValueError(f"ContextKey {key!r} is already used in this process; keep one object per name")
        self._key = key
        self._detect_change = detect_change
        process.context_keys[key] = self
        process.modules.add(_calling_module())

    @property
    def key(self) -> str:
        """The name."""
        return self._key

    @property
    def detect_change(self) -> bool:
        """Whether a changed value invalidates results that read it."""
        return self._detect_change

    def __coco_memo_key__(self) -> object:
        return self._key  # CTX-07

    def __repr__(self) -> str:
        return f"ContextKey({self._key!r})"


def _calling_module() -> str:
    """The module that creates a key; `ContextKey[int](...)` is called by `typing`."""
    frame = sys._getframe(2)
    while frame.f_globals.get("__name__") == "typing" and frame.f_back is not None:
        frame = frame.f_back
    name: str = frame.f_globals.get("__name__", "")
    return name


class ContextProvider:
    """A container of context values."""

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}
        self._fingerprints: dict[str, bytes] = {}
        self._state_functions: dict[bytes, list[StateFunction]] = {}
        self._states: dict[bytes, tuple[StoredValue, ...]] = {}
        self._exit_stack = AsyncExitStack()

    def provide(self, key: ContextKey[T], value: T) -> T:
        """Set the value of a key.

        Of a key that detects changes, the value is fingerprinted, and its state functions are asked for a first state
        (CTX-06). TypeError if it can't be; RuntimeError for an async state function while an event loop runs.
        """
        if key.detect_change:
            fingerprint, functions = fingerprint_with_states((key.key, value))
            states = states_at_provision(key.key, functions)
            before = self._fingerprints.get(key.key, b"")
            self._state_functions.pop(before, None)
            self._states.pop(before, None)
            self._fingerprints[key.key] = fingerprint
            if functions:
                self._state_functions[fingerprint] = functions
                self._states[fingerprint] = states
        self._values[key.key] = value
        return value

    def provide_with(self, key: ContextKey[T], cm: AbstractContextManager[T]) -> T:
        """Enter a context manager and provide what it gives; `aclose` exits it."""
        return self.provide(key, self._exit_stack.enter_context(cm))

    async def provide_async_with(self, key: ContextKey[T], cm: AbstractAsyncContextManager[T]) -> T:
        """Enter an async context manager and provide what it gives; `aclose` exits it."""
        return self.provide(key, await self._exit_stack.enter_async_context(cm))

    def get(self, key: ContextKey[Any] | str, t: type[Any] | None = None) -> Any:
        """The value of a key. KeyError when there is none; TypeError when what a name stands for is no `t`."""
        name = key if isinstance(key, str) else key.key
        try:
            value = self._values[name]
        except KeyError:
            raise KeyError(f"no value is provided for context key {name!r}; provide it in the lifespan") from None
        if t is not None and isinstance(key, str) and not isinstance(value, t):
            raise TypeError(f"context key {name!r}: expected {t.__name__}, got {type(value).__name__}")
        return value

    def fingerprint(self, key: ContextKey[Any]) -> bytes:
        """The fingerprint of (name, value) of a change-detecting key."""
        return self._fingerprints[key.key]

    def state_functions(self, fingerprint: bytes) -> Sequence[StateFunction]:
        """The state functions of the value with this fingerprint."""
        return self._state_functions.get(fingerprint, ())

    def states(self, fingerprint: bytes) -> tuple[StoredValue, ...]:
        """The states that the state functions of a value gave last."""
        return self._states.get(fingerprint, ())

    def note_states(self, fingerprint: bytes, states: tuple[StoredValue, ...]) -> None:
        """The state functions of a value have been asked again. What is read of it from now on has these states."""
        if fingerprint in self._states:
            self._states[fingerprint] = states

    def offers(self, fingerprint: bytes) -> bool:
        """Whether some change-detecting key has this fingerprint now."""
        return fingerprint in self._fingerprints.values()

    async def aclose(self) -> None:
        """Exit what `provide_with` and `provide_async_with` entered, last first."""
        await self._exit_stack.aclose()
