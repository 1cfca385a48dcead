"""What a check that failed says: the fact, what to do, how to repeat it, and what happened."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cocoindex_sim.world import Place

from .._columns import clipped, wrapped
from ._broken import ContractBroken

__all__ = ["failure_text"]


def failure_text(error: ContractBroken, found_by: str, command: str = "") -> str:
    """The whole report, at most 100 columns wide but for the command to repeat it."""
    sentences = f"{_nearest(error.place)}: {error.verdict}.", f"to do: {error.fix}."
    lines = [line for sentence in sentences for line in wrapped(sentence, breaks_words=False)]
    lines += [f"found by: {found_by}"]
    lines += ["repeat it (from the rootdir):", f"  {command}"] if command else []
    lines += ["", *(clipped("  " + line if line else "") for line in error.lines)] if error.lines else []
    return "\n".join(lines)


def _nearest(place: Place) -> Place:
    """The place as somebody in the working directory would call it."""
    below = place.path.is_relative_to(Path.cwd())
    return replace(place, path=place.path.relative_to(Path.cwd())) if below else place
