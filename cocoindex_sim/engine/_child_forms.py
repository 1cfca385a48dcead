"""Older ways for a container's sink to hand over the handler of its rows; `child_handler=` replaces both (TGT-17)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ._targets import TargetHandler, check_handler

__all__ = ["ChildSlot", "ChildTargetDef", "handlers_returned"]

HandlerT = TypeVar("HandlerT")


class ChildTargetDef(NamedTuple):
    """Deprecated: what a sink callback returns for an action whose state has rows."""

    handler: Any


class ChildSlot(Generic[HandlerT]):
    """Deprecated: what a sink callback made `with_children` fulfils for an action whose state has rows."""

    __slots__ = ("handler",)

    def __init__(self) -> None:
        self.handler: TargetHandler[Any, Any, Any] | None = None

    def fulfill(self, handler: HandlerT, /) -> None:
        """Hand over the handler of the rows; exactly once."""
        check_handler(handler)
        if self.handler is not None:
            raise ValueError("a child slot is fulfilled already; fulfill each slot once")
        self.handler = handler  # type: ignore[assignment]  # checked above


def handlers_returned(outcome: object, sink_name: str) -> dict[int, TargetHandler[Any, Any, Any]]:
    """The handlers a sink callback returned, by the index of their action."""
    if outcome is None:
        return {}
    if not isinstance(outcome, Sequence):
        raise TypeError(f"sink {sink_name} returned {outcome!r}; a sink callback returns nothing")
    warnings.warn(
        f"sink {sink_name} returned child handlers, which is deprecated: build it with `child_handler=`",
        DeprecationWarning,
        stacklevel=2,
    )
    found: dict[int, TargetHandler[Any, Any, Any]] = {}
    for index, one in enumerate(outcome):
        if one is None:
            continue
        if not isinstance(one, ChildTargetDef):
            raise TypeError(f"sink {sink_name} returned {one!r} for action {index}; expected a ChildTargetDef or None")
        check_handler(one.handler)
        found[index] = one.handler
    return found
