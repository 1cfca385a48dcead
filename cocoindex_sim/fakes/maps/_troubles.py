"""What can go wrong between a map and its clients: by script first, else by the hazards of the run."""

from __future__ import annotations

from typing import Final

from .._hazards import Hazards

__all__ = ["TROUBLES", "InjectedTrouble", "Troubles"]

TROUBLES: Final[dict[str, tuple[str, ...]]] = {
    "deliver": ("duplicate", "rewind", "reorder", "late", "dies", "silent"),
    "arm": ("fails",),
    "scan": ("fails", "slow"),
    "get": ("fails",),
    "commit": ("fails", "ack_lost"),
}
"""By call, what can go wrong at it. A `deliver` is one change on its way to one subscription."""


class InjectedTrouble:
    """A trouble that a script ordered: how many calls it has `seen`, and at how many it `fired`."""

    def __init__(self, call: str, kind: str, nth: int, times: int) -> None:
        if call not in TROUBLES:
            raise ValueError(f"unknown call {call!r}; known: {', '.join(TROUBLES)}")
        if kind not in TROUBLES[call]:
            raise ValueError(f"{kind!r} can't happen at {call!r}; known: {', '.join(TROUBLES[call])}")
        for name, count in (("nth", nth), ("times", times)):
            if count < 1:
                raise ValueError(f"`{name}` is {count!r}; the least is 1")
        self.call = call
        self.kind = kind
        self.nth = nth
        self.times = times
        self.seen = 0
        self.fired = 0

    def strikes(self) -> bool:
        """Whether it fires at this call, which it counts."""
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Troubles:
    """The troubles of one map. Hazards strike at the sites `feed.NAME` (deliveries) and `feed.NAME.CALL`."""

    def __init__(self, name: str, hazards: Hazards) -> None:
        self._sites = {call: f"feed.{name}" if call == "deliver" else f"feed.{name}.{call}" for call in TROUBLES}
        self._hazards = hazards
        self.injected: list[InjectedTrouble] = []

    def at(self, call: str) -> str | None:
        """What goes wrong at this call; None for nothing. A script comes before chance."""
        struck = None
        for trouble in self.injected:
            if trouble.call == call and trouble.strikes() and struck is None:
                trouble.fired += 1
                struck = trouble.kind
        return struck or self._hazards.meet(self._sites[call], TROUBLES[call])
