"""What goes wrong with an external system: by script first, else by the hazards of the run."""

from __future__ import annotations

from collections.abc import Mapping

from ._hazards import Hazards

__all__ = ["InjectedTrouble", "Troubles"]


class InjectedTrouble:
    """A trouble that a script ordered: how many calls it has `seen`, and at how many it `fired`.

    It strikes the `nth` such call from when it is ordered, and `times` of them in a row.
    """

    def __init__(self, call: str, kind: str, nth: int, times: int) -> None:
        self.call = call
        self.kind = kind
        self.nth = nth
        self.times = times
        self.seen = 0
        self.fired = 0

    def __str__(self) -> str:
        return f"{self.kind} at {self.call}"

    def strikes(self) -> bool:
        """Whether it fires at this call, which it counts."""
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times


class Troubles:
    """The troubles of one external system. `known`: by call, the kinds; `sites`: by call, where hazards strike it."""

    def __init__(self, known: Mapping[str, tuple[str, ...]], sites: Mapping[str, str], hazards: Hazards) -> None:
        self._known = known
        self._sites = sites
        self._hazards = hazards
        self.injected: list[InjectedTrouble] = []
        """All that were ordered, in order, also those that are over."""
        self._lifted = False

    def inject(self, call: str, kind: str, nth: int, times: int) -> InjectedTrouble:
        """Order one. ValueError naming what does not fit."""
        if call not in self._known:
            raise ValueError(f"unknown call {call!r}; known: {', '.join(self._known)}")
        if kind not in self._known[call]:
            raise ValueError(f"{kind!r} can't happen at {call!r}; known: {', '.join(self._known[call])}")
        for name, count in (("nth", nth), ("times", times)):
            if count < 1:
                raise ValueError(f"`{name}` is {count!r}; the least is 1")
        trouble = InjectedTrouble(call, kind, nth, times)
        self.injected.append(trouble)
        return trouble

    def at(self, call: str) -> str | None:
        """What goes wrong at this call; None for nothing. A script comes before chance."""
        if self._lifted:
            return None
        struck = None
        for trouble in self.injected:
            if trouble.call == call and trouble.strikes() and struck is None:
                trouble.fired += 1
                struck = trouble.kind
        return struck or self._hazards.meet(self._sites[call], self._known[call])

    def lift(self) -> None:
        """Let nothing go wrong with it any more."""
        self._lifted = True
