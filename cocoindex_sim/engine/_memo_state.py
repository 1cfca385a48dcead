"""State functions of memo arguments: asked whether a stored result still stands (MEM-20..24)."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from ..ports import StoredValue
from ..values import NON_EXISTENCE, NonExistenceType
from ._codec import decode_value, encode_value
from ._fingerprint import StateFunction

__all__ = ["MemoStateOutcome", "StateCheck", "check_states", "finish_now", "initial_states"]


class MemoStateOutcome(NamedTuple):
    """What a state function says: the state to store, and whether the result stored with the previous one stands.

    `recollect_after_run`: when it does not stand, ask again after the body ran, as on a first run (inline calls only).
    """

    state: Any
    memo_valid: bool = False
    recollect_after_run: bool = False


class StateCheck(NamedTuple):
    """The answers of all state functions of one call."""

    valid: bool
    states: tuple[StoredValue, ...]
    recollect: bool


async def check_states(functions: Sequence[StateFunction], stored: Sequence[StoredValue]) -> StateCheck:
    """Ask every state function about the state stored for it."""
    if not functions and not stored:
        return StateCheck(True, (), False)
    if len(functions) != len(stored):
        return StateCheck(False, await initial_states(functions), False)
    previous = (decode_value(state, _state_type(function)) for function, state in zip(functions, stored, strict=True))
    outcomes = [await _ask(function, state) for function, state in zip(functions, previous, strict=True)]
    return StateCheck(
        all(outcome.memo_valid for outcome in outcomes),
        tuple(encode_value(outcome.state) for outcome in outcomes),
        any(outcome.recollect_after_run and not outcome.memo_valid for outcome in outcomes),
    )


async def initial_states(functions: Sequence[StateFunction]) -> tuple[StoredValue, ...]:
    """The states to store with a result that was just computed."""
    return tuple([encode_value((await _ask(function, NON_EXISTENCE)).state) for function in functions])


async def _ask(function: StateFunction, previous: Any) -> MemoStateOutcome:
    outcome = function(previous)
    if inspect.isawaitable(outcome):
        outcome = await outcome
    if not isinstance(outcome, MemoStateOutcome):
        raise TypeError(f"a memo state function must return a MemoStateOutcome, got {outcome!r}")
    return outcome


def finish_now(work: Awaitable[Any]) -> Any:
    """The result of an awaitable that must not need the event loop, for sync functions.

    RuntimeError when it does need it: a state function that waits can only be used by async functions.
    """
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as done:
        return done.value
    steps.close()
    raise RuntimeError("a memo state function waits for the event loop inside a sync function: Use @coco.fn.as_async")


_state_types: dict[Callable[..., Any], Any] = {}


def _state_type(function: StateFunction) -> Any:
    """The type a stored state is read as: the annotation of the parameter, without the absence marker."""
    plain = getattr(function, "__func__", function)
    if plain not in _state_types:
        _state_types[plain] = _annotated_state(function)
    return _state_types[plain]


def _annotated_state(function: StateFunction) -> Any:
    try:
        name = next(iter(inspect.signature(function).parameters))
        hint = get_type_hints(function).get(name, Any)
    except Exception:  # unresolvable annotations count as absent (MEM-32)
        return Any
    if get_origin(hint) in (Union, UnionType):
        members = tuple(member for member in get_args(hint) if member is not NonExistenceType)
        return Union[members]  # noqa: UP007  # a union of a computed tuple
    return hint
