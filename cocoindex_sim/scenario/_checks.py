"""What content is expected: exactly this, text with that in it, or text that a pattern matches."""

from __future__ import annotations

import re
from typing import Any

from ..world import Contains, Exactly, Matches, TargetExpectation
from ._mappings import Field, Fields
from ._shapes import Content, Either, Mapped, Parsed, Shape, Text, Unwritable

__all__ = ["CHECK_NAMES", "PATTERN", "check_of"]

CHECK_NAMES = ("contains", "matches")


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"{text!r} is not a regular expression: {error}") from None
    return text


PATTERN: Parsed[str] = Parsed("a regular expression", _pattern, str)
"""A regular expression that compiles."""


def _to_check(values: dict[str, Any]) -> TargetExpectation:
    return Contains(values["contains"]) if "contains" in values else Matches(values["matches"])


def _from_check(check: TargetExpectation) -> dict[str, Any]:
    if isinstance(check, Exactly):
        raise Unwritable
    return {"contains": check.text} if isinstance(check, Contains) else {"matches": check.pattern}


def _data(check: TargetExpectation) -> bytes:
    if not isinstance(check, Exactly):
        raise Unwritable
    return check.data


def check_of(what: str) -> Shape[TargetExpectation]:
    """The content of a `what`, or one of `contains:` and `matches:`."""
    expected = f"the content of a {what}, or one of `contains:` and `matches:`"
    parts = Fields(
        "the content",
        "check",
        (
            Field("contains", Text("the text to find"), "Text that is in it."),
            Field("matches", PATTERN, "A regular expression that is found in it, as by `re.search`."),
        ),
        one_of=CHECK_NAMES,
    )
    return Either(
        expected,
        scalar=Mapped(Content(expected), Exactly, _data),
        mapping=Mapped(parts, _to_check, _from_check),
    )
