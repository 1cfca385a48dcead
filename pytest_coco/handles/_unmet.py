"""The error of an expectation that a test has written down."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NoReturn

__all__ = ["Unmet", "refuse"]


class Unmet(AssertionError):
    """An expectation of a test was not met: `fact` is one sentence without its full stop, `lines` show it."""

    __module__ = "pytest_coco.handles"  # which failures are shown with

    def __init__(self, fact: str, lines: Iterable[str] = ()) -> None:
        self.fact = fact
        self.lines = list(lines)
        super().__init__("\n".join([f"{fact}.", *("  " + line for line in self.lines)]))


def refuse(fact: str, lines: Iterable[str] = ()) -> NoReturn:
    """Fail, at the line of the test. Raises Unmet."""
    __tracebackhide__ = True
    raise Unmet(fact, lines)
