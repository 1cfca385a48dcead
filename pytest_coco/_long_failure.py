"""Failures whose message is a whole report; pytest's summary, which repeats messages on CI, gets its first line."""

from __future__ import annotations

from typing import Any

import pytest
from _pytest.outcomes import Failed

__all__ = ["LongFailure", "summarize"]


class LongFailure(Failed):
    """A test fails with `text`, of any number of lines, shown without a traceback."""

    def __init__(self, text: str) -> None:
        super().__init__(text, pytrace=False)


def summarize(report: pytest.TestReport) -> None:
    """Leave only the first line of the message for the summary."""
    longrepr: Any = report.longrepr
    if longrepr.reprcrash is not None:
        longrepr.reprcrash.message = longrepr.reprcrash.message.partition("\n")[0].rpartition("LongFailure: ")[2]
