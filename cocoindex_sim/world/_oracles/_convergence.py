"""Convergence: the targets hold what a fresh run on the same sources brings about."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ._violation import Violation, difference_lines

__all__ = ["convergence"]


def convergence(
    expected: Mapping[str, object], actual: Mapping[str, object], excepted: Collection[str], *, when: str
) -> Violation | None:
    """What is missing from the targets or differs from the reference run; `when` completes "the targets, ..., ..."."""
    wrong = sorted(
        key for key, value in expected.items() if key not in excepted and (key not in actual or actual[key] != value)
    )
    if not wrong:
        return None
    missing = sum(key not in actual for key in wrong)
    counts = [f"{count} {word}" for count, word in ((missing, "missing"), (len(wrong) - missing, "different")) if count]
    fact = f"the targets, {when}, are not those of a fresh run on the same sources: {', '.join(counts)}"
    return Violation("convergence", fact, difference_lines(expected, actual, wrong))
