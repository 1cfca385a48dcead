"""State functions of context values: asked together with those of the arguments (CTX-06)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from ..ports import Dependencies, StoredValue
from ..values import NON_EXISTENCE
from ._codec import encode_value
from ._fingerprint import StateFunction
from ._memo_state import MemoStateOutcome, StateCheck

if TYPE_CHECKING:
    from ._context_keys import ContextProvider

__all__ = ["StoredStates", "states_at_provision"]


class StoredStates:
    """The states a result was stored with: those of its arguments, then those of the context values it read."""

    __slots__ = ("_arguments", "_dependencies", "_provider", "functions", "stored")

    def __init__(
        self,
        functions: Sequence[StateFunction],
        stored: Sequence[StoredValue],
        dependencies: Dependencies,
        provider: ContextProvider,
    ) -> None:
        self.functions = functions
        self.stored = stored
        self._arguments = len(functions)
        self._dependencies = dependencies
        self._provider = provider
        if dependencies.context_states:
            self.functions, self.stored = list(functions), list(stored)
            for fingerprint, states in dependencies.context_states:
                self.functions.extend(provider.state_functions(fingerprint))
                self.stored.extend(states)

    def answered(self, check: StateCheck) -> tuple[tuple[StoredValue, ...], Dependencies]:
        """The states to store from here on: those of the arguments, and the dependencies with those of the context."""
        if not self._dependencies.context_states:
            return check.states, self._dependencies
        at, states = self._arguments, []
        for fingerprint, _ in self._dependencies.context_states:
            end = at + len(self._provider.state_functions(fingerprint))
            states.append((fingerprint, check.states[at:end]))
            self._provider.note_states(fingerprint, check.states[at:end])
            at = end
        return check.states[: self._arguments], replace(self._dependencies, context_states=tuple(states))

    def to_recollect(self, check: StateCheck) -> tuple[int, ...]:
        """Which states of the arguments are to be asked again after the body. Context values can't ask for it."""
        return tuple(place for place in check.recollect if place < self._arguments)


def states_at_provision(key: str, functions: Sequence[StateFunction]) -> tuple[StoredValue, ...]:
    """The states of a value that is being provided. RuntimeError for an async state function while a loop runs."""
    return tuple([encode_value(_ask_now(key, function).state) for function in functions])


def _ask_now(key: str, function: StateFunction) -> MemoStateOutcome:
    outcome = function(NON_EXISTENCE)
    if inspect.isawaitable(outcome):
        if asyncio._get_running_loop() is not None:
            if inspect.iscoroutine(outcome):
                outcome.close()
            raise RuntimeError(
                f"context key {key!r}: the state function of its value is async and can't be called while an event loop"
                " runs; make it sync, or provide the value outside of async code"
            )
        loop = asyncio.new_event_loop()
        try:
            outcome = loop.run_until_complete(_awaited(outcome))
        finally:
            loop.close()
    if not isinstance(outcome, MemoStateOutcome):
        raise TypeError(f"a memo state function must return a MemoStateOutcome, got {outcome!r}")
    return outcome


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work
