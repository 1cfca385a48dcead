"""Colours for a failure report, where the terminal has them; everywhere else it is the same text without."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest._code.code import ReprExceptionInfo
from _pytest._io import TerminalWriter

__all__ = ["MARK", "CocoFailure", "recolour"]

MARK = "coco_replay"
"""The property that the report of a failed scenario has."""

_HEADINGS = (
    "replay (",
    "repeat (",
    "found by:",
    "passes:",
    "first divergence",
    "shrunk in ",
    "trace, the last ",
    "who waits where:",
)


class CocoFailure(ReprExceptionInfo):
    """The report of a failed scenario, as text with a location. Its first sentence is the verdict."""

    def toterminal(self, tw: TerminalWriter) -> None:
        """Write it; in colour where the writer has markup."""
        for entry in self.reprtraceback.reprentries:
            in_verdict = True
            for line in "".join(entry.lines).rstrip("\n").split("\n"):
                in_verdict = in_verdict and not line.startswith(_HEADINGS)
                tw.line(line, **_markup(line, in_verdict))
        for title, content, separator in self.sections:
            tw.sep(separator, title)
            tw.line(content)


def _markup(line: str, in_verdict: bool) -> dict[str, bool]:
    if in_verdict:
        return {"red": True, "bold": True}
    if line.startswith(_HEADINGS):
        return {"bold": True}
    sign = line.lstrip()[:1]
    if line.startswith("  ") and sign in ("+", "-"):
        return {"green": True} if sign == "+" else {"red": True}
    return {}


def recolour(report: pytest.TestReport) -> None:
    """Give the report of a failed scenario the colours back that it loses on its way from a worker of pytest-xdist."""
    longrepr: Any = report.longrepr
    if type(longrepr) is ReprExceptionInfo and any(name == MARK for name, _ in report.user_properties):
        report.longrepr = CocoFailure(longrepr.reprtraceback, longrepr.reprcrash)
