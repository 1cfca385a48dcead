"""Hooks without which no check can be tried: one that is not written, and a `make` that gives nothing to test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._broken import HookUnusable, place_of
from ._flags import near_method

if TYPE_CHECKING:
    from ._contract import Contract

__all__ = ["is_unwritten", "not_made", "unwritten"]


def is_unwritten(contract: type[Contract], hook: str) -> bool:
    """Whether a hook is still the one of this room, which only says what is to be written."""
    return str(getattr(contract, hook).__module__).startswith(__name__.rpartition(".")[0])


def unwritten(contract: type[Contract], hook: str, error: NotImplementedError) -> HookUnusable:
    """That a hook is not written; `error` is what was raised in its place."""
    needed = str(error).partition(" needs ")[2]
    near = near_method(contract, hook)
    hint = "" if near is None else f"; or is it {near}(), misspelled"
    return HookUnusable(
        f"{contract.__name__} does not write the hook {hook}()",
        fix=f"write {needed}{hint}",
        place=place_of(contract),
        short=f"{contract.__name__} does not write {hook}()",
    )


def not_made(contract: type[Contract], made: Any) -> HookUnusable | None:
    """That what the hook `make` gave can't be tested; None if it can."""
    needed = contract._made_has
    missing = [name for name in needed if not callable(getattr(made, name, None))]
    if not missing and not (needed and isinstance(made, type)):
        return None
    what = f"the class {made.__name__}" if isinstance(made, type) else repr(made)
    return HookUnusable(
        f"the hook make() gave {what}, and not an object with {_calls(needed)}",
        fix="return the object that is to be tested from make()"
        + (f"; it lacks {_calls(missing)}" if missing and made is not None else ""),
        place=place_of(contract),
        short=f"make() of {contract.__name__} gives nothing to test",
    )


def _calls(names: list[str] | tuple[str, ...]) -> str:
    return " and ".join(f"{name}()" for name in names)
