"""PURE: what may be there, compared with what is wanted. No `await`, no ports, no state.

`look_back` turns a stored record into the arguments of a handler's `reconcile` (TGT-20); `before` and `after` give the
record to store before the sinks are called and once they have returned.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from ..ports import Generation, StoredValue, TargetRecord

__all__ = ["Past", "after_applied", "before_applied", "look_back"]


class Past(NamedTuple):
    """What may be at a target state: every possible record, oldest first, and whether it may not be there at all."""

    records: tuple[StoredValue, ...]
    may_be_missing: bool


_UNKNOWN: Final = Past((), may_be_missing=True)


def look_back(record: TargetRecord | None, container: Generation, *, reprocess: bool) -> Past:
    """The possible past of a state (TGT-20, TGT-21).

    `container`: the present generation of the provider. A destructive invalidation since the record was settled means
    the state is gone (row 12), a lossy one that it may be (row 11). `reprocess`: a full reprocess doubts everything
    that is still declared (row 4).
    """
    if record is None or record.provider_generation.destructive != container.destructive:
        return _UNKNOWN
    known = tuple(possible for possible in record.possible if possible is not None)
    doubted = reprocess or record.provider_generation.lossy != container.lossy
    return Past(known, may_be_missing=doubted or len(known) < len(record.possible))


def before_applied(
    record: TargetRecord | None, owner: bytes, container: Generation, new: StoredValue | None
) -> TargetRecord:
    """What may be there from the moment a sink is called: all that may have been before, and the new record.

    `new` is None for a deletion. A record equal to one already listed is not repeated (SE-20).
    """
    past = _past_possibles(record, container)
    possible = past if new in past else (*past, new)
    generation = None if record is None else record.generation
    return TargetRecord(owner, possible, container, generation)


def after_applied(
    owner: bytes, container: Generation, new: StoredValue | None, generation: Generation | None
) -> TargetRecord | None:
    """What is there once the sink has returned: the new record, or nothing."""
    return None if new is None else TargetRecord(owner, (new,), container, generation)


def _past_possibles(record: TargetRecord | None, container: Generation) -> tuple[StoredValue | None, ...]:
    if record is None or record.provider_generation.destructive != container.destructive:
        return (None,)
    if record.provider_generation.lossy != container.lossy and None not in record.possible:
        return (None, *record.possible)
    return record.possible
