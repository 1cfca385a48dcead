"""The reference page of scenario files, from the vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from ._form import Form
from ._map_steps import ByMap
from ._mappings import Field, Fields, MapOf
from ._shapes import Either, ListOf, Mapped, Parsed, Shape
from ._vocabulary import FORMS, GIVEN, HEADING, ONE_OF_SEVERAL

__all__ = ["reference_page"]

_WORDS_MAX: Final = 12
_GROUPS: Final = {
    "": "The pipeline and its process",
    "fs": "Files",
    "map": "External maps",
    "target": "Targets",
    "kafka": "Kafka",
}

_HEAD: Final = """\
# Scenario files

This page is generated from the vocabulary by `python tools/scenario_reference.py`.

A scenario file ends in `.coco.yaml` and holds one story, or several under one heading: which pipeline or connector,
what there is at the beginning, what happens step by step, and what is expected to hold. pytest collects each story as a
test. Every key is from a closed list; an unknown one is refused with its line, its column and the nearest one there is.

    # yaml-language-server: $schema=scenarios.schema.json
    app: pipeline.py
    given:
      files: {in/a.md: one}
    steps:
      - update
      - expect: {targets: {out/a.html: <p>one</p>}}

The first line lets editors complete and check the file; `coco-sim schema --output scenarios.schema.json` writes what it
leads to. A plain value is text where text is meant, as it is spelled: `1.0`, `yes` and `2024-01-01` too. Paths are
relative to the directory of the pipeline, which is the world's working directory, and use forward slashes.
"""


def reference_page() -> str:
    """The page as Markdown."""
    lines = [_HEAD, "## The heading", "", *_table(HEADING.fields)]
    lines += ["", "One of `app` and `source` is needed, and one of `steps` and `scenarios`. Each scenario has:", ""]
    lines += _table(ONE_OF_SEVERAL.fields)
    lines += ["", "What it gives is added to what the heading gives, and replaces what has the same name.", ""]
    options = next(each for each in HEADING.fields if each.name == "options")
    lines += [
        "## Options",
        "",
        options.about,
        "",
        *(line for each in _fields_in(options.shape) for line in _tables(each)),
    ]
    lines += ["", "## What is given", "", *_tables(GIVEN), ""]
    lines += ["## Steps", "", "A step that needs nothing more may be its bare name.", ""]
    for group, title in _GROUPS.items():
        lines += [f"### {title}", ""]
        for form in FORMS.values():
            if _group(form) == group and form.name != "expect":
                lines += _form(form)
    lines += ["## Expectations", "", *_form(FORMS["expect"]), "## Names", ""]
    for expected, names in _long_lists().items():
        lines += [f"{_cell(expected)} is one of {', '.join(f'`{name}`' for name in names)}.", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _group(form: Form) -> str:
    if form.name == "inject":
        return "fs"
    prefix, dot, _ = form.name.partition(".")
    return prefix if dot else ""


def _form(form: Form) -> Iterator[str]:
    yield f"#### `{form.name}`"
    yield ""
    yield form.about
    yield ""
    yield f"    - {form.example}"
    yield ""
    if form.name != "expect":
        yield f"Takes {_words(form.shape)}."
        yield ""
    for fields in _fields_in(form.shape):
        yield from _tables(fields)
        yield ""


def _tables(fields: Fields) -> Iterator[str]:
    yield from _table(fields.fields)
    for each in fields.fields:
        for within in _fields_within(each.shape):
            yield from ("", f"In `{each.name}`:", "", *_tables(within))


def _table(fields: Iterable[Field]) -> Iterator[str]:
    yield "| key | what it is | |"
    yield "|---|---|---|"
    for each in fields:
        needed = "needed. " if each.missing else ""
        yield f"| `{each.name}` | {each.about} | {needed}{_cell(_words(each.shape))} |"


def _cell(text: str) -> str:
    return (text[:1].upper() + text[1:]).replace("|", "\\|")


def _words(shape: Shape[Any]) -> str:
    """What may be written, in a few words."""
    if isinstance(shape, Mapped):
        return _words(shape.inner)
    if isinstance(shape, Parsed) and "enum" in shape.details:
        known = shape.details["enum"]
        if len(known) <= _WORDS_MAX:
            return f"one of {', '.join(f'`{word}`' for word in known)}"
        return f"{shape.expected} ([all](#names))"
    if isinstance(shape, Either):
        words = list(dict.fromkeys(map(_words, shape.alternatives)))
        return "; or ".join(one for one in words if not any(one in other for other in words if other != one))
    if isinstance(shape, ByMap):
        return f"{_words(shape.inner)}; or a mapping from the name of a map to that"
    if isinstance(shape, Fields):
        return f"a mapping with {', '.join(f'`{name}`' for name in shape.names)}"
    return shape.expected


def _fields_in(shape: Shape[Any]) -> Iterator[Fields]:
    """The closed lists of keys that a shape has at its top."""
    for each in _inside(shape):
        if isinstance(each, Fields):
            yield each
        elif not isinstance(each, ListOf | MapOf):
            yield from _fields_in(each)


def _fields_within(shape: Shape[Any]) -> Iterator[Fields]:
    """The closed lists of keys that a shape has anywhere."""
    if isinstance(shape, Fields):
        yield shape
    else:
        for each in _inside(shape):
            if each is not shape:
                yield from _fields_within(each)


def _inside(shape: Shape[Any]) -> list[Shape[Any]]:
    """The shapes that a shape is made of; itself when it is made of none."""
    if isinstance(shape, Mapped):
        return [shape.inner]
    if isinstance(shape, Either):
        return shape.alternatives
    if isinstance(shape, ListOf):
        return [shape.item]
    if isinstance(shape, MapOf):
        return [shape.key, shape.value]
    return [shape] if isinstance(shape, Fields) else list(getattr(shape, "inside", ()))


def _long_lists() -> dict[str, list[str]]:
    """The lists of names that are too long for a sentence, by what they are names of."""
    found: dict[str, list[str]] = {}

    def look(shape: Shape[Any]) -> None:
        if isinstance(shape, Parsed) and len(shape.details.get("enum", ())) > _WORDS_MAX:
            found[shape.expected] = shape.details["enum"]
        for each in (field.shape for field in shape.fields) if isinstance(shape, Fields) else _inside(shape):
            look(each)

    for form in FORMS.values():
        look(form.shape)
    return found
