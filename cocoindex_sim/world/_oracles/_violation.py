"""What an oracle says: its name, one sentence, and the lines that show it."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from .._compare import clipped
from .._failed import ExpectationFailed
from .._place import Place

__all__ = ["ORACLES", "OracleViolated", "Violation", "clipped", "difference_lines", "shown"]

ORACLES: tuple[str, ...] = (
    "convergence",
    "idempotence",
    "ready",
    "orphans",
    "stale",
    "offsets",
    "crash",
    "termination",
    "determinism",
)
"""The names of all oracles. `crash` and `determinism` are judged by comparing runs, the others in every run."""

VALUE_CHARS_MAX = 60


class Violation(NamedTuple):
    """One verdict: the oracle's name, a sentence without its full stop, and lines to show below it."""

    oracle: str
    fact: str
    lines: Sequence[str] = ()


class OracleViolated(ExpectationFailed):
    """A run broke a rule that holds for every pipeline. `oracle` names the rule, `also` others that it broke."""

    def __init__(
        self, violation: Violation, *, place: Place, also: Sequence[Violation] = (), excepted: Sequence[str] = ()
    ) -> None:
        lines = [*violation.lines]
        lines += [f"also broken: {other.oracle}: {other.fact}" for other in also]
        if excepted:
            lines += ["not judged, for their failure was reported:", *(f"  {line}" for line in excepted)]
        super().__init__(f"{violation.oracle}: {violation.fact}", place=place, lines=lines)
        self.oracle = violation.oracle
        self.also = tuple(other.oracle for other in also)


def shown(value: object) -> str:
    """A value of a target on one line; None is absence."""
    if value is None:
        return "(nothing)"
    if isinstance(value, bytes):
        with contextlib.suppress(UnicodeDecodeError):
            value = value.decode()
    text = repr(value)
    return text if len(text) <= VALUE_CHARS_MAX else f"{text[: VALUE_CHARS_MAX - 1]}… ({len(text)} characters)"


def difference_lines(expected: Mapping[str, object], actual: Mapping[str, object], keys: Sequence[str]) -> list[str]:
    """For each of these keys: what it is, what was expected and what is there."""
    lines: list[str] = []
    for key in keys:
        lines += [key, f"    expected  {shown(expected.get(key))}", f"    actual    {shown(actual.get(key))}"]
    return clipped(lines)
