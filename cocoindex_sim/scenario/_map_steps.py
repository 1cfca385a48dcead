"""What happens to external maps and targets: `given: map`, the steps `map.*` and `target.inject`, the look at `rows`.

Text stands for a key of the map `map`, or a row of the target `mirror`; below a name of its own, of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from ..world import (
    BARRIERS,
    MIRROR,
    TARGET_TROUBLES,
    TROUBLES,
    DeleteKeys,
    InjectTrouble,
    MapTrouble,
    SetKeys,
    TargetExpectation,
)
from ._app_steps import COUNT
from ._checks import CHECK_NAMES, check_of
from ._form import Form, form_of_one
from ._mappings import Field, Fields
from ._node import Node, one_of
from ._paths import one_or_more
from ._shapes import Either, JsonSchema, Mapped, Nothing, Parsed, Plain, Shape, Text, Unwritable, Word

__all__ = ["ENTRIES", "MAP_FORMS", "ROWS", "ByMap"]

T = TypeVar("T")

_MAP: Final = "map"


def _is_mapping(node: Node) -> bool:
    return node.is_mapping


@dataclass(frozen=True)
class Grouped(Shape[tuple[tuple[str, str, T], ...]], Generic[T]):
    """A mapping from key to a leaf, and from the name of an owner to such a mapping: (owner, key, leaf) each."""

    owner: str
    leaf: Shape[T]
    expected: str
    empty: str = ""
    is_group: Callable[[Node], bool] = _is_mapping
    no_keys: tuple[str, ...] = ()
    """What the keys of a group can't all be."""

    def read(self, node: Node) -> tuple[tuple[str, str, T], ...]:
        found: list[tuple[str, str, T]] = []
        for name, _, value in node.entries(self.expected):
            if self.is_group(value):
                found += ((name, key, self.leaf.read(each)) for key, _, each in value.entries(self.expected))
            else:
                found.append((self.owner, name, self.leaf.read(value)))
        if self.empty and not found:
            node.fail(self.empty)
        return tuple(found)

    def plain(self, value: tuple[tuple[str, str, T], ...]) -> Plain:
        plain: dict[str, Plain] = {}
        groups: dict[str, dict[str, Plain]] = {}
        for owner, key, leaf in value:
            if owner == self.owner:
                into = plain
            elif owner in groups:
                into = groups[owner]
            else:
                into = groups[owner] = {}
                if owner in plain:
                    raise Unwritable
                plain[owner] = into
            if key in into:
                raise Unwritable
            into[key] = self.leaf.plain(leaf)
        return plain

    def schema(self) -> JsonSchema:
        leaf = self.leaf.schema()
        alternatives = leaf.get("anyOf", [leaf])
        group: JsonSchema = {"type": "object", "additionalProperties": leaf}
        if self.no_keys:
            group["not"] = {"propertyNames": {"enum": list(self.no_keys)}, "minProperties": 1}
        schema: JsonSchema = {"type": "object", "additionalProperties": {"anyOf": [*alternatives, group]}}
        return schema | ({"minProperties": 1} if self.empty else {})


@dataclass(frozen=True)
class ByMap(Shape[tuple[tuple[str, T], ...]], Generic[T]):
    """Something about the map `map`, or a mapping from the names of maps to it; of `one` map, if that is set."""

    inner: Shape[T]
    one: bool = True

    @property
    def expected(self) -> str:  # type: ignore[override]  # read only, as is everything here
        return self.inner.expected

    def read(self, node: Node) -> tuple[tuple[str, T], ...]:
        if not node.is_mapping:
            return ((_MAP, self.inner.read(node)),)
        entries = node.entries("a mapping from the name of a map")
        if self.one and len(entries) != 1:
            node.fail(f"expected the name of one map, found {len(entries)}")
        return tuple((name, self.inner.read(value)) for name, _, value in entries)

    def plain(self, value: tuple[tuple[str, T], ...]) -> Plain:
        if len(value) == 1 and value[0][0] == _MAP:
            return self.inner.plain(value[0][1])
        return {name: self.inner.plain(each) for name, each in value}

    def schema(self) -> JsonSchema:
        inner = self.inner.schema()
        limits = {"minProperties": 1, "maxProperties": 1} if self.one else {"minProperties": 1}
        by_name = {"type": "object", "additionalProperties": inner, **limits}
        return {"anyOf": [*inner.get("anyOf", [inner]), by_name]}


