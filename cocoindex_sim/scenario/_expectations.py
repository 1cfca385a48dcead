"""The `expect` step: what may be looked at, and how it is written."""

from __future__ import annotations

from typing import Any, Final

from ..values import EVENT_NAMES
from ..world import (
    STATS_FIELDS,
    Contains,
    Diff,
    Expect,
    Failure,
    Happening,
    LogExpectation,
    Matches,
    Place,
    StatsExpectation,
    Step,
)
from ._checks import PATTERN, check_of
from ._form import Form
from ._kafka_steps import COMMITTED, TOPICS
from ._map_steps import ROWS
from ._mappings import Field, Fields, MapOf
from ._node import Node, one_of
from ._paths import PATH, one_or_more, paths
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
    Truth,
    Unwritable,
    Word,
)

__all__ = ["EXPECT_FORM", "LOOKS"]

_TARGETS: Final = MapOf(PATH, check_of("target file"), "a mapping from target file to content ({} for none)")


def _to_diff(values: dict[str, Any]) -> Diff:
    return Diff(**{name: frozenset(some) for name, some in values.items()})


def _from_diff(diff: Diff) -> dict[str, Any]:
    names = ("added", "changed", "removed")
    return {name: tuple(sorted(getattr(diff, name))) for name in names if getattr(diff, name)}


_DIFF: Final = Mapped(
    Fields(
        "a mapping ({} for no difference)",
        "kind of difference",
        (
            Field("added", paths(), "Target files that came."),
            Field("changed", paths(), "Target files whose content changed."),
            Field("removed", paths(), "Target files that went."),
        ),
    ),
    _to_diff,
    _from_diff,
)

_COUNTERS: Final = Fields(
    "a mapping from counter to number",
    "counter",
    tuple(Field(name, Number(), f"What `{name}` is.") for name in STATS_FIELDS),
)


class _Stats(Shape[tuple[StatsExpectation, ...]]):
    """Counters in total, and below the name of a component those of it."""

    expected = "a mapping from counter, or component name, to what it is"

    def read(self, node: Node) -> tuple[StatsExpectation, ...]:
        total: list[tuple[str, int]] = []
        named: list[StatsExpectation] = []
        for name, key, value in node.entries(self.expected):
            if value.is_mapping:
                counters = tuple(_COUNTERS.read(value).items())
                named.append(StatsExpectation(None if name == "total" else name, counters))
            elif name in STATS_FIELDS:
                total.append((name, Number().read(value)))
            elif value.kind == "number":
                key.fail(f"unknown counter {name!r}; {one_of(name, STATS_FIELDS)}")
            else:
                value.fail(f"expected a mapping from counter to number, found {value.found()}")
        if total:
            named.insert(0, StatsExpectation(None, tuple(total)))
        return tuple(named)

    def plain(self, value: tuple[StatsExpectation, ...]) -> Plain:
        plain: dict[str, Plain] = {}
        for number, part in enumerate(value):
            if part.component is None and number == 0:
                plain |= dict(part.counters)
            else:
                name = "total" if part.component is None else part.component
                if name in plain:
                    raise Unwritable
                plain[name] = dict(part.counters)
        return plain

    def schema(self) -> JsonSchema:
        return {
            "type": "object",
            "properties": {name: Number().schema() for name in STATS_FIELDS},
            "additionalProperties": _COUNTERS.schema(),
        }


_RAISES: Final = Mapped(
    Fields(
        "a mapping with `type:`, `matches:` or both",
        "part of an error",
        (
            Field("type", Text("the name of an exception class"), "The class of the error or a base of it, by name."),
            Field("matches", PATTERN, "A regular expression that is found in its text."),
        ),
        empty="expected `type:`, `matches:` or both, found neither",
    ),
    lambda values: Failure(**values),
    lambda failure: {
        name: getattr(failure, name) for name in ("type", "matches") if getattr(failure, name) is not None
    },
)

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


_ORDER: Final[Shape[tuple[Happening, ...]]] = ListOf(
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
_LOGS: Final[Shape[tuple[LogExpectation, ...]]] = ListOf(
    Either(
        _LOGGED,
        scalar=Mapped(Text(_LOGGED), lambda text: LogExpectation(Contains(text)), _only_text),
        mapping=Mapped(_RECORD, _to_log, _from_log),
    ),
    "a list of messages ([] for no warning)",
)

_LOOKS: Final = (
    Field("targets", _TARGETS, "All target files and their content: nothing missing, nothing else."),
    Field("diff", _DIFF, "Which target files came, changed and went since the last look; all of them."),
    Field("stats", _Stats(), "What counters of the last update are, in total or by the name of a component."),
    Field("terminates", Truth(), "Whether the started update ends by itself."),
    Field("raises", _RAISES, "The error that the last update or drop ended with."),
    Field("rows", ROWS, "All rows of the external targets: of `mirror`, or below the name of another one."),
    Field("kafka", TOPICS, "The last value of each key of these topics."),
    Field(
        "actions",
        _Actions(),
        "How many actions the targets got since the last look: all of them, or by the path of each component that"
        " had some ({} for none).",
    ),
    Field(
        "ready",
        _Ready(),
        "Whether the last update is ready; or components that became ready since the last look, by their paths.",
    ),
    Field("order", _ORDER, "Events that came since the last look, in this order, with others between them."),
    Field(
        "logs",
        _LOGS,
        "What was logged since the last look, among other things, as far as logging is configured to let it"
        " through; [] for no warning and no error.",
    ),
    Field("committed", COMMITTED, "The offsets that groups have committed, by topic, for each partition."),
)

LOOKS: Final = Fields(
    "a mapping of expectations",
    "expectation",
    _LOOKS,
    empty=f"`expect` expects nothing; known: {', '.join(each.name for each in _LOOKS)}",
)


class _ExpectForm(Form):
    def read(self, node: Node, place: Place) -> Step:
        nodes = LOOKS.nodes(node)
        places = {name: value.place for name, value in nodes.items()}
        return Expect(place, **LOOKS.read(node), places=places)


EXPECT_FORM: Final[Form] = _ExpectForm(
    "expect",
    Expect,
    LOOKS,
    lambda place, values: Expect(place, **values),
    lambda step: {name: getattr(step, name) for name in LOOKS.names if getattr(step, name) is not None},
    "Looks at the world. What is not named is not looked at. Before the look, a started update is run to its end; a"
    " live one, and any when `terminates` is false, until it only waits.",
    "expect: {targets: {out/a.html: <p>one</p>}}",
)
