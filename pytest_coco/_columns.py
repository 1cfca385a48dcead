"""Lines of a report: printable, and no wider than a terminal that nobody made larger."""

from __future__ import annotations

import textwrap
from typing import Final

__all__ = ["COLUMNS", "clipped", "wrapped"]

COLUMNS: Final = 100


def _printable(line: str) -> str:
    """The line with what can't be printed spelled out."""
    # Control characters would break the layout, and some of them the JUnit file.
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def clipped(line: str) -> str:
    """The line as far as it fits."""
    line = _printable(line)
    return line if len(line) <= COLUMNS else line[: COLUMNS - 1] + "…"


def wrapped(sentence: str, *, breaks_words: bool = True) -> list[str]:
    """A sentence on as many lines as it takes."""
    text = _printable(sentence)
    return textwrap.wrap(text, COLUMNS, break_on_hyphens=False, break_long_words=breaks_words) or [""]
