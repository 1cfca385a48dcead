"""State functions of memo arguments: asked whether a stored result still stands (MEM-20..24)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache, partial
from types import UnionType
from typing import Any, NamedTuple, TypeVar, Union, get_args, get_origin

from ..ports import StoredValue
from ..values import NON_EXISTENCE, NonExistenceType
from ._codec import annotation_of, decode_value, encode_value
from ._fingerprint import StateFunction

__all__ = [
    "MemoStateOutcome",
    "StateCheck",
    "check_states",
    "check_states_now",
    "initial_states",
    "initial_states_now",
    "surely_stand",
    "with_quick_check",
]


class MemoStateOutcome(NamedTuple):
    """What a state function says: the state to store, and whether the result stored with the previous one stands.

    `recollect_after_run`: when it does not stand, ask again after the body ran, as on a first run (inline calls only).
    """

    state: Any
    memo_valid: bool = False
    recollect_after_run: bool = False


FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])


def with_quick_check(check: Callable[[Any, Any], bool]) -> Callable[[FunctionT], FunctionT]:
    """Of an async method that is a state function: give it a quick look that may make waiting for it needless.

    `check(instance, previous state)` says whether the method would surely answer that this state stands, and is to be
    stored as it is. It must not call code that waits.
    """

    def decorate(function: FunctionT) -> FunctionT:
        function.quick_check = check  # type: ignore[attr-defined]  # found through the bound method, too
        return function

    return decorate


def surely_stand(functions: Sequence[StateFunction], stored: Sequence[StoredValue]) -> bool:
    """Whether all states are known to stand as they are, without waiting. If not, they have to be asked."""
    for function, state in zip(functions, stored, strict=True):
        check = getattr(function, "quick_check", None)
        if check is None or not check(function.__self__, decode_value(state, _state_type(function))):  # type: ignore[attr-defined]
            return False
    return True


class StateCheck(NamedTuple):
    """The answers of all state functions of one call. `recollect`: which of them to ask again, by position."""

    valid: bool
    states: tuple[StoredValue, ...]
    recollect: tuple[int, ...]


_NOTHING_TO_CHECK = StateCheck(True, (), ())


async def check_states(functions: Sequence[StateFunction], stored: Sequence[StoredValue]) -> StateCheck:
    """Ask every state function about the state stored for it."""
    if not functions:
        return _NOTHING_TO_CHECK
    return _judged([await _outcome(answer) for answer in _ask_again(functions, stored)])


def check_states_now(functions: Sequence[StateFunction], stored: Sequence[StoredValue]) -> StateCheck:
    """As `check_states`, in a sync function."""
    if not functions:
        return _NOTHING_TO_CHECK
    return _judged([_outcome_now(answer) for answer in _ask_again(functions, stored)])


async def initial_states(
    functions: Sequence[StateFunction], check: StateCheck | None = None
) -> tuple[StoredValue, ...]:
    """The states to store with a result just computed; after a failed check, those of the check but for `recollect`."""
    if not functions:
        return ()
    return _encoded(check, [await _outcome(answer) for answer in _ask_first(functions, check)])


def initial_states_now(functions: Sequence[StateFunction], check: StateCheck | None) -> tuple[StoredValue, ...]:
    """As `initial_states`, in a sync function."""
    if not functions:
        return ()
    return _encoded(check, [_outcome_now(answer) for answer in _ask_first(functions, check)])


def _ask_again(functions: Sequence[StateFunction], stored: Sequence[StoredValue]) -> Iterator[Any]:
    # As many as there are functions: equal fingerprints say so (MEM-05).
    for function, state in zip(functions, stored, strict=True):
        yield function(decode_value(state, _state_type(function)))


def _ask_first(functions: Sequence[StateFunction], check: StateCheck | None) -> Iterator[Any]:
    for place in range(len(functions)) if check is None else check.recollect:
        yield functions[place](NON_EXISTENCE)


def _judged(outcomes: Sequence[MemoStateOutcome]) -> StateCheck:
    return StateCheck(
        all(outcome.memo_valid for outcome in outcomes),
        tuple(encode_value(outcome.state) for outcome in outcomes),
        tuple(
            place for place, outcome in enumerate(outcomes) if outcome.recollect_after_run and not outcome.memo_valid
        ),
    )


def _encoded(check: StateCheck | None, outcomes: Iterable[MemoStateOutcome]) -> tuple[StoredValue, ...]:
    new = [encode_value(outcome.state) for outcome in outcomes]
    if check is None:
        return tuple(new)
    states = list(check.states)
    for place, state in zip(check.recollect, new, strict=True):
        states[place] = state
    return tuple(states)


async def _outcome(answer: Any) -> MemoStateOutcome:
    return _checked(await answer if inspect.isawaitable(answer) else answer)


def _outcome_now(answer: Any) -> MemoStateOutcome:
    if not inspect.isawaitable(answer):
        return _checked(answer)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(_outcome(answer))  # a worker thread: nobody else's loop waits for it
    if inspect.iscoroutine(answer):
        answer.close()
    raise RuntimeError("a memo state function is async, and the memoized function is called on the event loop"
                       " without await: Use @coco.fn.as_async")  # fmt: skip


def _checked(outcome: Any) -> MemoStateOutcome:
    if not isinstance(outcome, MemoStateOutcome):
        raise TypeError(f"a memo state function must return a MemoStateOutcome, got {outcome!r}")
    return outcome


def _state_type(function: StateFunction) -> Any:
    """The type a stored state is read as: the annotation of the parameter, without the absence marker."""
    if isinstance(function, partial):
        return _annotated_state(function.func)
    return _annotated_state(getattr(function, "__func__", function))


@lru_cache(maxsize=256)
def _annotated_state(function: Callable[..., Any]) -> Any:
    """Of a function that takes the instance, then the state."""
    try:
        name = list(inspect.signature(function).parameters)[1]
    except (TypeError, ValueError, IndexError):  # no function of that form: it will say so itself
        return Any
    hint = annotation_of(inspect.unwrap(function), name)
    if get_origin(hint) in (Union, UnionType):
        members = tuple(member for member in get_args(hint) if member is not NonExistenceType)
        return Union[members]  # noqa: UP007  # a union of a computed tuple
    return hint
