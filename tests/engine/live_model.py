"""What live components ask for, and what the targets must hold then. Nothing of the engine is used: the model is its judge."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

Place: TypeAlias = tuple[str, ...]
"""A component, by the names that lead to it."""

LIVE = "live"
"""What stands where a live component does: it has its own log."""


class Spec(NamedTuple):
    """What is mounted somewhere: the kind of component, and a value that it declares."""

    kind: str
    value: int


ITEM_KINDS = ["plain", "memo", "tree", "memo tree", "table", "memo table"]
KINDS = [*ITEM_KINDS, "live", "around"]


def built(spec: Spec) -> dict[Place, Any]:
    """What a component and those below it declare, by their places below it."""
    kind, value = spec
    match kind.removeprefix("memo "):
        case "tree":
            return {(): value, **{(name,): value for name in "xy"[: value % 3]}}
        case "table":
            return {(): {"own": value, **({"child": value} if value % 2 else {})}}
        case "live":
            return {(): LIVE}
        case "around":
            return {(): value, ("L",): LIVE}
    return {(): value}


def is_below(place: Place, top: Place) -> bool:
    """At it or below it."""
    return place[: len(top)] == top


@dataclass
class Full:
    """A complete cycle that was asked for; `found` is what its `process` found, None if it did not or failed."""

    began: bool = False
    found: dict[str, Spec | int] | None = None


class Operation(NamedTuple):
    """An update of the place, or its removal if there is no spec."""

    place: Place
    spec: Spec | None


@dataclass
class Log:
    """What one instance of a live component asked for, in order."""

    entries: list[Full | Operation] = field(default_factory=list)

    def next_full(self) -> Full:
        """The cycle whose turn it is: they run one after the other."""
        full = next(entry for entry in self.entries if isinstance(entry, Full) and not entry.began)
        full.began = True
        return full

    def left(self) -> dict[Place, Any]:
        """What is left of all of it, by place below the live component."""
        standing: dict[Place, Any] = {}
        for entry in self.entries:
            if isinstance(entry, Full):
                if entry.found is not None:
                    standing = {}
                    for name, spec in entry.found.items():
                        if isinstance(spec, Spec):
                            standing.update({(name, *below): one for below, one in built(spec).items()})
                        else:
                            standing[()] = spec
            else:
                standing = {one: value for one, value in standing.items() if not is_below(one, entry.place)}
                if entry.spec is not None:
                    standing.update({(*entry.place, *below): one for below, one in built(entry.spec).items()})
        return standing


@dataclass
class Told:
    """The last thing a feed had to tell of one item, and whether it knows that this was done."""

    spec: Spec | None
    done: bool = False


@dataclass
class Sources:
    """What is outside the process: what each live component scans, what the feed has told, which of all are mounted."""

    scanned: dict[Place, dict[str, Spec | int]] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    refreshed: int = 0
    mounted: set[str] = field(default_factory=lambda: {"top", "view", "feed", "refresh"})

    def of(self, place: Place) -> dict[str, Spec | int]:
        """What the live component there scans."""
        return self.scanned.setdefault(place, {})


def expected(mounted: set[str], sources: Sources, logs: dict[Place, Log]) -> dict[Place, Any]:
    """What the targets hold, by place, when nothing failed and nothing is under way."""
    found: dict[Place, Any] = {}

    def add(top: Place) -> None:
        for below, one in logs[top].left().items():
            if one == LIVE:
                add((*top, *below))
            else:
                found[(*top, *below)] = one

    for name in ("top", "view"):
        if name in mounted:
            add((name,))
    if "feed" in mounted:
        for key, one in sources.told.items():
            if one.spec is not None:
                found.update({("feed", key, *below): value for below, value in built(one.spec).items()})
    if "refresh" in mounted:
        found["refresh",] = sources.refreshed
    return found
