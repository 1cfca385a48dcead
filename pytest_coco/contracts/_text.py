"""What a check that failed says: the fact, what to do, how to repeat it, and what happened."""

from __future__ import annotations

import textwrap
from dataclasses import replace
from pathlib import Path
from typing import Final

from cocoindex_sim.world import Place

from ._broken import ContractBroken

__all__ = ["failure_text"]

_COLUMNS: Final = 100


def failure_text(error: ContractBroken, found_by: str, command: str = "") -> str:
    """The whole report, at most 100 columns wide but for the command to repeat it."""
    lines = [*_wrap(f"{_nearest(error.place)}: {error.verdict}."), *_wrap(f"to do: {error.fix}.")]
    lines += [f"found by: {found_by}"]
    lines += ["repeat it (from the rootdir):", f"  {command}"] if command else []
    lines += ["", *(_clip("  " + line if line else "") for line in error.lines)] if error.lines else []
    return "\n".join(lines)


def _nearest(place: Place) -> Place:
    """The place as somebody in the working directory would call it."""
    below = place.path.is_relative_to(Path.cwd())
    return replace(place, path=place.path.relative_to(Path.cwd())) if below else place


def _printable(line: str) -> str:
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def _clip(line: str) -> str:
    line = _printable(line)
    return line if len(line) <= _COLUMNS else line[: _COLUMNS - 1] + "…"


def _wrap(sentence: str) -> list[str]:
    return textwrap.wrap(_printable(sentence), _COLUMNS, break_on_hyphens=False, break_long_words=False)
