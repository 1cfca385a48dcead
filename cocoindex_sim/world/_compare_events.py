"""What the engine told since the last look, and what was logged, beside what was expected."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from ..values import ActionsApplied, ComponentReady, Event, Symbol, event_name, event_text
from ._compare import Difference, clipped, text_problem
from ._story import Happening, LogExpectation

__all__ = ["action_counts", "compare_actions", "compare_logs", "compare_order", "compare_ready"]

_CONTAINERS: Final = Symbol("cocoindex/mount_target")
"""Containers get an action in every update (TGT-19), which changes nothing that lasts."""


def compare_actions(expected: int | tuple[tuple[str, int], ...], events: Iterable[Event]) -> Difference | None:
    """How many actions the targets got, in total or by the path of each component, against how many they should.

    Those on the containers that `mount_target` declares don't count.
    """
    counts = action_counts(events)
    if isinstance(expected, int):
        if expected == counts.total():
            return None
        lines = [f"{path}: {count}" for path, count in sorted(counts.items())]
        noun = "action" if counts.total() == 1 else "actions"
        return Difference(f"the targets got {counts.total()} {noun}; expected {expected}", clipped(lines))
    wanted = Counter(dict(expected))
    lines = [
        f"{path}: expected {wanted[path]}, was {counts[path]}"
        for path in sorted(wanted.keys() | counts.keys())
        if wanted[path] != counts[path]
    ]
    return Difference("the targets did not get the actions that were expected", clipped(lines)) if lines else None


def action_counts(events: Iterable[Event]) -> Counter[str]:
    """How many actions there were, by the path of the component; those on containers left out."""
    counts: Counter[str] = Counter()
    for event in events:
        if isinstance(event, ActionsApplied) and _CONTAINERS not in event.path.parts():
            counts[str(event.path)] += event.count
    return counts


def compare_ready(expected: bool | tuple[str, ...], is_ready: bool, events: Iterable[Event]) -> Difference | None:
    """Whether the update is ready, or which components became so, against what was expected."""
    if isinstance(expected, bool):
        if expected is is_ready:
            return None
        return Difference(f"the update is {'ready' if is_ready else 'not ready'}; it was expected to be otherwise", [])
    became = [str(event.path) for event in events if isinstance(event, ComponentReady)]
    missing = [path for path in expected if path not in became]
    if not missing:
        return None
    lines = [*(f"missing    {path}" for path in missing), "those that became ready, in this order:"]
    return Difference("not all of the components became ready", clipped([*lines, *(became or ["none"])]))


def _about(event: Event) -> str:
    for name in ("path", "target", "app"):
        if hasattr(event, name):
            return str(getattr(event, name))
    return ""


def compare_order(expected: Sequence[Happening], events: Sequence[Event]) -> Difference | None:
    """Whether these events came in this order, with whatever else between them."""
    left = list(expected)
    for event in events:
        if left and event_name(event) == left[0][0] and left[0][1] in (None, _about(event)):
            left.pop(0)
    if not left:
        return None
    name, about = left[0]
    shown = name if about is None else f"{name} of {about}"
    number = len(expected) - len(left) + 1
    fact = f"number {number} of the expected events, {shown}, did not come after those before it"
    names = {wanted for wanted, _ in expected}
    lines = [event_text(event) for event in events if event_name(event) in names]
    return Difference(fact, clipped(lines or ["there were no such events"]))


def compare_logs(expected: Sequence[LogExpectation], records: Iterable[logging.LogRecord]) -> Difference | None:
    """Whether each of these was logged; when none is expected, that nothing of level warning or above was."""
    logged = list(records)
    if not expected:
        loud = [_record_line(record) for record in logged if record.levelno >= logging.WARNING]
        told = "1 warning or error was" if len(loud) == 1 else f"{len(loud)} warnings or errors were"
        return Difference(f"{told} logged; expected none", clipped(loud)) if loud else None
    missing = [each for each in expected if not any(_is_it(each, record) for record in logged)]
    if not missing:
        return None
    lines = [f"missing    {_expectation_text(each)}" for each in missing]
    lines += ["what was logged:", *([_record_line(record) for record in logged] or ["nothing"])]
    were = "was" if len(missing) == 1 else "were"
    return Difference(f"{len(missing)} of the expected messages {were} not logged", clipped(lines))


def _is_it(expected: LogExpectation, record: logging.LogRecord) -> bool:
    if expected.level is not None and record.levelname.lower() != expected.level:
        return False
    if expected.logger is not None and not f"{record.name}.".startswith(f"{expected.logger}."):
        return False
    return not text_problem(expected.text, record.getMessage())


def _expectation_text(expected: LogExpectation) -> str:
    where = "".join(f"{part} " for part in (expected.level, expected.logger) if part is not None)
    return f"{where}{text_problem(expected.text, '').removeprefix('expected to ') or 'anything'}"


def _record_line(record: logging.LogRecord) -> str:
    message = (record.getMessage().splitlines() or [""])[0]
    return f"{record.levelname.lower()} {record.name}: {message}"
