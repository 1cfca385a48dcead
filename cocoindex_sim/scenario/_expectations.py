"""The `expect` step: what may be looked at, and how it is written."""

from __future__ import annotations

from typing import Any, Final

from ..world import (
    STATS_FIELDS,
    Diff,
    Expect,
    Failure,
    Place,
    StatsExpectation,
    Step,
)
from ._checks import PATTERN, check_of
from ._form import Form
from ._kafka_looks import COMMITTED, TOPICS
from ._looks_back import ACTIONS, LOGS, ORDER, READY
from ._map_steps import ROWS
from ._mappings import Field, Fields, MapOf
from ._node import Node, one_of
from ._paths import PATH, paths
from ._shapes import (
    JsonSchema,
    Mapped,
    Number,
    Plain,
    Shape,
    Text,
    Truth,
    Unwritable,
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
        ACTIONS,
        "How many actions the targets got since the last look: all of them, or by the path of each component that"
        " had some ({} for none).",
    ),
    Field(
        "ready",
        READY,
        "Whether the last update is ready; or components that became ready since the last look, by their paths.",
    ),
    Field("order", ORDER, "Events that came since the last look, in this order, with others between them."),
    Field(
        "logs",
        LOGS,
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
