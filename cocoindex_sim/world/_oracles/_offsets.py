"""Offsets: what is committed never passes a message that is not ready."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from ._violation import Violation, clipped, shown

__all__ = ["offsets"]


def offsets(
    who: str,
    done: int,
    actual: Mapping[str, object],
    prefixes: Sequence[Mapping[str, object] | None],
    excepted: Collection[str],
) -> Violation | None:
    """What the targets did not hold when `who` committed that the first `done` messages are done.

    `prefixes`: what a fresh run makes of the first 0, 1, ... messages, up to all that there were; None where it raised,
    so that nothing is known. Only keys that these messages concern are looked at, and none that a later message
    concerns: it stands for those before it, and will be read again (KFK-08).
    """
    if done >= len(prefixes) or any(prefix is None for prefix in prefixes):
        return None
    known = [prefix for prefix in prefixes if prefix is not None]
    concerned = _concerned(known[: done + 1]) - _concerned(known[done:])
    lines: list[str] = []
    for key in sorted(concerned):
        if key in excepted or actual.get(key) == known[done].get(key):
            continue
        number = next(at for at in range(done, 0, -1) if key in _different(known[at - 1], known[at]))
        lines += [
            key,
            f"    expected  {shown(known[done].get(key))}, by message {number} of {done}",
            f"    actual    {shown(actual.get(key))}",
        ]
    if not lines:
        return None
    fact = f"{who} committed {done} messages before they were done: {len(lines) // 3} missing from the targets"
    return Violation("offsets", fact, clipped(lines))


def _concerned(prefixes: Sequence[Mapping[str, object]]) -> set[str]:
    return {key for pair in pairwise(prefixes) for key in _different(*pair)}


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
