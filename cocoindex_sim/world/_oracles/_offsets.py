"""Offsets: what is committed never passes a message that is not ready."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise

from ._violation import Violation, clipped, shown

__all__ = ["offsets"]


def offsets(
    who: str,
    offset: int,
    actual: Mapping[str, object],
    prefixes: Sequence[Mapping[str, object] | None],
    excepted: Collection[str],
) -> Violation | None:
    """What the targets did not hold when `who` committed that the first `offset` messages are done.

    `prefixes`: what a fresh run makes of the first 0, 1, ... messages, up to all that there were; None where it raised,
    so that nothing is known. Only keys that these messages concern are looked at, and none that a later message
    concerns: it stands for those before it, and will be read again (KFK-08).
    """
    done = prefixes[offset:]
    if not done or any(prefix is None for prefix in prefixes):
        return None
    known = [prefix for prefix in prefixes if prefix is not None]
    concerned = _concerned(known[: offset + 1]) - _concerned(known[offset:])
    lines: list[str] = []
    for key in sorted(concerned):
        if key in excepted or actual.get(key) == known[offset].get(key):
            continue
        first = next(at for at in range(offset, 0, -1) if key in _different(known[at - 1], known[at])) - 1
        lines += [
            key,
            f"    expected  {shown(known[offset].get(key))}, by message {first}",
            f"    actual    {shown(actual.get(key))}",
        ]
    if not lines:
        return None
    fact = f"{who} committed {offset} before the messages below that were done: {len(lines) // 3} not in the targets"
    return Violation("offsets", fact, clipped(lines))


def _concerned(prefixes: Sequence[Mapping[str, object]]) -> set[str]:
    return {key for pair in pairwise(prefixes) for key in _different(*pair)}


def _different(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
