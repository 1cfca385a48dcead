# Goal: values in the text of a file can be changed, and everything else of it stays as somebody wrote it.

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.scenario._rewrite import rewritten
from cocoindex_sim.scenario._spans import spans_of
from cocoindex_sim.scenario._yaml import read_yaml

from .test_render import as_plain, values

CASES: dict[str, tuple[str, dict[tuple[str | int, ...], Any], str]] = {
    "a scalar changes where it stands": (
        "# what\na:   1   # why\n\nb: 'x'\n",
        {("a",): 2, ("b",): "it's"},
        "# what\na: 2   # why\n\nb: it's\n",
    ),
    "what means the same is not touched": (
        "a: 'x'\nb: 1\nc: [y]\nd: z\n",
        {("a",): "x", ("b",): 1, ("c",): "y", ("d",): ["z"]},
        "a: 'x'\nb: 1\nc: [y]\nd: z\n",
    ),
    "entries in braces change, come and go": (
        "a: {x: 1,  y: 'b',z: 3}  # why\n",
        {("a",): {"x": 1, "z": 4, "new one": "c"}},
        "a: {x: 1,z: 4, new one: c}  # why\n",
    ),
    "the first entries in braces go": ("a: {x: 1, y: 2, z: 3}\n", {("a",): {"z": 3}}, "a: {z: 3}\n"),
    "the last entries in braces go": ("a: {x: 1, y: 2, z: 3}\n", {("a",): {"x": 1}}, "a: {x: 1}\n"),
    "all entries in braces go": ("a: { x: 1, y: 2 } # why\n", {("a",): {}}, "a: {} # why\n"),
    "other entries in braces come": ("a: {x: 1}\n", {("a",): {"y": 2, "z": None}}, "a: {y: 2, z: }\n"),
    "braces are filled": ("a: {}\n", {("a",): {"y": "{"}}, "a: {y: '{'}\n"),
    "entries of a block change, come and go": (
        "a:\n  # about x\n  x: 1  # x\n  # about y\n  y: 2\n  z: 3  # z\n# end\nb: 1\n",
        {("a",): {"x": 1, "z": 4, "new": "c"}},
        "a:\n  # about x\n  x: 1  # x\n  # about y\n  z: 4  # z\n  new: c\n# end\nb: 1\n",
    ),
    "all entries of a block go": ("a:\n  x: 1\n  y: 2\nb: 1\n", {("a",): {}}, "a: {}\nb: 1\n"),
    "the first entry behind a dash goes": ("a:\n- x: 1\n  y: 2\n", {("a", 0): {"y": 2}}, "a:\n- y: 2\n"),
    "lines take the place of a word": (
        "a:\n  x: 1  # why\n  y: 2\n",
        {("a", "x"): "one\ntwo\n"},
        "a:\n  x: |  # why\n    one\n    two\n  y: 2\n",
    ),
    "a word takes the place of lines": (
        "a:\n  x: |\n    one\n    two\n\n  # about y\n  y: 2\n",
        {("a", "x"): "one"},
        "a:\n  x: one\n\n  # about y\n  y: 2\n",
    ),
    "lines take the place of lines": (
        "a:\n    x: |-\n        one\n    y: 2\n",
        {("a", "x"): "two\nthree\n"},
        "a:\n    x: |\n      two\n      three\n    y: 2\n",
    ),
    "what gets too long for its line becomes a block": (
        "a:\n  - expect: {diff: {added: x}, targets: {a: b}}  # why\n  - settle\n",
        {("a", 0, "expect", "targets"): {"a": "b" * 60, "c": "one\ntwo\n"}},
        "a:\n  - expect:  # why\n      diff: {added: x}\n      targets:\n"
        f"        a: {'b' * 60}\n        c: |\n          one\n          two\n  - settle\n",
    ),
    "a list changes": ("a: [x,  y]\nb:\n- z\n", {("a",): ["x", "w"], ("b",): ["u", "v"]}, "a: [x,  w]\nb: [u, v]\n"),
    "what was not written is written": ("a:\nb:  # why\n", {("a",): "x", ("b",): {"y": 1}}, "a: x\nb: {y: 1}  # why\n"),
    "aliases follow what they stand for": (
        "a: &x {k: 1}\nb: *x\n",
        {("a",): {"k": 2}, ("b",): {"k": 2}},
        "a: &x {k: 2}\nb: *x\n",
    ),
    "an alias becomes what it stood for when that changes": (
        "a: &x {k: 1}\nb: *x  # why\nc: {d: *x}\n",
        {("a",): {"k": 2}, ("b",): {"k": 3}},
        "a: &x {k: 2}\nb: {k: 3}  # why\nc: {d: {k: 1}}\n",
    ),
    "an alias changes alone": ("a: &x {k: 1}\nb: *x\n", {("b",): {"k": 3}}, "a: &x {k: 1}\nb: {k: 3}\n"),
    "an anchor stays with what takes its place": (
        "a: &x\n  k: 1\nb: *x\n",
        {("a",): "word", ("b",): "word"},
        "a: &x word\nb: *x\n",
    ),
    "what was referred to goes": (
        "a: {j: &x {k: 1}, l: 1}\nb: *x\n",
        {("a",): {"l": 1}},
        "a: {l: 1}\nb: {k: 1}\n",
    ),
    "data that is no text": ("a: {x: !!binary AAA=}\n", {("a",): {"x": b"\xff"}}, "a: {x: !!binary /w==}\n"),
    "line ends are those of the file": (
        "a: {x: 1}\r\nb: 2\r\n",
        {("b",): "o\nt\n"},
        "a: {x: 1}\r\nb: |\r\n  o\r\n  t\r\n",
    ),
}


