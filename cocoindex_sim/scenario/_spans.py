"""YAML as places in its text: where each value begins and ends, and what is only referred to."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
)

from ._emit import Spelled

__all__ = ["Span", "spans_of"]

_BINARY: Final = ("!!binary", "tag:yaml.org,2002:binary")


@dataclass(slots=True)
class Span:
    """One value: `kind` is mapping, list, scalar or alias; its text is `text[start:end]`, an anchor included.

    `entries`: of a mapping, the spans of keys and values; of a list, the items with themselves. `value`: of a scalar.
    `inside`: an alias or value within a collection in one line. `target`: what an alias refers to.
    """

    kind: str
    start: int
    end: int
    flow: bool = False
    inside: bool = False
    anchor: str = ""
    value: Any = None
    entries: list[tuple[Span, Span]] = field(default_factory=list)
    target: Span | None = None

    @property
    def resolved(self) -> Span:
        """This, or what it refers to."""
        return self if self.target is None else self.target

    def plain(self) -> Any:
        """The value; unquoted text is as it is spelled."""
        span = self.resolved
        if span.kind == "mapping":
            return {key.value: value.plain() for key, value in span.entries}
        if span.kind == "list":
            return [value.plain() for _, value in span.entries]
        return span.value

    def child(self, key: str | int) -> Span | None:
        """The value of a key, or the item of a number; None when there is none."""
        span = self.resolved
        if span.kind == "list" and isinstance(key, int):
            return span.entries[key][1] if key < len(span.entries) else None
        return next((value for name, value in span.entries if name.value == key), None)


def spans_of(text: str) -> Span:
    """The root of one YAML document that is known to be one."""
    return _Reader(text).root()


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._events: list[Any] = list(YAML(typ="safe", pure=True).parse(text))
        self._at = 0
        self._anchors: dict[str, Span] = {}

    def root(self) -> Span:
        while not isinstance(self._events[self._at], MappingStartEvent):
            self._at += 1
        return self._read(inside=False)

    def _read(self, *, inside: bool) -> Span:
        event = self._events[self._at]
        self._at += 1
        if isinstance(event, AliasEvent):
            target = self._anchors[event.anchor]
            return Span("alias", event.start_mark.index, event.end_mark.index, inside=inside, target=target)
        anchor = str(event.anchor or "")
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, ScalarEvent):
            end = max(start, len(self._text[:end].rstrip()) if event.style in ("|", ">") else end)
            span = Span("scalar", start, end, inside=inside, anchor=anchor, value=_value(event))
        else:
            is_mapping = isinstance(event, MappingStartEvent)
            span = Span("mapping" if is_mapping else "list", start, end, bool(event.flow_style), inside, anchor)
            self._anchors |= {anchor: span} if anchor else {}
            self._fill(span)
        self._anchors |= {anchor: span} if anchor else {}
        return span

    def _fill(self, span: Span) -> None:
        inside = span.flow or span.inside
        while not isinstance(self._events[self._at], MappingEndEvent | SequenceEndEvent):
            key = self._read(inside=inside)
            value = self._read(inside=inside) if span.kind == "mapping" else key
            if value.kind == "scalar" and value.value is None and value is not key:
                # What is not written is said to be where the next thing is.
                value.start = value.end = self._text.index(":", key.end) + 1
            span.entries.append((key, value))
        if span.flow:
            span.end = self._events[self._at].end_mark.index
        elif span.entries:
            span.end = max(span.entries[-1][0].end, span.entries[-1][1].end)
        self._at += 1


def _value(event: Any) -> Any:
    if str(event.tag or "") in _BINARY:
        return base64.b64decode("".join(event.value.split()))
    if event.style is None:
        return Spelled(event.value) if event.value else None
    return str(event.value)
