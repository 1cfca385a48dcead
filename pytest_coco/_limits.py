"""How far a run may go, as the options say."""

from __future__ import annotations

import re

from cocoindex_sim.world import Limits

from ._options import Options

__all__ = ["limit_lines", "limits_of"]


def limits_of(options: Options) -> Limits:
    """The limits that were asked for, and a world's own for the others."""
    limits = Limits()
    return Limits(
        steps_max=options.steps_max or limits.steps_max,
        events_max=options.events_max or limits.events_max,
        time_ns_max=None if options.time_max is None else options.time_max * 1_000_000_000,
    )


def limit_lines(sentence: str) -> list[str]:
    """What raises the limit that this sentence of a LimitError names; nothing when no option does."""
    named = re.search(r"\b(steps|events|time)(?:_ns)?_max=[0-9]+", sentence)
    if named is None:
        return []
    name = named[1]
    unit = ", in virtual seconds" if name == "time" else ""
    return [f"to raise the limit: --coco-{name}-max=N{unit}, or coco_{name}_max = N in the ini file"]
