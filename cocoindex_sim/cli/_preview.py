"""A preview as a diff that people can read."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Sequence

from ..engine import PlannedChange

__all__ = ["preview_lines"]

_SIGNS = {"add": "+", "change": "~", "remove": "-", "assert": "="}
_ACTION_LENGTH_MAX = 160

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _ACTION_LENGTH_MAX
_short.maxtuple = _short.maxlist = _short.maxdict = 10


def preview_lines(plan: Sequence[PlannedChange]) -> Iterator[str]:
    """One line for each target state, in the order of their paths, its action below it, and the counts.

    `=` marks what is there already and is applied again in every run, as directories are.
    """
    if not plan:
        yield "No target actions planned."
        return
    yield "Preview: planned target actions"
    for change in sorted(plan, key=lambda change: change.target):
        yield f"{_SIGNS[change.kind]} {change.target}  (by {change.component})"
        yield f"    {_short.repr(change.action)}"
    kinds = [change.kind for change in plan]
    counts = ", ".join(f"{kinds.count(kind)} to {kind}" for kind in _SIGNS if kind in kinds)
    yield f"{counts}."
