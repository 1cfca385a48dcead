"""No stale apply: per key, what is applied follows the order of the source's versions; nothing is applied too late."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...values import (
    ActionsApplied,
    ComponentMounted,
    ComponentRemoved,
    ComponentStarted,
    LiveStarted,
    RunFinished,
    RunStarted,
    StablePath,
)
from .._trace import Entry
from ._changes import Applied
from ._violation import Violation, clipped, shown

__all__ = ["Regression", "applied_late", "regressions", "stale"]


class Regression(NamedTuple):
    """A value that was applied after a newer one. `older` and `newer` are numbers of versions, from 0."""

    applied: Applied
    older: int
    newer: int


def regressions(
    applied: Iterable[Applied], versions: Sequence[Mapping[str, object] | None], *, told_again: Iterable[int] = ()
) -> Iterator[Regression]:
    """Each value that was applied after something newer.

    `versions`: what a fresh run makes of each version of the sources, oldest first; None where it raised, so that
    nothing is known. A value that no version gives, such as one made of two versions, tells nothing. `told_again`: the
    entries of the trace at which what was not committed may be told once more, so that order begins anew; ascending.
    """
    last: dict[str, int] = {}
    beginnings = deque(told_again)
    for change in applied:
        while beginnings and beginnings[0] <= change.entry:
            beginnings.popleft()
            last.clear()
        key, value = change.key, change.value
        at = last.get(key, 0)
        for number in range(at, len(versions)):
            version = versions[number]
            if version is None or version.get(key) == value:
                last[key] = number
                break
        else:
            older = next((n for n in range(at - 1, -1, -1) if _gives(versions[n], key, value)), None)
            if older is not None:
                yield Regression(change, older, at)


def stale(found: Iterable[Regression], versions: Sequence[Mapping[str, object] | None]) -> Violation | None:
    """The verdict on what was applied after something newer."""
    lines: list[str] = []
    for change, older, newer in found:
        lines += [
            change.key,
            f"    applied   {shown(change.value)}, of version {older + 1} of the sources",
            f"    after     {shown((versions[newer] or {}).get(change.key))}, of version {newer + 1}",
        ]
    if not lines:
        return None
    return Violation("stale", "an older value was applied after a newer one", clipped(lines))


def _gives(version: Mapping[str, object] | None, key: str, value: object) -> bool:
    return version is not None and version.get(key) == value


def applied_late(entries: Iterable[Entry], applied: Iterable[Applied]) -> Violation | None:
    """What was applied though its component was removed, its update was over, or its process was dead."""
    lines = [f"{change.key}: {shown(change.value)}, when no update was running" for change in applied if change.late]
    removed: set[StablePath] = set()
    runs = 0
    for entry in entries:
        event = entry.what
        if isinstance(event, ActionsApplied):
            if not runs:
                lines.append(f"{entry.line()}: when no update was running")
            elif event.path in removed:
                lines.append(f"{entry.line()}: after the component was removed")
        elif isinstance(event, ComponentStarted):
            if removed:
                removed.discard(event.path)
                if any(above in removed for above in event.path.ancestors()):
                    lines.append(f"{entry.line()}: below a component that was removed")
        elif isinstance(event, ComponentMounted | LiveStarted):
            removed.discard(event.path)
        elif isinstance(event, ComponentRemoved):
            removed.add(event.path)
        elif isinstance(event, RunStarted):
            runs += 1
        elif isinstance(event, RunFinished):
            runs -= 1
        elif event == "crash":
            runs = 0
    if not lines:
        return None
    return Violation("stale", "something was applied after its time", clipped(lines))
