"""Everything that may be written: all steps, and the heading. The one place that the parser, the schema, the reference
page, the builder and the renderer come from.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from ..world import ORACLES, WATCH_PROFILES, Recording, Step
from ._app_steps import APP_FORMS, TIME_FORMS
from ._expectations import EXPECT_FORM
from ._file_steps import FILE_FORMS, files
from ._form import Form
from ._kafka_looks import GIVEN_KAFKA
from ._kafka_steps import KAFKA_FORMS
from ._map_steps import ENTRIES, MAP_FORMS
from ._mappings import Field, Fields, MapOf
from ._node import Node, one_of
from ._shapes import JsonSchema, ListOf, Parsed, Plain, Shape, Unwritable, Word
from ._sources import registered_sources
from ._tried import OPTIONS

__all__ = ["FORMS", "GIVEN", "HEADING", "ONE_OF_SEVERAL", "STEP", "STEP_NAMES", "parts_of"]

FORMS: Final[dict[str, Form]] = {
    form.name: form for form in (*APP_FORMS, *FILE_FORMS, *MAP_FORMS, *KAFKA_FORMS, *TIME_FORMS, EXPECT_FORM)
}
"""How each step is written, by name. A step that two of them can say is written by the first."""

STEP_NAMES: Final[tuple[str, ...]] = tuple(FORMS)
"""The names of all steps."""


_MEANT: Final = {
    "assert": "expect",
    "check": "expect",
    "delete": "fs.remove",
    "edit": "fs.write",
    "kill": "crash",
    "mv": "fs.move",
    "pause": "advance",
    "rename": "fs.move",
    "rm": "fs.remove",
    "run": "update",
    "sleep": "advance",
    "tick": "advance",
    "verify": "expect",
    "wait": "advance",
    "watch": "start",
}
"""Names of steps that people try, and what the step is called."""


def _not_one_key(entries: Sequence[tuple[str, Node, Node]]) -> str:
    names = ", ".join(repr(name) for name, _, _ in entries)
    hint = "begin each step with `- `"
    if entries and entries[0][0] in FORMS and entries[0][2].is_nothing and not any(e[0] in FORMS for e in entries[1:]):
        hint = f"indent what belongs to {entries[0][0]!r} further than it"
    return f"a step has one key, found {len(entries)} ({names}); {hint}"


class _StepShape(Shape[Step]):
    """One step: a mapping with one key, or the bare name of a step that needs nothing."""

    expected = "a step"

    def read(self, node: Node) -> Step:
        if node.is_mapping:
            entries = node.entries(self.expected)
            if len(entries) != 1:
                node.fail(_not_one_key(entries))
            name, key, value = entries[0]
        else:
            name, key, value = node.text(self.expected), node, None
        form = FORMS.get(name)
        if form is None:
            key.fail(f"unknown step {name!r}; {one_of(name, STEP_NAMES, _MEANT)}")
        if value is None:
            if not form.bare:
                key.fail(f"{name!r} needs something to do, as in `{form.example}`")
            value = node.nothing()
        return form.read(value, key.place)

    def plain(self, value: Step) -> Plain:
        for form in FORMS.values():
            if form.kind is type(value):
                try:
                    rest = form.plain(value)
                except Unwritable:
                    continue
                return form.name if rest is None and form.bare else {form.name: rest}
        raise Unwritable(f"{value!r} can't be written as a step")

    def schema(self) -> JsonSchema:
        # One mapping with all steps as properties, rather than one alternative each: editors complete and explain it.
        return {
            "anyOf": [
                {"type": "string", "enum": [form.name for form in FORMS.values() if form.bare]},
                {
                    "type": "object",
                    "properties": {
                        form.name: {"description": form.about, **form.shape.schema()} for form in FORMS.values()
                    },
                    "additionalProperties": False,
                    "minProperties": 1,
                    "maxProperties": 1,
                },
            ]
        }


STEP: Final = _StepShape()
"""One step."""

_APP = re.compile(r"(?P<file>.+?\.py)(?::(?P<name>.+))?")


def parts_of(text: str) -> tuple[str, str]:
    """The file and the name behind it (or "") of `path/main.py:app`. Raises ValueError."""
    parts = _APP.fullmatch(text)
    if parts is None:
        raise ValueError(f"{text!r} names no Python file")
    return parts["file"], parts["name"] or ""


def _app(text: str) -> str:
    if _APP.fullmatch(text) is None:
        raise ValueError(f"{text!r} is not a pipeline; write the path of a Python file, as in 'path/main.py'")
    return text


def _source(text: str) -> str:
    known = registered_sources()
    parts = _APP.fullmatch(text)
    if text not in known and (parts is None or not (parts["name"] or "").isidentifier()):
        hint = f", or a name that is registered: {', '.join(known)}" if known else ""
        raise ValueError(
            f"{text!r} is not a connector; write a Python file and what makes it, as in 'path/prices.py:prices'{hint}"
        )
    return text


def _driver(text: str) -> str:
    parts = _APP.fullmatch(text)
    if parts is None or not (parts["name"] or "").isidentifier():
        raise ValueError(f"{text!r} is not a driver; write a Python file and what makes it, as in 'path/shop.py:Shop'")
    return text


def _driver_name(text: str) -> str:
    if not text.isidentifier():
        raise ValueError(f"{text!r} can't be the name of a driver; write a word, as in 'shop'")
    return text


def _name(text: str) -> str:
    for refused, called in (("::", "'::'"), ("[", "'['"), ("\n", "a line break")):
        if refused in text:
            raise ValueError(f"{text!r} can't be a name: it is part of a test's id, so it has no {called}")
    if not text.strip():
        raise ValueError("a name can't be empty")
    return text


def _reasons(values: dict[str, Any], nodes: Any, _: Node) -> None:
    for oracle, reason in values.items():
        if not reason:
            nodes[oracle].fail(f"the oracle {oracle!r} is off without a reason; say why it can't hold here")


GIVEN: Final = Fields(
    "a mapping with `files:` or `map:`",
    "starting state",
    (
        Field("files", files(), "Files with their content, by path."),
        Field(
            "watch",
            Word("the name of a watch profile", WATCH_PROFILES, "unknown watch profile {!r}"),
            "How changes of files are told; `inotify` unless given.",
        ),
        Field("map", ENTRIES, "What external maps hold: `map`, or below the name of another one."),
        Field("kafka", GIVEN_KAFKA, "Topics with their messages."),
    ),
)
"""What there is before the first step."""

_FACTORY: Final[JsonSchema] = {"pattern": r"^.+?\.py:[^\W\d]\w*$"}
_DRIVERS: Final = MapOf(
    Parsed("a name", _driver_name, str, {"pattern": r"^[^\W\d]\w*$"}),
    Parsed("a driver, as in 'path/shop.py:Shop'", _driver, str, _FACTORY),
    "a mapping from the name of a driver to what makes it",
)
_STEPS: Final = ListOf(STEP, "a list of steps", "this list is empty; write at least one step")
_NAME = Field(
    "name", Parsed("a name", _name, str, {"minLength": 1}), "What the scenario is called; its file's name unless given."
)
_DESCRIPTION = Field("description", Parsed("a description", str.strip, str), "What it is about, for people.")
_GIVEN = Field("given", GIVEN, "What there is before the first step.")
_OFF = Field(
    "oracles_off",
    Fields(
        "a mapping from oracles to reasons",
        "oracle",
        tuple(
            Field(name, Parsed(f"the reason why {name!r} can't hold here", str.strip, str), f"Why {name!r} can't hold.")
            for name in ORACLES
        ),
        rule=_reasons,
    ),
    "Oracles that can't hold in this story, each with the reason.",
)


def _recording(text: str) -> Recording:
    recording = Recording.parse(text)
    if recording.kept is not None or recording.left_out:
        raise ValueError(f"{text!r} leaves out a part of the story, and in a scenario file it has to be all of it")
    return recording


_RECORDING = Field(
    "recording",
    Parsed("a recording, as in '17.0012'", _recording, str),
    "A run of these steps that failed once, as a failure report has it for `--coco-replay`. It is repeated before any"
    " other run is made.",
)

_OPTIONS = Field(
    "options", OPTIONS, "How it is explored; the command line and a marker go before it, it goes before the ini file."
)

ONE_OF_SEVERAL: Final = Fields(
    "a scenario",
    "key",
    (
        Field(_NAME.name, _NAME.shape, "What the scenario is called.", "say in a few words what it claims"),
        _DESCRIPTION,
        _GIVEN,
        _OFF,
        _OPTIONS,
        _RECORDING,
        Field("steps", _STEPS, "What happens, in order.", "list what happens, as in `steps: [update]`"),
    ),
)
"""A scenario among several."""

HEADING: Final = Fields(
    "a mapping with `app:` and `steps:`",
    "key",
    (
        _NAME,
        _DESCRIPTION,
        Field(
            "app",
            Parsed("a pipeline, as in 'path/main.py'", _app, str, {"pattern": r"^.+?\.py(:.+)?$"}),
            "The pipeline: a Python file, relative to this one, and the name of its app if there are several.",
        ),
        Field(
            "source",
            Parsed("a connector, as in 'path/prices.py:prices'", _source, str, {"pattern": r"^(.+?\.py:)?[^\W\d]\w*$"}),
            "A connector under test in place of a pipeline: a Python file, relative to this one, and what makes it; or"
            " a name that a plugin has registered. What it gives is mirrored into the target `mirror`.",
        ),
        Field("drivers", _DRIVERS, "What `call` calls, by name: a Python file, relative to this one, and its maker."),
        _GIVEN,
        _OFF,
        _OPTIONS,
        _RECORDING,
        Field("steps", _STEPS, "What happens, in order."),
        Field(
            "scenarios",
            ListOf(ONE_OF_SEVERAL, "a list of scenarios", "this list is empty; write at least one scenario"),
            "Several scenarios that share the heading, in place of `steps`.",
        ),
    ),
    one_of=("steps", "scenarios"),
)
"""A scenario file."""