ENTRIES: Final = Grouped(_MAP, Text("a value"), "a mapping from key to value, or from the name of a map to one")
"""What maps hold: (map, key, value) each."""

_SET: Final = Grouped(_MAP, Text("a value"), ENTRIES.expected, "`map.set` sets nothing; name at least one key")


class _Keys(ByMap[tuple[str, ...]]):
    def read(self, node: Node) -> tuple[tuple[str, tuple[str, ...]], ...]:
        if node.is_mapping and not node.value:
            node.fail(_NO_KEYS)
        return super().read(node)


def _by_map(keys: tuple[tuple[str, str], ...]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for name, key in keys:
        found.setdefault(name, []).append(key)
    by_map = tuple((name, tuple(some)) for name, some in found.items())
    if tuple((name, key) for name, some in by_map for key in some) != keys:
        raise Unwritable  # a mapping can't say in which order they alternate
    return by_map


_NO_KEYS: Final = "`map.delete` deletes nothing; name at least one key"
_KEYS: Final = one_or_more(Text("a key"), "a key or a list of keys", "a key or a list of keys", empty=_NO_KEYS)
_DELETE: Final = Mapped(
    _Keys(_KEYS, one=False),
    lambda value: tuple((name, key) for name, keys in value for key in keys),
    _by_map,
)

_WATCH: Final = {"hold": "hold", "release": "release", "dies": "kill", "goes silent": "silence", "rewinds": "rewind"}
_BARRIER: Final[Parsed[str]] = Word("the name of a barrier", BARRIERS, "unknown barrier {!r}")


def _no_barrier(barrier: str | None) -> None:
    if barrier is not None:
        raise Unwritable


_NO_BARRIER: Final[Shape[str | None]] = Mapped(Nothing(), lambda _: None, _no_barrier)


def _watch_form() -> Form:
    def parts(step: MapTrouble) -> tuple[tuple[str, str], ...]:
        if step.kind in ("hold", "release") and step.barrier != "deliver":
            raise Unwritable
        return ((step.map, step.kind),)

    def make(place: Any, value: tuple[tuple[str, Any], ...]) -> MapTrouble:
        ((name, kind),) = value
        return MapTrouble(place, name, kind, "deliver" if kind in ("hold", "release") else None)

    return Form(
        "map.watch",
        MapTrouble,
        ByMap(
            Word("what happens to the subscriptions to a map", _WATCH, "nothing called {!r} happens to a subscription")
        ),
        make,
        parts,
        "Something that happens to the subscriptions to a map: changes are held back and released, it ends, says"
        " nothing any more, or begins again from the start.",
        "map.watch: {prices: dies}",
    )


def _barrier_form(kind: Any, shape: Shape[Any], about: str, example: str, *, bare: bool = False) -> Form:
    def parts(step: MapTrouble) -> tuple[tuple[str, str | None], ...]:
        if step.kind != kind:
            raise Unwritable
        return ((step.map, step.barrier),)

    return Form(
        f"map.{kind}",
        MapTrouble,
        ByMap(shape),
        lambda place, value: MapTrouble(place, value[0][0], kind, value[0][1]),
        parts,
        about,
        example,
        bare=bare,
    )


def _map_fault_rule(values: dict[str, Any], nodes: Mapping[str, Node], _: Node) -> None:
    kind, call = values["fault"], values.get("call", "deliver")
    if kind not in TROUBLES[call]:
        nodes["fault"].fail(f"{kind!r} can't happen at {call!r}; {one_of(kind, TROUBLES[call])}")


def _fault_fields(what: str, faults: tuple[str, ...], example: str, *more: Field, rule: Any = None) -> Fields:
    return Fields(
        "`fault:`",
        "part of a fault",
        (
            Field(
                "fault",
                Parsed("what goes wrong", str, str, {"enum": list(faults)}),
                "What goes wrong.",
                f"write what goes wrong, as in `{example}`",
            ),
            Field(
                what,
                Text(f"the name of a {what}"),
                f"At which {what}; `{_MAP if what == 'map' else MIRROR}` unless given.",
            ),
            *more,
            Field("nth", COUNT, "At which of them, from this step on; the first unless given."),
            Field("times", COUNT, "At how many of them in a row; one unless given."),
        ),
        rule=rule,
    )


_KINDS: Final = tuple(dict.fromkeys(kind for kinds in TROUBLES.values() for kind in kinds))
_MAP_FAULT: Final = _fault_fields(
    "map",
    _KINDS,
    "{fault: duplicate}",
    Field(
        "call",
        Word("the name of a call", tuple(TROUBLES), "unknown call {!r}"),
        "At which call of a client; `deliver`, one change on its way to one subscription, unless given.",
    ),
    rule=_map_fault_rule,
)


def _target_fault_rule(values: dict[str, Any], nodes: Mapping[str, Node], _: Node) -> None:
    if values["fault"] not in TARGET_TROUBLES:
        kind = values["fault"]
        nodes["fault"].fail(f"{kind!r} can't happen at an action; {one_of(kind, TARGET_TROUBLES)}")


_TARGET_FAULT: Final = _fault_fields("target", TARGET_TROUBLES, "{fault: ack_lost}", rule=_target_fault_rule)


def _inject_form(system: Any, owner: str, shape: Fields, about: str, example: str) -> Form:
    def make(place: Any, values: dict[str, Any]) -> InjectTrouble:
        call = values.get("call", "deliver") if system == "map" else ""
        counts = (values.get("nth", 1), values.get("times", 1))
        return InjectTrouble(place, system, values.get(system, owner), values["fault"], call, *counts)

    def parts(step: InjectTrouble) -> dict[str, Any]:
        if step.system != system:
            raise Unwritable
        values: dict[str, Any] = {"fault": step.kind, system: step.name, "nth": step.nth, "times": step.times}
        defaults = {system: owner, "nth": 1, "times": 1, "call": "deliver"}
        if system == "map":
            values["call"] = step.call
        return {name: value for name, value in values.items() if defaults.get(name) != value}

    return Form(f"{system}.inject", InjectTrouble, shape, make, parts, about, example)


MAP_FORMS: Final[tuple[Form, ...]] = (
    form_of_one(
        "map.set",
        SetKeys,
        _SET,
        "Gives keys of external maps these values, one after the other.",
        "map.set: {apple: '3'}",
    ),
    form_of_one(
        "map.delete",
        DeleteKeys,
        _DELETE,
        "Removes keys of external maps; that is told also of those that are not there.",
        "map.delete: {prices: [apple, pear]}",
    ),
    _watch_form(),
    _barrier_form("hold", _BARRIER, "Lets no client of a map past a barrier, until `map.release`.", "map.hold: scan"),
    _barrier_form(
        "release",
        Either("the name of a barrier", nothing=_NO_BARRIER, scalar=_BARRIER),
        "Lets the clients of a map past a barrier again, or past all of them.",
        "map.release",
        bare=True,
    ),
    _inject_form(
        "map",
        _MAP,
        _MAP_FAULT,
        "Lets something go wrong with a map later on. That it never does is a failure of the story.",
        "map.inject: {fault: duplicate, nth: 2}",
    ),
    _inject_form(
        "target",
        MIRROR,
        _TARGET_FAULT,
        "Lets something go wrong at an action of a target later on. That it never does is a failure of the story.",
        "target.inject: {fault: ack_lost}",
    ),
)


def _is_rows(node: Node) -> bool:
    if not node.is_mapping:
        return False
    names = [name for name, _, _ in node.entries("a check")]
    return not (names and set(names) <= set(CHECK_NAMES))


ROWS: Final[Shape[tuple[tuple[str, str, TargetExpectation], ...]]] = Grouped(
    MIRROR,
    check_of("row"),
    "a mapping from key to content ({} for no rows), or from the name of a target to one",
    is_group=_is_rows,
    no_keys=CHECK_NAMES,
)
"""Target, key and content of each row. A mapping that is no check holds the rows of the target it is named for."""
