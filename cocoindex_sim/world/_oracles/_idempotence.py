"""Idempotence: an update for which there is nothing to do does nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ...values import ActionsApplied, ComponentStarted, Event, FunctionStarted, StablePath
from ._changes import Applied
from ._violation import Violation, clipped, shown

__all__ = ["idempotence"]


def idempotence(
    events: Iterable[Event],
    applied: Sequence[Applied],
    *,
    idle: Collection[StablePath],
    declared: Mapping[StablePath, Collection[StablePath]],
    failed: Collection[StablePath],
) -> Violation | None:
    """What an update did that nothing called for.

    `events` are those of the update, `applied` the changes it made to targets that the world can see. Actions on
    `idle` target states change nothing that lasts by themselves (TGT-19). What failed
    before, or now, is tried again, so it may run.
    """
    lines = [f"applied    {change.key}: {shown(change.value)}" for change in applied]
    for event in events:
        if isinstance(event, ActionsApplied):
            targets = declared.get(event.path, ())
            if event.path in failed or not targets or any(target in idle for target in targets):
                continue
            lines.append(f"{event.count} actions  {event.path} through {event.sink}")
        elif isinstance(event, ComponentStarted):
            if event.memo and not _below_failed(event.path, failed):
                lines.append(f"body ran   {event.processor} at {event.path}")
        elif isinstance(event, FunctionStarted) and not _below_failed(event.path, failed):
            lines.append(f"body ran   {event.function} in {event.path}")
    if not lines:
        return None
    fact = "one more update, with nothing changed since the last, did something"
    return Violation("idempotence", fact, clipped(lines))


def _below_failed(path: StablePath, failed: Collection[StablePath]) -> bool:
    return any(path.is_at_or_below(other) or other.is_at_or_below(path) for other in failed)
