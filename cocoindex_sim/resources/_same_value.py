"""Whether a value is as it was before, also where `==` can't tell."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import Any, Final

__all__ = ["is_same_value"]

_SEQUENCES: Final[tuple[Any, ...]] = (list.__eq__, tuple.__eq__)


def is_same_value(old: Any, new: Any) -> bool:
    """Whether two values are equal, or NaN both of them, or arrays of the same; also inside lists, tuples and dicts.

    Two whose `!=` raises, or gives no truth value, are compared by their fields if they are dataclasses, and count as
    different otherwise.
    """
    if old is new:
        return True
    compare: Any = type(old).__eq__
    if compare is type(new).__eq__:
        if compare in _SEQUENCES:
            return len(old) == len(new) and all(map(is_same_value, old, new))
        if compare is dict.__eq__:
            return old.keys() == new.keys() and all(is_same_value(old[key], new[key]) for key in old)
    match _unequal(old, new):
        case False:
            return True
        case True:
            return _unequal(old, old) is True and _unequal(new, new) is True  # NaN
        case _:
            return type(old) is type(new) and is_dataclass(old) and _has_same_fields(old, new)


def _unequal(old: Any, new: Any) -> bool | None:
    """What `!=` says; None if that is no answer."""
    try:
        if getattr(old, "shape", ()):
            return _is_unequal_array(old, new)
        return _truth(old != new)
    except Exception:  # whatever the `!=` of a value may raise
        return None


def _is_unequal_array(old: Any, new: Any) -> bool | None:
    if getattr(new, "shape", ()) != old.shape:
        return True
    unequal = (old != new) & ~((old != old) & (new != new))  # noqa: PLR0124 - where NaN was and is, nothing changed
    return _truth(unequal.any())


def _truth(verdict: Any) -> bool | None:
    return bool(verdict) if isinstance(verdict, bool) or getattr(verdict, "shape", None) == () else None


def _has_same_fields(old: Any, new: Any) -> bool:
    compared = (field.name for field in fields(old) if field.compare)
    return all(is_same_value(getattr(old, name), getattr(new, name)) for name in compared)
