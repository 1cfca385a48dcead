"""The `expect` step: what may be looked at, and how it is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..world import (
    STATS_FIELDS,
    Diff,
    Expect,
    Failure,
    Place,
    StatsExpectation,
    TargetExpectation,
)
from ._kafka import read_committed, read_topics
from ._maps import read_check, read_rows
from ._node import Node, one_of
from ._paths import read_path, read_paths

__all__ = ["read_expect"]

_Targets = tuple[tuple[str, TargetExpectation], ...]


def _targets(node: Node) -> _Targets:
    entries = node.entries("a mapping from target file to content ({} for none)")
    return tuple((read_path(name, key), read_check(value, "target file")) for name, key, value in entries)


def _diff(node: Node) -> Diff:
    fields = node.fields("a mapping ({} for no difference)", ("added", "changed", "removed"), "kind of difference")
    return Diff(**{name: frozenset(read_paths(value)) for name, value in fields.items()})


def _counters(node: Node) -> tuple[tuple[str, int], ...]:
    fields = node.fields("a mapping from counter to number", STATS_FIELDS, "counter")
    return tuple((name, value.whole_number("a number", minimum=0)) for name, value in fields.items())


def _stats(node: Node) -> tuple[StatsExpectation, ...]:
    total: list[tuple[str, int]] = []
    named: list[StatsExpectation] = []
    for name, key, value in node.entries("a mapping from counter, or component name, to what it is"):
        if value.is_mapping:
            named.append(StatsExpectation(None if name == "total" else name, _counters(value)))
        elif name in STATS_FIELDS:
            total.append((name, value.whole_number("a number", minimum=0)))
        elif value.is_whole_number:
            key.fail(f"unknown counter {name!r}; {one_of(name, STATS_FIELDS)}")
        else:
            value.fail(f"expected a mapping from counter to number, found {value.found()}")
    if total:
        named.insert(0, StatsExpectation(None, tuple(total)))
    return tuple(named)


def _terminates(node: Node) -> bool:
    return node.truth("true or false")


def _raises(node: Node) -> Failure:
    fields = node.fields("a mapping with `type:`, `matches:` or both", ("type", "matches"), "part of an error")
    if not fields:
        node.fail("expected `type:`, `matches:` or both, found neither")
    return Failure(
        type=fields["type"].text("the name of an exception class") if "type" in fields else None,
        matches=fields["matches"].pattern("a regular expression") if "matches" in fields else None,
    )


_LOOKS: dict[str, Callable[[Node], Any]] = {
    "targets": _targets,
    "diff": _diff,
    "stats": _stats,
    "terminates": _terminates,
    "raises": _raises,
    "rows": read_rows,
    "kafka": read_topics,
    "committed": read_committed,
}


def read_expect(node: Node, place: Place) -> Expect:
    """The `expect` step at `place` whose expectations are `node`."""
    fields = node.fields("a mapping of expectations", tuple(_LOOKS), "expectation")
    if not fields:
        node.fail(f"`expect` expects nothing; known: {', '.join(_LOOKS)}")
    return Expect(
        place,
        **{name: _LOOKS[name](value) for name, value in fields.items()},
        places={name: value.place for name, value in fields.items()},
    )
