"""The error of a run that did not go as it should."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Self

from ..values import CocoSimError
from ._place import Place

if TYPE_CHECKING:
    from ._compare import Difference
    from ._story import Expect

__all__ = ["ExpectationFailed"]


class ExpectationFailed(CocoSimError, AssertionError):
    """A story did not go as it says.

    `place` is the line that was not met, `verdict` one sentence without its full stop, `lines` show the difference. An
    error that nothing expected is the `__cause__`. `oracle` names the oracle that says so, if it is one.
    """

    oracle = ""

    def __init__(self, verdict: str, *, place: Place, lines: Sequence[str] = ()) -> None:
        super().__init__("\n".join([f"{place}: {verdict}.", *("  " + line for line in lines)]))
        self.verdict = verdict
        self.place = place
        self.lines = list(lines)

    @classmethod
    def at(cls, step: Expect, unmet: Sequence[tuple[str, Difference]]) -> Self:
        """Looks of `step` did not see what it expects: at least one, by name."""
        return cls(
            "; ".join(difference.fact for _, difference in unmet),
            place=step.places.get(unmet[0][0], step.place),
            lines=[line for _, difference in unmet for line in difference.lines],
        )
