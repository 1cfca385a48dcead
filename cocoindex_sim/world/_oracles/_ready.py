"""Ready means ready: the targets hold everything that was visible when it began."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from ._violation import Violation, clipped, shown

__all__ = ["ready"]


def ready(
    who: str,
    actual: Mapping[str, object],
    expected: Sequence[Mapping[str, object]],
    keys: Iterable[str],
    excepted: Collection[str],
) -> Violation | None:
    """What the targets did not hold when `who` said it was ready.

    `expected`: what they hold in a fresh run on the sources as they were when it began, and after each change up to
    when it was ready; a key may have the value of any of these.
    """
    lines: list[str] = []
    count = 0
    for key in sorted(keys):
        allowed = [targets.get(key) for targets in expected]
        if key in excepted or actual.get(key) in allowed:
            continue
        count += 1
        wanted = [value for at, value in enumerate(allowed) if value not in allowed[:at]]
        lines += [key, f"    expected  {' or '.join(map(shown, wanted))}", f"    actual    {shown(actual.get(key))}"]
    if not count:
        return None
    fact = f"{who} was ready and the targets did not hold what was visible when it began: {count} missing or different"
    return Violation("ready", fact, clipped(lines))
