"""The steps that run the pipeline, let time pass, and end or begin its process."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

from ..values import EVENT_NAMES
from ..world import (
    HOLD_BARRIERS,
    Advance,
    Call,
    Crash,
    Drop,
    Hold,
    Ready,
    Release,
    Restart,
    Settle,
    Start,
    Stop,
    Update,
)
from ._duration import duration_text, parse_duration
from ._form import Form, form_of_fields, form_of_one
from ._mappings import Field, Fields, MapOf
from ._node import Node
from ._shapes import Anything, Either, JsonSchema, Mapped, Nothing, Number, Parsed, Shape, Text, Truth, Unwritable, Word

__all__ = ["APP_FORMS", "COUNT", "DURATION", "TIME_FORMS"]

COUNT: Final = Number("a count", 1)
"""Which one, or how many."""

DURATION: Final = Parsed(
    "a duration such as '5s'",
    parse_duration,
    duration_text,
    {"pattern": r"^(\d+(\.\d+)?d)?(\d+(\.\d+)?h)?(\d+(\.\d+)?m)?(\d+(\.\d+)?s)?(\d+(\.\d+)?ms)?(\d+(\.\d+)?us)?$"},
)
"""Virtual time, as in `1h30m`."""


def _or_nothing(fields: Fields) -> Shape[dict[str, Any]]:
    def nothing(values: dict[str, Any]) -> None:
        if values:
            raise Unwritable

    return Either(fields.expected, nothing=Mapped(Nothing(), lambda _: {}, nothing), mapping=fields)


def _options(*fields: Field) -> Shape[dict[str, Any]]:
    return _or_nothing(Fields("nothing or a mapping of options", "option", fields))


_FULL = Field("full_reprocess", Truth(), "Whether memos are ignored, so that everything runs again.")
_LIVE = Field("live", Truth(), "Whether it goes on after the first pass, until `stop`.")
_CRASH = Fields(
    "nothing, or `at:` an event",
    "option",
    (
        Field(
            "at", Word("the name of an event", EVENT_NAMES, "unknown event {!r}"), "The event of the engine to die at."
        ),
        Field("nth", COUNT, "Which of these events, from this step on; the first unless given."),
    ),
    needs={"nth": ("at", "`nth` counts an event; name it with `at:`")},
)

_BARRIER: Final[Parsed[str]] = Word("the name of a barrier", HOLD_BARRIERS, "unknown barrier {!r}")
_HOLD: Final = Fields(
    "a barrier, or `at:` a barrier",
    "option",
    (
        Field("at", _BARRIER, "The barrier: an event of the engine, or a call of the pipeline.", "name the barrier"),
        Field("nth", COUNT, "Which of these barriers, from this step on; the first unless given."),
    ),
)


def _hold_form() -> Form:
    def first(values: dict[str, Any]) -> str:
        if values.get("nth", 1) != 1:
            raise Unwritable
        return values["at"]  # type: ignore[no-any-return]  # as it was read

    return form_of_fields(
        "hold",
        Hold,
        Either(_BARRIER.expected, scalar=Mapped(_BARRIER, lambda at: {"at": at}, first), mapping=_HOLD),
        "Runs the started update to a barrier, such as its first look at a directory, and no step further until"
        " `release`. Meanwhile the outside can change, and nothing else can happen.",
        "hold: {at: fs.scandir, nth: 2}",
    )


def _method(text: str) -> tuple[str, str]:
    driver, _, method = text.partition(".")
    if not driver or not method.isidentifier():
        raise ValueError(f"{text!r} is not a call; write a driver and a method of it, as in 'shop.sell'")
    return driver, method


_METHOD: Final = Parsed("a driver and a method of it", _method, ".".join, {"pattern": r"^[^.]+\.[^\W\d]\w*$"})
_ARGUMENTS: Final = MapOf(Text("a name"), Anything(), "nothing, or a mapping of arguments")
_Called: TypeAlias = tuple[tuple[str, str], tuple[tuple[str, Any], ...]]


class _OneCall(MapOf[tuple[str, str], tuple[tuple[str, Any], ...]]):
    def read(self, node: Node) -> tuple[_Called, ...]:
        calls = super().read(node)
        if len(calls) != 1:
            node.fail(f"a step makes one call, found {len(calls)}; begin each with `- call:`")
        return calls

    def schema(self) -> JsonSchema:
        return super().schema() | {"minProperties": 1, "maxProperties": 1}


def _call_form() -> Form:
    def alone(calls: tuple[_Called, ...]) -> _Called:
        return calls[0]

    def without(arguments: tuple[tuple[str, Any], ...]) -> None:
        if arguments:
            raise Unwritable

    def bare(called: _Called) -> tuple[str, str]:
        if called[1]:
            raise Unwritable
        return called[0]

    one = "a driver and a method of it, as in `shop.sell`, with arguments in a mapping below it"
    arguments: Shape[tuple[tuple[str, Any], ...]] = Either(
        "nothing, or a mapping of arguments",
        nothing=Mapped(Nothing(), lambda _: (), without),
        mapping=_ARGUMENTS,
    )
    shape: Either[_Called] = Either(
        one,
        scalar=Mapped(_METHOD, lambda method: (method, ()), bare),
        mapping=Mapped(_OneCall(_METHOD, arguments, one), alone, lambda called: (called,)),
    )
    return Form(
        "call",
        Call,
        shape,
        lambda place, called: Call(place, called[0][0], called[0][1], called[1]),
        lambda step: ((step.driver, step.method), step.arguments),
        "Calls a method of a driver, which the author of the scenario brings along, and waits for its end.",
        "call: {shop.sell: {item: apple, count: 3}}",
    )


APP_FORMS: Final[tuple[Form, ...]] = (
    form_of_fields(
        "start",
        Start,
        _options(_FULL, _LIVE),
        "Begins an update, and goes on to the next step without waiting for it.",
        "start: {live: true}",
        bare=True,
    ),
    form_of_one("ready", Ready, None, "Runs the started update until all of its first pass is done.", "ready"),
    form_of_one(
        "settle",
        Settle,
        None,
        "Runs what is ready, and lets time pass only for changes that are on their way to the pipeline.",
        "settle",
    ),
    form_of_one("stop", Stop, None, "Ends the started live update, as Ctrl-C does. No task of it may be left.", "stop"),
    form_of_fields("update", Update, _options(_FULL), "Runs one update to its end.", "update", bare=True),
    _hold_form(),
    form_of_one("release", Release, None, "Lets the update that is held go on.", "release"),
    _call_form(),
)

TIME_FORMS: Final[tuple[Form, ...]] = (
    form_of_one("advance", Advance, DURATION, "Lets virtual time pass.", "advance: 1h30m"),
    form_of_fields(
        "crash",
        Crash,
        _or_nothing(_CRASH),
        "Kills the process as `kill -9` does: now, or when the started update comes to an event.",
        "crash: {at: pre_committed, nth: 2}",
        bare=True,
    ),
    form_of_one("restart", Restart, None, "Begins a new process on what was durable.", "restart"),
    form_of_one("drop", Drop, None, "Drops the app: everything it declared, and all it remembers.", "drop"),
)
