"""How far a run may go, as the options say."""

from __future__ import annotations

from cocoindex_sim.world import Limits

from ._options import Options

__all__ = ["limits_of"]


def limits_of(options: Options) -> Limits:
    """The limits that were asked for, and a world's own for the others."""
    limits = Limits()
    return Limits(
        steps_max=options.steps_max or limits.steps_max,
        events_max=options.events_max or limits.events_max,
        time_ns_max=None if options.time_max is None else options.time_max * 1_000_000_000,
    )
