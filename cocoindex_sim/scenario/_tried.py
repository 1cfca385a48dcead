"""How a scenario is explored, where it says so itself: the options of pytest that may be said of one test."""

from __future__ import annotations

from typing import Final

from ..world import CRASHES, DRAWN_FAULTS, POLICIES
from ._app_steps import COUNT
from ._mappings import Field, Fields
from ._node import one_of
from ._shapes import Number, Parsed, Truth, Word

__all__ = ["OPTIONS"]


def _faults(text: str) -> str:
    kinds = text.split(",")
    if not all(kind.strip() for kind in kinds) or (len(kinds) > 1 and {"none", "all"} & {*kinds}):
        raise ValueError(
            f"{text!r} is none of `none`, `all` and kinds of faults with commas between, as in 'EIO,ack_lost'"
        )
    for kind in map(str.strip, kinds):
        if kind not in DRAWN_FAULTS and text not in ("none", "all"):
            raise ValueError(f"unknown kind of fault {kind!r}; {one_of(kind, DRAWN_FAULTS)}")
    return text


OPTIONS: Final = Fields(
    "a mapping from options to values",
    "option",
    (
        Field("seed", Number("a seed"), "The base seed that every run's seed comes from."),
        Field("runs", Number("a number of runs"), "Runs by the policy, after one in asyncio's own order."),
        Field("policy", Word("the name of a policy", POLICIES, "unknown policy {!r}"), "What orders these runs."),
        Field("pct_depth", COUNT, "How many things have to happen in one order, for the policy `pct`."),
        Field("check_determinism", Truth(), "Whether every run is made twice, and compared."),
        Field(
            "crashes",
            Word("how many durable steps there is a crash after", CRASHES, "unknown number of crashes {!r}"),
            "After how many durable steps of each run its process is killed, in runs of their own.",
        ),
        Field(
            "faults",
            Parsed("kinds of faults", _faults, str),
            "What goes wrong when each run is repeated with faults: `none`, `all`, or kinds, as in `EIO,ack_lost`.",
        ),
        Field("shrink", Truth(), "Whether the smallest run that fails alike is looked for."),
        Field("steps_max", COUNT, "How many steps one run may take."),
        Field("events_max", COUNT, "How many events in its trace one run may take."),
        Field("time_max", COUNT, "How many virtual seconds one run may take."),
    ),
    empty="there are no options; leave the key out",
)
"""What a scenario may say of itself."""
