"""Which faults could have struck in a session, and which did: what never happened was not tested."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

__all__ = ["FAULTS", "FaultCounts"]


class FaultCounts:
    """How often each kind of fault could have struck at each site, and how often it did."""

    def __init__(self) -> None:
        self.met: Counter[tuple[str, str]] = Counter()
        self.fired: Counter[tuple[str, str]] = Counter()

    def add(self, met: Mapping[tuple[str, str], int], fired: Mapping[tuple[str, str], int]) -> None:
        """Count what another run or another process saw."""
        self.met.update(met)
        self.fired.update(fired)

    def unfired(self, asked: Iterable[str]) -> list[str]:
        """The kinds that were asked for by name and never happened."""
        return sorted(set(asked) - {kind for _, kind in self.fired})

    def as_lists(self) -> list[list[Any]]:
        """In the form that pytest-xdist can send: site, kind, met, fired."""
        return [[site, kind, met, self.fired[site, kind]] for (site, kind), met in sorted(self.met.items())]

    def add_lists(self, rows: Iterable[list[Any]]) -> None:
        """Count what `as_lists` of another process gave."""
        for site, kind, met, fired in rows:
            self.add({(site, kind): met}, {(site, kind): fired} if fired else {})

    def lines(self) -> list[str]:
        """The summary of the session; nothing when nothing could have gone wrong."""
        if not self.met:
            return []
        never = sorted(self.met.keys() - self.fired.keys())
        sorts = f"{len(self.met) - len(never)} of {len(self.met)} sorts that could have"
        lines = [f"{self.fired.total()} faults fired, of {sorts}"]
        if never:
            lines.append("never fired: " + ", ".join(f"{kind} at {site}" for site, kind in never))
        return lines


FAULTS = pytest.StashKey[FaultCounts]()
