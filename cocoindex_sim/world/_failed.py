"""The error of a run that did not go as it should."""

from __future__ import annotations

from collections.abc import Sequence

from ..values import CocoSimError
from ._place import Place

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
