"""The marker `coco(...)`: options of one test, or of the tests of a class or module."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from ._options import LAYERS, TABLE, Layers, Options
from ._seeds import LAST

if TYPE_CHECKING:
    from cocoindex_sim.world import Story

__all__ = ["MARKER", "has_faults_of_its_own", "marker_values", "options_of"]

_KNOWN = {each.name: each for each in TABLE if each.is_per_test}

MARKER = (
    f"coco({', '.join(f'{name}=...' for name in _KNOWN)}): options of this test alone, as on the command line, which"
    " goes before"
)


def marker_values(node: Any) -> dict[str, Any]:
    """What the markers around a test or its definition say, the closest first.

    Fails the test, or what collects it, when a marker says something that is no option of one test.
    """
    values: dict[str, Any] = {}
    for marker in node.iter_markers("coco"):
        if marker.args:
            _fail(node, f"takes options by name, as in coco(seed=7); got {marker.args[0]!r}")
        for name, value in marker.kwargs.items():
            values.setdefault(name, _value(node, name, value))
    return values


def _value(node: Any, name: str, value: object) -> Any:
    known = _KNOWN.get(name)
    if known is None:
        near = get_close_matches(name, _KNOWN, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ""
        _fail(node, f"has no option {name!r} for one test{meant} known: {', '.join(_KNOWN)}")
    refused = ""
    try:
        found = known.read(value, name, Path())
    except pytest.UsageError as error:
        refused = str(error)
    if refused:  # out here, the report does not tell of both
        _fail(node, f"can't be followed: {refused}")
    if found == LAST and name == "seed":
        _fail(node, "names its seed itself; the last one is for sessions, --coco-seed=last")
    return found


def _fail(node: Any, what: str) -> NoReturn:
    pytest.fail(f"the marker coco of {node.name!r} {what}", pytrace=False)


def options_of(node: Any, story: Story | None = None) -> Options:
    """The options that hold for one test, or for one scenario, which may say some itself."""
    layers: Layers = node.config.stash[LAYERS]
    said = () if story is None else story.options
    scenario = {name: _KNOWN[name].read(value, name, Path()) for name, value in said}
    return layers.options(marker_values(node), scenario)


def has_faults_of_its_own(node: Any, story: Story) -> bool:
    """Whether it is the marker of a scenario, or the scenario itself, that says which faults there are."""
    layers: Layers = node.config.stash[LAYERS]
    return "faults" not in layers.line and ("faults" in marker_values(node) or "faults" in dict(story.options))
