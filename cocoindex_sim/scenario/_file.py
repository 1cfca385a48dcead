"""A scenario file as a whole: its heading, and the stories under it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..values import ScenarioError
from ..world import Call, KafkaStep, Place, Step, Story, first_refusal, registered_drivers
from ._node import Node, one_of
from ._sources import resolved_source
from ._vocabulary import HEADING, ONE_OF_SEVERAL, parts_of
from ._yaml import read_yaml

__all__ = ["SUFFIX", "parse_scenarios", "read_scenarios", "stories_in"]

SUFFIX: Final = ".coco.yaml"
"""How the name of every scenario file ends."""


def read_scenarios(path: Path, *, shown_as: Path | None = None) -> list[Story]:
    """The stories in a file, in order. `shown_as` is the path that errors and reports name instead.

    Raises: ScenarioError for anything that can't be run as written; OSError when the file can't be read.
    """
    shown = shown_as or path
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError(f"not UTF-8 text: {error.reason} at byte {error.start}", path=shown) from None
    return parse_scenarios(text, path=shown, base=path.parent)


def parse_scenarios(text: str, *, path: Path, base: Path) -> list[Story]:
    """The stories in the text of a file. `path` names it in errors; `base` is the directory that `app:` starts from.

    Raises: ScenarioError for anything that can't be run as written.
    """
    return stories_in(read_yaml(text, path), base, path.name.removesuffix(SUFFIX))


def stories_in(root: Node, base: Path, name: str) -> list[Story]:
    """The stories under a heading. `name` is that of a single one unless it has its own. Raises ScenarioError."""
    nodes = HEADING.nodes(root)
    if "app" not in nodes and "source" not in nodes:
        root.fail("`app:` is missing; it names the pipeline, as in `app: path/main.py`, or `source:` a connector")
    if "app" in nodes and "source" in nodes:
        nodes["source"].fail("`source:` is a connector to run without a pipeline, and `app:` is one; write one of them")
    heading = HEADING.read(root)
    kind = "app" if "app" in heading else "source"
    heading[kind] = resolved_source(heading[kind], base) if kind == "source" else heading[kind]
    file, _ = parts_of(heading[kind])
    if not (base / file).is_file():
        nodes[kind].fail(f"there is no file {file!r}; the path starts at the directory of the scenario file")
    about = {
        "app": heading[kind],
        "app_place": nodes[kind].place,
        "base": base,
        "is_source": kind == "source",
        "drivers": heading.get("drivers", ()),
    }
    _check_drivers(nodes, heading.get("drivers", ()), base)
    if "steps" in heading:
        return [_story(root.place, {"name": name, **heading}, heading, about)]
    if "recording" in nodes:
        nodes["recording"].fail("a recording is of one scenario, and there are several; write it into that one")
    stories: dict[str, Story] = {}
    for own, node in zip(heading["scenarios"], nodes["scenarios"].value, strict=True):
        story = _story(node.place, own, heading, about)
        if story.name in stories:
            first = stories[story.name].place.line
            named = ONE_OF_SEVERAL.nodes(node)["name"]
            named.fail(f"{story.name!r} is the name of the scenario on line {first} too")
        stories[story.name] = story
    return list(stories.values())


def _story(place: Place, own: Mapping[str, Any], heading: Mapping[str, Any], about: Mapping[str, Any]) -> Story:
    _check_order(own["steps"])
    _check_calls(own["steps"], (*registered_drivers(), *dict(about["drivers"])))
    givens = [heading.get("given", {}), own.get("given", {})]
    files: dict[str, bytes] = {}
    entries: dict[tuple[str, str], str] = {}
    topics: dict[str, tuple[KafkaStep, ...]] = {}
    watch = "inotify"
    for given in givens:
        files |= dict(given.get("files", ()))
        entries |= {(name, key): value for name, key, value in given.get("map", ())}
        topics |= dict(given.get("kafka", ()))
        watch = given.get("watch", watch)
    return Story(
        name=own["name"],
        place=place,
        steps=own["steps"],
        files=tuple(files.items()),
        watch=watch,
        entries=tuple((*names, value) for names, value in entries.items()),
        kafka=tuple(step for steps in topics.values() for step in steps),
        description=own.get("description", ""),
        recording=own.get("recording"),
        options=tuple((heading.get("options", {}) | own.get("options", {})).items()),
        oracles_off=tuple((heading.get("oracles_off", {}) | own.get("oracles_off", {})).items()),
        **about,
    )


def _check_drivers(nodes: Mapping[str, Node], drivers: Sequence[tuple[str, str]], base: Path) -> None:
    for name, target in drivers:
        file, _ = parts_of(target)
        if not (base / file).is_file():
            node = next(value for key, _, value in nodes["drivers"].entries("drivers") if key == name)
            node.fail(f"there is no file {file!r}; the path starts at the directory of the scenario file")


def _check_calls(steps: Sequence[Step], known: Sequence[str]) -> None:
    for step in steps:
        if isinstance(step, Call) and step.driver not in known:
            hint = one_of(step.driver, known) or "name what makes it under `drivers:`"
            place = step.place
            fact = f"unknown driver {step.driver!r}; {hint}"
            raise ScenarioError(fact, path=place.path, line=place.line, column=place.column)


def _check_order(steps: Sequence[Step]) -> None:
    """Raise a ScenarioError for the first step that can't follow the ones before it."""
    refused = first_refusal(steps)
    if refused is not None:
        step, reason = refused
        place = step.place
        raise ScenarioError(reason, path=place.path, line=place.line, column=place.column)
