"""Paths inside a scenario: relative to the world's working directory, with forward slashes."""

from __future__ import annotations

from typing import Final

from ._shapes import Either, ListOf, Mapped, Parsed, Shape, Unwritable

__all__ = ["PATH", "one_or_more", "parse_path", "paths"]


def parse_path(text: str) -> str:
    """`text` as a path. Raises ValueError."""
    parts = text.split("/")
    if text.startswith("/") or ".." in parts:
        raise ValueError(f"{text!r} leads out of the world's working directory; write a path below it")
    if "" in parts or "." in parts:
        raise ValueError(f"{text!r} is not a plain path; write it as in 'docs/a.md'")
    return text


PATH: Final[Parsed[str]] = Parsed(
    "a path", parse_path, str, {"pattern": r"^(?!\.{1,2}(/|$))[^/]+(/(?!\.{1,2}(/|$))[^/]+)*$"}
)
"""A path below the working directory."""


def one_or_more(
    item: Parsed[str], one: str, several: str, *, empty: str = "", once: bool = True
) -> Shape[tuple[str, ...]]:
    """One of these, or a list of them. `one`, `several`: what was expected."""

    def alone(values: tuple[str, ...]) -> str:
        if len(values) != 1:
            raise Unwritable
        return values[0]

    single = Parsed(one, item.parse, item.show, item.details)
    return Either(
        one,
        scalar=Mapped(single, lambda value: (value,), alone),
        items=ListOf(item, several, empty, once),
    )


def paths(empty: str = "") -> Shape[tuple[str, ...]]:
    """One path, or a list of them, each once."""
    return one_or_more(PATH, "a path or a list of paths", "a list of paths", empty=empty)
