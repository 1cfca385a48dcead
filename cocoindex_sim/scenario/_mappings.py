"""Shapes of mappings: with keys of any kind, and with keys from a closed list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ._node import Node
from ._shapes import JsonSchema, Parsed, Plain, Shape, Unwritable

__all__ = ["Field", "Fields", "MapOf", "Rule"]

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True)
class MapOf(Shape[tuple[tuple[K, V], ...]], Generic[K, V]):
    """A mapping with keys of one kind. `empty`: why one without entries is refused, if it is."""

    key: Parsed[K]
    value: Shape[V]
    expected: str
    empty: str = ""

    def read(self, node: Node) -> tuple[tuple[K, V], ...]:
        entries = node.entries(self.expected)
        if self.empty and not entries:
            node.fail(self.empty)
        return tuple((self.key.read(key), self.value.read(value)) for _, key, value in entries)

    def plain(self, value: tuple[tuple[K, V], ...]) -> Plain:
        plain: dict[str, Plain] = {self.key.show(key): self.value.plain(item) for key, item in value}
        if len(plain) != len(value):
            raise Unwritable
        return plain

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {"type": "object", "additionalProperties": self.value.schema()}
        if "pattern" in self.key.details:
            schema["propertyNames"] = {"pattern": self.key.details["pattern"]}
        return schema | ({"minProperties": 1} if self.empty else {})


@dataclass(frozen=True)
class Field:
    """One key of a closed list. `missing`: what an error says after "`name:` is missing; ", if it may not be."""

    name: str
    shape: Shape[Any]
    about: str
    missing: str = ""


Rule = Callable[[dict[str, Any], Mapping[str, Node], Node], None]
"""Fails for values that don't go together: the values, their nodes, and the node of the mapping."""


@dataclass(frozen=True)
class Fields(Shape[dict[str, Any]]):
    """A mapping with keys from a closed list; its value has those that are written.

    `what`: what a key is called in errors. `one_of`: keys of which exactly one is needed; `needs`: by key, the one it
    can't be without and the error. `empty`: the error when there are none.
    """

    expected: str
    what: str
    fields: tuple[Field, ...]
    one_of: tuple[str, ...] = ()
    one_of_hint: str = ""
    needs: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)
    empty: str = ""
    rule: Rule | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The keys there are."""
        return tuple(each.name for each in self.fields)

    def nodes(self, node: Node) -> dict[str, Node]:
        """The nodes of the values, when the keys are right."""
        nodes = node.fields(self.expected, self.names, self.what)
        if self.empty and not nodes:
            node.fail(self.empty)
        for each in self.fields:
            if each.missing and each.name not in nodes:
                node.fail(f"`{each.name}:` is missing; {each.missing}")
        if self.one_of:
            found = [name for name in self.one_of if name in nodes]
            if len(found) != 1:
                *most, last = (f"`{name}:`" for name in self.one_of)
                count = "neither" if not found else "both" if len(self.one_of) == 2 else f"{len(found)} of them"
                hint = f"; {self.one_of_hint}" if self.one_of_hint else ""
                node.fail(f"expected one of {', '.join(most)} and {last}, found {count}{hint}")
        for name, (needed, error) in self.needs.items():
            if name in nodes and needed not in nodes:
                node.fail(error)
        return nodes

    def read(self, node: Node) -> dict[str, Any]:
        nodes = self.nodes(node)
        shapes = {each.name: each.shape for each in self.fields}
        values = {name: shapes[name].read(value) for name, value in nodes.items()}
        if self.rule is not None:
            self.rule(values, nodes, node)
        return values

    def plain(self, value: dict[str, Any]) -> Plain:
        shapes = {each.name: each.shape for each in self.fields}
        return {name: shapes[name].plain(item) for name, item in value.items()}

    def schema(self) -> JsonSchema:
        schema: JsonSchema = {
            "type": "object",
            "properties": {each.name: {"description": each.about, **each.shape.schema()} for each in self.fields},
            "additionalProperties": False,
        }
        if self.empty:
            schema["minProperties"] = 1
        if required := [each.name for each in self.fields if each.missing]:
            schema["required"] = required
        if self.one_of:
            schema["oneOf"] = [{"required": [name]} for name in self.one_of]
        if self.needs:
            schema["dependencies"] = {name: [needed] for name, (needed, _) in self.needs.items()}
        return schema
