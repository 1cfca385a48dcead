"""Termination: what is to end ends, and what is to go on does not end."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...values import DeadlockError, LimitError, TasksLeftError
from ._violation import Violation, clipped, difference_lines

__all__ = ["ended_early", "is_endless", "left_tasks", "never_ready", "no_end"]


def is_endless(error: BaseException | None) -> bool:
    """Whether an error says that something did not end."""
    return isinstance(error, DeadlockError | LimitError | TasksLeftError)


def no_end(what: str, error: BaseException) -> Violation:
    """An update or drop that did not end, by the error that says so."""
    first, *lines = str(error).splitlines() or [""]
    return Violation("termination", f"{what} does not end: {type(error).__name__}: {first}", clipped(lines))


def never_ready(waiting: str) -> Violation:
    """A live update that has been left alone and is not ready; `waiting`: who waits where."""
    fact = "a live update that has been left alone for two minutes is not ready; its tasks, and where they wait"
    return Violation("termination", fact, clipped(waiting.splitlines()))


def left_tasks(names: Sequence[str]) -> Violation | None:
    """What goes on after a catch-up update has ended."""
    if not names:
        return None
    return Violation("termination", f"the update has ended and left {len(names)} tasks behind", clipped(sorted(names)))


def ended_early(
    expected: Mapping[str, object], actual: Mapping[str, object], excepted: Collection[str]
) -> Violation | None:
    """A live update that ended by itself, and so did not take in what changed after that."""
    wrong = sorted(
        key for key in expected.keys() | actual.keys() if key not in excepted and expected.get(key) != actual.get(key)
    )
    if not wrong:
        return None
    fact = "the live update ended before it was told to, and the targets did not follow what changed since"
    return Violation("termination", fact, difference_lines(expected, actual, wrong))
