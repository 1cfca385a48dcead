"""Shapes: what may be written somewhere.

A shape reads a node into a value, says how such a value is written (`plain`, the inverse of `read`), and describes
itself as JSON Schema. Parser, schema, reference page, builder and renderer all come from the shapes of the vocabulary.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeAlias, TypeVar

from ._node import Node, one_of

__all__ = [
    "TEXT_TYPES",
    "Anything",
    "Content",
    "Either",
    "JsonSchema",
    "ListOf",
    "Mapped",
    "Nothing",
    "Number",
    "Parsed",
    "Plain",
    "Shape",
    "Text",
    "Truth",
    "Unwritable",
    "Word",
]

T = TypeVar("T")
U = TypeVar("U")

Plain: TypeAlias = "bool | int | str | bytes | list[Plain] | dict[str, Plain] | None"
"""A value as it is written: None stands for nothing, bytes for `!!binary`."""

JsonSchema: TypeAlias = dict[str, Any]

TEXT_TYPES = ["string", "number", "boolean"]
"""What an editor takes a plain scalar for, where text is meant: `1.0` is a number to it."""


class Unwritable(ValueError):
    """This shape can't hold that value; another alternative may."""


class Shape(ABC, Generic[T]):
    """What may be written at one place."""

    expected: str
    """Completes the sentence "expected ..."."""

    @abstractmethod
    def read(self, node: Node) -> T:
        """The value. Raises ScenarioError."""

    @abstractmethod
    def plain(self, value: T) -> Plain:
        """How the value is written. Raises Unwritable when it has no spelling here."""

    @abstractmethod
    def schema(self) -> JsonSchema:
        """What may be written, as JSON Schema; what that can't express is left out."""

    def refuse(self, node: Node) -> NoReturn:
        """Fail because something of another kind is written."""
        node.fail(f"expected {self.expected}, found {node.found()}")


@dataclass(frozen=True)
class Nothing(Shape[None]):
    """No value at all."""

    expected: str = "nothing"

    def read(self, node: Node) -> None:
        if not node.is_nothing:
            node.fail(f"this step takes nothing, found {node.found()}")

    def plain(self, value: None) -> Plain:
        if value is not None:
            raise Unwritable
        return None

    def schema(self) -> JsonSchema:
        return {"type": "null"}


@dataclass(frozen=True)
class Parsed(Shape[T]):
    """Text that means something: `parse` reads it, or raises ValueError with a sentence; `show` is its inverse."""

    expected: str
    parse: Callable[[str], T]
    show: Callable[[T], str]
    details: JsonSchema = field(default_factory=dict, hash=False)

    def read(self, node: Node) -> T:
        text = node.text(self.expected)
        try:
            return self.parse(text)
        except ValueError as error:
            node.fail(str(error))

    def plain(self, value: T) -> Plain:
        return self.show(value)

    def schema(self) -> JsonSchema:
        kinds = {} if "enum" in self.details else {"type": "string" if self.details.get("pattern") else TEXT_TYPES}
        return {**kinds, **self.details}


def Text(expected: str) -> Parsed[str]:  # a shape like the classes around it
    """Any text."""
    return Parsed(expected, str, str)


def Word(  # a shape like the classes around it
    expected: str, words: Mapping[str, T] | Iterable[str], unknown: str = "unknown word {!r}"
) -> Parsed[T]:
    """One of a few words. `unknown`: how an error begins, with `{!r}` for what is written."""
    known: dict[str, Any] = dict(words) if isinstance(words, Mapping) else {word: word for word in words}

    def parse(text: str) -> T:
        if text not in known:
            raise ValueError(f"{unknown.format(text)}; {one_of(text, known)}")
        return known[text]  # type: ignore[no-any-return]  # without a mapping, T is str

    def show(value: T) -> str:
        for word, meaning in known.items():
            if meaning == value:
                return word
        raise Unwritable

    return Parsed(expected, parse, show, {"enum": list(known)})