@pytest.mark.parametrize(("text", "changes", "expected"), CASES.values(), ids=CASES)
def test_a_change_is_made_where_it_is_and_nowhere_else(
    text: str, changes: dict[tuple[str | int, ...], Any], expected: str
) -> None:
    assert rewritten(text, changes) == expected


def test_without_changes_the_text_is_the_text() -> None:
    assert rewritten("a:   [1 ]   # x", {}) == "a:   [1 ]   # x"


DOCUMENT = """\
# first
a:    # about a
  x: 1      # one
  y: {p: 1, q: [2,3], r: {s: 't'}}   # two

  # three
  z: |
    some
    lines
  w: &w {k: v}
b: *w
c:
  - {d: 1, e: *w}   # four
  # five
  - f:
      g: 'h'
      i: &i
        j: k
    l: *i
  - m
# last
"""
PATHS: list[tuple[str | int, ...]] = [
    *(("a",), ("a", "x"), ("a", "y"), ("a", "y", "q"), ("a", "y", "r", "s"), ("a", "z"), ("a", "w"), ("b",)),
    *(("c", 0), ("c", 0, "e"), ("c", 1, "f"), ("c", 1, "f", "i"), ("c", 1, "f", "i", "j"), ("c", 1, "l"), ("c", 2)),
]


@given(st.data())
def test_any_values_can_take_any_places(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS))
    before = as_plain(read_yaml(DOCUMENT, Path("x")))
    old: Any = before
    for key in path:
        old = old[key]
    some = values.map(_with_items)
    more = st.dictionaries(st.text("abwk", min_size=1), some, max_size=3)
    new = data.draw(
        some | (st.builds(_mixed, st.just(old), st.sets(st.integers(0, 9)), more) if _is_map(old) else some)
    )
    expected = copy.deepcopy(before)
    at = expected
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = new
    text = rewritten(DOCUMENT, {path: new})
    assert as_plain(read_yaml(text, Path("x"))) == expected
    assert text.startswith("# first\n")
    assert text.endswith("# last\n")


def _is_map(value: Any) -> bool:
    return isinstance(value, dict)


def _mixed(old: dict[str, Any], kept: set[int], more: dict[str, Any]) -> dict[str, Any]:
    return {key: value for number, (key, value) in enumerate(old.items()) if number in kept} | more


def _with_items(value: Any) -> Any:
    """Nothing can't be an item of a list, and no scenario needs it."""
    if isinstance(value, dict):
        return {key: _with_items(item) for key, item in value.items() if key}
    if isinstance(value, list):
        return [_with_items(item) for item in value if item is not None]
    return value


def test_the_places_of_values_are_those_of_their_text() -> None:
    root = spans_of(DOCUMENT)
    span = root.child("a")
    assert span is not None
    inner = span.child("y")
    assert inner is not None
    assert DOCUMENT[inner.start : inner.end] == "{p: 1, q: [2,3], r: {s: 't'}}"
    assert root.plain()["b"] == {"k": "v"}
