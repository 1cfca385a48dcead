"""What a check finds: the fact, what to do about it, and what happened on the way there."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Sequence
from pathlib import Path

from cocoindex_sim.world import ExpectationFailed, Place

__all__ = ["ContractBroken", "HookFailed", "HookUnusable", "place_of", "traceback_lines"]


_ROOM = Path(__file__).parent


class ContractBroken(ExpectationFailed):
    """A connector does not keep its contract: `verdict` is the fact, `fix` what its author has to do about it."""

    def __init__(self, verdict: str, *, fix: str, place: Place, lines: Sequence[str] = ()) -> None:
        super().__init__(verdict, place=place, lines=lines)
        self.fix = fix
        self.oracle = "contract"


class HookFailed(ContractBroken):
    """A hook that the author of a contract class wrote raised, or gave something else than it has to."""


class HookUnusable(HookFailed):
    """A hook is not written, or gives nothing that can be tested; so it is for every check. `short` says it briefly."""

    def __init__(self, verdict: str, *, fix: str, place: Place, short: str) -> None:
        super().__init__(verdict, fix=fix, place=place)
        self.short = short


def place_of(subject: type) -> Place:
    """Where a contract class is written."""
    try:
        return Place(Path(inspect.getfile(subject)), inspect.getsourcelines(subject)[1])
    except (OSError, TypeError):  # a class that was made, not written
        return Place(Path("<unknown>"), 1)


def traceback_lines(error: BaseException) -> list[str]:
    """An exception with its traceback, line by line, without the frames of this room; none when no other is in it."""
    told = traceback.TracebackException.from_exception(error)
    errors: list[traceback.TracebackException] = []
    each: traceback.TracebackException | None = told
    while each is not None and each not in errors:
        errors.append(each)
        each.stack = traceback.StackSummary.from_list(
            [frame for frame in each.stack if Path(frame.filename).parent != _ROOM]
        )
        each = each.__cause__ or each.__context__
    return "".join(told.format()).splitlines() if any(each.stack for each in errors) else []