@dataclass(frozen=True)
class Truth(Shape[bool]):
    """`true` or `false`."""

    expected: str = "true or false"

    def read(self, node: Node) -> bool:
        return node.truth(self.expected)

    def plain(self, value: bool) -> Plain:
        return value

    def schema(self) -> JsonSchema:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Number(Shape[int]):
    """A whole number that is not quoted."""

    expected: str = "a number"
    minimum: int = 0

    def read(self, node: Node) -> int:
        return node.whole_number(self.expected, self.minimum)

    def plain(self, value: int) -> Plain:
        return value

    def schema(self) -> JsonSchema:
        return {"type": "integer", "minimum": self.minimum}


@dataclass(frozen=True)
class Content(Shape[bytes]):
    """Text as UTF-8, or `!!binary`."""

    expected: str

    def read(self, node: Node) -> bytes:
        return node.content(self.expected)

    def plain(self, value: bytes) -> Plain:
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value

    def schema(self) -> JsonSchema:
        return {"type": TEXT_TYPES}


@dataclass(frozen=True)
class Anything(Shape[Any]):
    """Any value, as it is in Python."""

    expected: str = "a value"

    def read(self, node: Node) -> Any:
        return node.python_value()

    def plain(self, value: Any) -> Plain:
        return value  # type: ignore[no-any-return]  # it was read from such a value

    def schema(self) -> JsonSchema:
        return {}


@dataclass(frozen=True)
class ListOf(Shape[tuple[T, ...]]):
    """A list. `empty`: why one without items is refused, if it is; `once`: each item is there at most once."""

    item: Shape[T]
    expected: str
    empty: str = ""
    once: bool = False

    def read(self, node: Node) -> tuple[T, ...]:
        nodes = node.items(self.expected)
        if self.empty and not nodes:
            node.fail(self.empty)
        values: list[T] = []
        for each in nodes:
            value = self.item.read(each)
            if self.once and value in values:
                each.fail(f"{value!r} is in this list twice")
            values.append(value)
        return tuple(values)

    def plain(self, value: tuple[T, ...]) -> Plain:
        return [self.item.plain(each) for each in value]

    def schema(self) -> JsonSchema:
        limits: JsonSchema = {"minItems": 1} if self.empty else {}
        if self.once:
            limits["uniqueItems"] = True
        return {"type": "array", "items": self.item.schema(), **limits}


@dataclass(frozen=True)
class Mapped(Shape[U], Generic[T, U]):
    """Another shape, whose values stand for something; `back` raises Unwritable for what this spelling can't say."""

    inner: Shape[T]
    to: Callable[[T], U]
    back: Callable[[U], T]

    @property
    def expected(self) -> str:  # type: ignore[override]  # read only, as is everything here
        return self.inner.expected

    def read(self, node: Node) -> U:
        return self.to(self.inner.read(node))

    def plain(self, value: U) -> Plain:
        return self.inner.plain(self.back(value))

    def schema(self) -> JsonSchema:
        return self.inner.schema()


@dataclass(frozen=True)
class Either(Shape[T]):
    """One of several shapes, by the kind of what is written. Values are written by the first that can."""

    expected: str
    nothing: Shape[T] | None = None
    scalar: Shape[T] | None = None
    items: Shape[T] | None = None
    mapping: Shape[T] | None = None

    @property
    def alternatives(self) -> list[Shape[T]]:
        """Those that there are."""
        return [each for each in (self.nothing, self.scalar, self.items, self.mapping) if each is not None]

    def read(self, node: Node) -> T:
        if node.is_nothing and self.nothing is not None:
            return self.nothing.read(node)
        shape = self.mapping if node.is_mapping else self.items if node.is_list else self.scalar
        if shape is None:
            self.refuse(node)
        if shape is self.scalar and node.is_nothing:
            node.text(self.expected)
        return shape.read(node)

    def plain(self, value: T) -> Plain:
        for shape in self.alternatives:
            try:
                return shape.plain(value)
            except Unwritable:
                continue
        raise Unwritable

    def schema(self) -> JsonSchema:
        return {"anyOf": [shape.schema() for shape in self.alternatives]}
