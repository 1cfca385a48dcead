"""What an expectation says of the time since the last look: `actions`, `ready`, `order` and `logs`."""

from __future__ import annotations

from typing import Any, Final

from ..values import EVENT_NAMES
from ..world import (
    Contains,
    Happening,
    LogExpectation,
    Matches,
)
from ._checks import PATTERN
from ._mappings import Field, Fields, MapOf
from ._node import Node
from ._paths import one_or_more
from ._shapes import (
    TEXT_TYPES,
    Either,
    JsonSchema,
    ListOf,
    Mapped,
    Number,
    Parsed,
    Plain,
    Shape,
    Text,
    Unwritable,
    Word,
)

__all__ = ["ACTIONS", "LOGS", "ORDER", "READY"]

_COMPONENT: Final = Text("the path of a component")


class _Actions(Shape[int | tuple[tuple[str, int], ...]]):
    """A number for all, or one by the path of a component."""

    expected = "a number, or a mapping from the path of a component to one"
    _by_path = MapOf(_COMPONENT, Number(), expected)

    def read(self, node: Node) -> int | tuple[tuple[str, int], ...]:
        if node.kind == "number":
            return Number().read(node)
        return self._by_path.read(node)

    def plain(self, value: int | tuple[tuple[str, int], ...]) -> Plain:
        return value if isinstance(value, int) else self._by_path.plain(value)

    def schema(self) -> JsonSchema:
        return {"anyOf": [Number().schema(), self._by_path.schema()]}


class _Ready(Shape[bool | tuple[str, ...]]):
    """A truth value, or paths of components."""

    expected = "true, false, or a list of paths of components"
    _paths = one_or_more(_COMPONENT, expected, expected)

    def read(self, node: Node) -> bool | tuple[str, ...]:
        return node.truth(self.expected) if node.kind == "truth" else self._paths.read(node)

    def plain(self, value: bool | tuple[str, ...]) -> Plain:
        return value if isinstance(value, bool) else self._paths.plain(value)

    def schema(self) -> JsonSchema:
        return {"anyOf": [{"type": "boolean"}, *self._paths.schema()["anyOf"]]}


ACTIONS: Final = _Actions()
"""How many actions the targets got, in total or by component."""

READY: Final = _Ready()
"""Whether the update is ready, or which components became so."""

_EVENT: Final[Parsed[str]] = Word("the name of an event", EVENT_NAMES, "unknown event {!r}")


class _OneEvent(MapOf[str, str]):
    def read(self, node: Node) -> tuple[tuple[str, str], ...]:
        events = super().read(node)
        if len(events) != 1:
            node.fail(f"expected one event, found {len(events)}; begin each with `- `")
        return events

    def schema(self) -> JsonSchema:
        by_name = {"type": "object", "properties": {name: {"type": TEXT_TYPES} for name in EVENT_NAMES}}
        return by_name | {"additionalProperties": False, "minProperties": 1, "maxProperties": 1}


def _any_of_its_kind(happening: Happening) -> str:
    if happening[1] is not None:
        raise Unwritable
    return happening[0]


def _of_one(happening: Happening) -> tuple[tuple[str, str], ...]:
    name, about = happening
    if about is None:
        raise Unwritable
    return ((name, about),)


def _first(events: tuple[tuple[str, str], ...]) -> Happening:
    return events[0]


ORDER: Final[Shape[tuple[Happening, ...]]] = ListOf(
    Either(
        "the name of an event, or a mapping from one to the path of a component",
        scalar=Mapped(_EVENT, lambda name: (name, None), _any_of_its_kind),
        mapping=Mapped(
            _OneEvent(_EVENT, _COMPONENT, "a mapping from the name of an event to the path of a component"),
            _first,
            _of_one,
        ),
    ),
    "a list of events",
    "this list is empty; write events, as in `[live_ready, committed]`",
)

_LEVELS: Final = ("debug", "info", "warning", "error", "critical")
_RECORD: Final = Fields(
    "a message",
    "part of a message",
    (
        Field("contains", Text("the text to find"), "Text that is in it."),
        Field("matches", PATTERN, "A regular expression that is found in it."),
        Field("level", Word("the name of a level", _LEVELS, "unknown level {!r}"), "Its level; any unless given."),
        Field("logger", Text("the name of a logger"), "Who logged it, or one above; any unless given."),
    ),
    one_of=("contains", "matches"),
)


def _to_log(values: dict[str, Any]) -> LogExpectation:
    text = Contains(values["contains"]) if "contains" in values else Matches(values["matches"])
    return LogExpectation(text, values.get("level"), values.get("logger"))


def _from_log(expected: LogExpectation) -> dict[str, Any]:
    text: dict[str, Any]
    if isinstance(expected.text, Contains):
        text = {"contains": expected.text.text}
    else:
        text = {"matches": expected.text.pattern}
    others = {"level": expected.level, "logger": expected.logger}
    return text | {name: value for name, value in others.items() if value is not None}


def _only_text(expected: LogExpectation) -> str:
    if not isinstance(expected.text, Contains) or expected.level is not None or expected.logger is not None:
        raise Unwritable
    return expected.text.text


_LOGGED: Final = "a text to find, or a mapping with `contains:` or `matches:`"
LOGS: Final[Shape[tuple[LogExpectation, ...]]] = ListOf(
    Either(
        _LOGGED,
        scalar=Mapped(Text(_LOGGED), lambda text: LogExpectation(Contains(text)), _only_text),
        mapping=Mapped(_RECORD, _to_log, _from_log),
    ),
    "a list of messages ([] for no warning)",
)
