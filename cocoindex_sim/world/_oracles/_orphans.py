"""No orphans: nothing is left in a target that no component declares."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ._violation import Violation, difference_lines

__all__ = ["orphans", "orphans_of_a_drop"]


def orphans(
    expected: Mapping[str, object], actual: Mapping[str, object], excepted: Collection[str], *, when: str
) -> Violation | None:
    """What the targets hold and the reference run does not bring about."""
    extra = sorted(key for key in actual if key not in expected and key not in excepted)
    if not extra:
        return None
    fact = f"the targets, {when}, hold what no component declares: {len(extra)} left behind"
    return Violation("orphans", fact, difference_lines(expected, actual, extra))


def orphans_of_a_drop(left: Mapping[str, object], excepted: Collection[str]) -> Violation | None:
    """What a drop that raised nothing left in the targets."""
    extra = sorted(key for key in left if key not in excepted)
    if not extra:
        return None
    fact = f"the app was dropped and the targets are not empty: {len(extra)} left behind"
    return Violation("orphans", fact, difference_lines({}, left, extra))
