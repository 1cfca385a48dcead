"""What happens to external maps and targets: `given: map`, the steps `map.*` and `target.inject`, the look at `rows`.

Text stands for a key of the map `map`, or a row of the target `mirror`; below a name of its own, of another one.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..world import (
    BARRIERS,
    MIRROR,
    TARGET_TROUBLES,
    TROUBLES,
    Contains,
    DeleteKeys,
    Exactly,
    InjectTrouble,
    MapTrouble,
    Matches,
    Place,
    SetKeys,
    Step,
    TargetExpectation,
)
from ._node import Node, one_of

__all__ = [
    "read_check",
    "read_entries",
    "read_map_delete",
    "read_map_hold",
    "read_map_inject",
    "read_map_release",
    "read_map_set",
    "read_map_watch",
    "read_rows",
    "read_target_inject",
]

_MAP = "map"
_CHECKS = ("contains", "matches")


def read_entries(node: Node) -> tuple[tuple[str, str, str], ...]:
    """Map, key and value of each entry of a mapping."""
    expected = "a mapping from key to value, or from the name of a map to one"
    found: list[tuple[str, str, str]] = []
    for name, _, value in node.entries(expected):
        if value.is_mapping:
            found += ((name, key, text.text("a value")) for key, _, text in value.entries(expected))
        else:
            found.append((_MAP, name, value.text("a value")))
    return tuple(found)


def read_map_set(node: Node, place: Place) -> Step:
    """`map.set`."""
    entries = read_entries(node)
    if not entries:
        node.fail("`map.set` sets nothing; name at least one key")
    return SetKeys(place, entries)


def _keys(node: Node) -> Iterator[str]:
    items = node.items("a key or a list of keys") if node.is_list else [node]
    seen: set[str] = set()
    for item in items:
        key = item.text("a key")
        if key in seen:
            item.fail(f"{key!r} is in this list twice")
        seen.add(key)
        yield key


def read_map_delete(node: Node, place: Place) -> Step:
    """`map.delete`."""
    keys = [(name, key) for name, value in _by_map(node) for key in _keys(value)]
    if not keys:
        node.fail("`map.delete` deletes nothing; name at least one key")
    return DeleteKeys(place, tuple(keys))


def _by_map(node: Node) -> list[tuple[str, Node]]:
    if not node.is_mapping:
        return [(_MAP, node)]
    return [(name, value) for name, _, value in node.entries("a mapping from the name of a map")]


def _of_one_map(node: Node) -> tuple[str, Node]:
    maps = _by_map(node)
    if len(maps) != 1:
        node.fail(f"expected the name of one map, found {len(maps)}")
    return maps[0]


_WATCH: dict[str, str] = {
    "hold": "hold",
    "release": "release",
    "dies": "kill",
    "goes silent": "silence",
    "rewinds": "rewind",
}


def read_map_watch(node: Node, place: Place) -> Step:
    """`map.watch`."""
    name, value = _of_one_map(node)
    text = value.text("what happens to the subscriptions to a map")
    if text not in _WATCH:
        value.fail(f"nothing called {text!r} happens to a subscription; {one_of(text, tuple(_WATCH))}")
    kind = _WATCH[text]
    return MapTrouble(place, name, kind, "deliver" if kind in ("hold", "release") else None)  # type: ignore[arg-type]  # the table has no other


def _barrier(node: Node) -> str:
    text = node.text("the name of a barrier")
    if text not in BARRIERS:
        node.fail(f"unknown barrier {text!r}; {one_of(text, BARRIERS)}")
    return text


def read_map_hold(node: Node, place: Place) -> Step:
    """`map.hold`."""
    name, value = _of_one_map(node)
    return MapTrouble(place, name, "hold", _barrier(value))


def read_map_release(node: Node, place: Place) -> Step:
    """`map.release`."""
    if node.is_nothing:
        return MapTrouble(place, _MAP, "release")
    name, value = _of_one_map(node)
    return MapTrouble(place, name, "release", None if value.is_nothing else _barrier(value))


def _fault(node: Node, known: tuple[str, ...], example: str) -> tuple[dict[str, Node], int, int]:
    fields = node.fields("`fault:`", known, "part of a fault")
    if "fault" not in fields:
        node.fail(f"`fault:` is missing; write what goes wrong, as in `{example}`")
    nth, times = (fields[name].whole_number("a count", minimum=1) if name in fields else 1 for name in ("nth", "times"))
    return fields, nth, times


def read_map_inject(node: Node, place: Place) -> Step:
    """`map.inject`."""
    fields, nth, times = _fault(node, ("fault", "map", "call", "nth", "times"), "{fault: duplicate}")
    call = fields["call"].text("the name of a call") if "call" in fields else "deliver"
    if call not in TROUBLES:
        fields["call"].fail(f"unknown call {call!r}; {one_of(call, TROUBLES)}")
    kind = fields["fault"].text("what goes wrong")
    if kind not in TROUBLES[call]:
        fields["fault"].fail(f"{kind!r} can't happen at {call!r}; {one_of(kind, TROUBLES[call])}")
    name = fields["map"].text("the name of a map") if "map" in fields else _MAP
    return InjectTrouble(place, "map", name, kind, call, nth, times)


def read_target_inject(node: Node, place: Place) -> Step:
    """`target.inject`."""
    fields, nth, times = _fault(node, ("fault", "target", "nth", "times"), "{fault: ack_lost}")
    kind = fields["fault"].text("what goes wrong")
    if kind not in TARGET_TROUBLES:
        fields["fault"].fail(f"{kind!r} can't happen at an action; {one_of(kind, TARGET_TROUBLES)}")
    name = fields["target"].text("the name of a target") if "target" in fields else MIRROR
    return InjectTrouble(place, "target", name, kind, nth=nth, times=times)


def read_check(node: Node, what: str) -> TargetExpectation:
    """Content, or one of `contains:` and `matches:`. `what` is what has the content."""
    if not node.is_mapping:
        return Exactly(node.content(f"the content of a {what}, or one of `contains:` and `matches:`"))
    fields = node.fields("the content", _CHECKS, "check")
    if len(fields) != 1:
        node.fail(f"expected one of `contains:` and `matches:`, found {len(fields)} of them")
    if "contains" in fields:
        return Contains(fields["contains"].text("the text to find"))
    return Matches(fields["matches"].pattern("a regular expression"))


def read_rows(node: Node) -> tuple[tuple[str, str, TargetExpectation], ...]:
    """Target, key and content of each row. A mapping that is no check holds the rows of the target it is named for."""
    expected = "a mapping from key to content ({} for no rows), or from the name of a target to one"
    rows: list[tuple[str, str, TargetExpectation]] = []
    for name, _, value in node.entries(expected):
        if value.is_mapping and not _is_check(value):
            rows += ((name, key, read_check(content, "row")) for key, _, content in value.entries(expected))
        else:
            rows.append((MIRROR, name, read_check(value, "row")))
    return tuple(rows)


def _is_check(node: Node) -> bool:
    names = [name for name, _, _ in node.entries("a check")]
    return bool(names) and set(names) <= set(_CHECKS)
