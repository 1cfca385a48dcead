"""Durations as people write them: `5s`, `250ms`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta
from fractions import Fraction

__all__ = ["UNITS", "duration_text", "parse_duration"]

UNITS: dict[str, int] = {
    "us": 1,
    "ms": 1_000,
    "s": 1_000_000,
    "m": 60_000_000,
    "h": 3_600_000_000,
    "d": 86_400_000_000,
}
"""Microseconds in each unit, smallest first."""

_PART = re.compile(r"(\d+(?:\.\d+)?)(us|ms|s|m|h|d)")


def parse_duration(text: str) -> timedelta:
    """The duration that `text` names, one or more numbers with their units, largest unit first.

    Raises: ValueError saying what is wrong with it.
    """
    microseconds = Fraction(0)
    at, size_before = 0, 0
    while at < len(text) or not text:
        part = _PART.match(text, at)
        if part is None:
            raise ValueError(f"{text!r} is not a duration; write a number and a unit ({', '.join(UNITS)}), as in '5s'")
        size = UNITS[part[2]]
        if size_before and size >= size_before:
            raise ValueError(f"{text!r} is not a duration; write larger units first, each once, as in '1h30m'")
        microseconds += Fraction(part[1]) * size
        at, size_before = part.end(), size
    if microseconds.denominator != 1:
        raise ValueError(f"{text!r} is finer than a microsecond")
    try:
        return timedelta(microseconds=int(microseconds))
    except OverflowError:
        raise ValueError(f"{text!r} is too long; the limit is {timedelta.max.days} days") from None


def duration_text(duration: timedelta) -> str:
    """How a duration is written, with the largest units that fit: the inverse of `parse_duration`."""
    left = (duration.days * 86_400 + duration.seconds) * 1_000_000 + duration.microseconds
    parts = []
    for unit, size in reversed(UNITS.items()):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
