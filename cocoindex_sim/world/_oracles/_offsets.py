"""Offsets: what is committed never passes a message that is not ready."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from ._violation import Violation, clipped

__all__ = ["OffsetFact", "offsets"]


class OffsetFact(NamedTuple):
    """One thing that happened to a log, in order: a message was `finished`, or an offset was `committed`.

    Finished: its component is ready, or its failure was reported. A committed offset is the next one to be read.
    """

    kind: Literal["finished", "committed"]
    partition: str
    offset: int


def offsets(
    facts: Iterable[OffsetFact], messages: Mapping[str, Sequence[int]], excepted: Collection[tuple[str, int]] = ()
) -> Violation | None:
    """Which committed offsets passed messages that were not finished.

    `messages`: the offsets that there are in each partition, rising; they may have gaps. `excepted`: (partition,
    offset) of messages whose failure was reported.
    """
    finished: set[tuple[str, int]] = set(excepted)
    lines: list[str] = []
    for kind, partition, offset in facts:
        if kind == "finished":
            finished.add((partition, offset))
            continue
        passed = [at for at in messages.get(partition, ()) if at < offset and (partition, at) not in finished]
        if passed:
            them = ", ".join(map(str, passed[:10])) + (", ..." if len(passed) > 10 else "")
            lines.append(f"{partition}: {offset} was committed and not finished: {them}")
    if not lines:
        return None
    return Violation("offsets", "a committed offset passed messages that were not finished", clipped(lines))
