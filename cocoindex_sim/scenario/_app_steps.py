"""The steps that run the pipeline, let time pass, and end or begin its process."""

from __future__ import annotations

from typing import Any, Final

from ..values import EVENT_NAMES
from ..world import Advance, Crash, Drop, Ready, Restart, Settle, Start, Stop, Update
from ._duration import duration_text, parse_duration
from ._form import Form, form_of_fields, form_of_one
from ._mappings import Field, Fields
from ._shapes import Either, Mapped, Nothing, Number, Parsed, Shape, Truth, Unwritable, Word

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
