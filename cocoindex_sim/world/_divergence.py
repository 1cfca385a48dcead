"""Where two traces part that should be one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

__all__ = ["divergence_lines"]

_BEFORE = 3
_AFTER = 3
_SHARED_COLUMNS_MAX = 50
_SHARED_COLUMNS_KEPT = 20


def divergence_lines(first: Sequence[str], second: Sequence[str]) -> tuple[int, list[str]]:
    """The number, from 1, of the first line that differs, and a few lines around it; 0 and none when all are equal.

    Each has its number before it; `-` marks those of the first trace and `+` those of the second, as in a diff. What
    the two lines begin with alike is shortened when it is long.
    """
    at = next((i for i, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second)))
    if at == len(first) == len(second):
        return 0, []
    shared = 0
    if at < len(first) and at < len(second):
        pairs = zip(first[at], second[at], strict=False)
        shared = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    shown = [f"  {number + 1} {first[number]}" for number in range(max(at - _BEFORE, 0), at)]
    for mark, trace in (("-", first), ("+", second)):
        for number in range(at, min(at + 1 + _AFTER, len(trace))):
            line = trace[number]
            if number == at and shared > _SHARED_COLUMNS_MAX:
                line = "…" + line[shared - _SHARED_COLUMNS_KEPT :]
            shown.append(f"{mark} {number + 1} {line}")
        if at >= len(trace):
            shown.append(f"{mark} (ends after {len(trace)} lines)")
    return at + 1, shown
