"""A scenario file as a whole: its heading, and the stories under it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from ..values import ScenarioError
from ..world import ORACLES, WATCH_PROFILES, KafkaStep, Place, Story
from ._kafka import read_given_kafka
from ._maps import read_entries
from ._node import Node, one_of, read_yaml
from ._steps import check_order, read_files, read_step

__all__ = ["SUFFIX", "parse_scenarios", "read_scenarios"]

SUFFIX = ".coco.yaml"
"""How the name of every scenario file ends."""

_HEADING = ("name", "description", "app", "source", "given", "oracles_off", "steps", "scenarios")
_ONE_OF_SEVERAL = ("name", "description", "given", "oracles_off", "steps")
_APP = re.compile(r"(?P<file>.+?\.py)(?::(?P<name>.+))?")


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
    root = read_yaml(text, path)
    fields = root.fields("a mapping with `app:` and `steps:`", _HEADING, "key")
    if "app" not in fields and "source" not in fields:
        root.fail("`app:` is missing; it names the pipeline, as in `app: path/main.py`, or `source:` a connector")
    if "app" in fields and "source" in fields:
        fields["source"].fail(
            "`source:` is a connector to run without a pipeline, and `app:` is one; write one of them"
        )
    named = fields.get("app") or fields["source"]
    heading = _Heading(
        app=_app(named, base) if "app" in fields else _source(named, base),
        app_place=named.place,
        is_source="source" in fields,
        base=base,
        given=_given(fields),
        oracles_off=_oracles_off(fields),
    )
    if ("steps" in fields) == ("scenarios" in fields):
        both = "both" if "steps" in fields else "neither"
        root.fail(f"expected one of `steps:` and `scenarios:`, found {both}")
    if "steps" in fields:
        return [_story(root, fields, heading, path.name.removesuffix(SUFFIX))]
    stories: dict[str, Story] = {}
    for item in _filled(fields["scenarios"], "scenario"):
        own = item.fields("a scenario", _ONE_OF_SEVERAL, "key")
        for needed in ("name", "steps"):
            if needed not in own:
                item.fail(f"`{needed}:` is missing from this scenario")
        story = _story(item, own, heading, "")
        if story.name in stories:
            first = stories[story.name].place.line
            own["name"].fail(f"{story.name!r} is the name of the scenario on line {first} too")
        stories[story.name] = story
    return list(stories.values())


@dataclass(frozen=True, slots=True)
class _Heading:
    app: str
    app_place: Place
    is_source: bool
    base: Path
    given: _Given
    oracles_off: dict[str, str]


def _app(node: Node, base: Path) -> str:
    text = node.text("a pipeline, as in 'path/main.py'")
    parts = _APP.fullmatch(text)
    if parts is None:
        node.fail(f"{text!r} is not a pipeline; write the path of a Python file, as in 'path/main.py'")
    return _of_a_file(node, text, parts["file"], base)


def _source(node: Node, base: Path) -> str:
    text = node.text("a connector, as in 'path/prices.py:prices'")
    parts = _APP.fullmatch(text)
    if parts is None or not (parts["name"] or "").isidentifier():
        node.fail(f"{text!r} is not a connector; write a Python file and what makes it, as in 'path/prices.py:prices'")
    return _of_a_file(node, text, parts["file"], base)


def _of_a_file(node: Node, text: str, file: str, base: Path) -> str:
    if not (base / file).is_file():
        node.fail(f"there is no file {file!r}; the path starts at the directory of the scenario file")
    return text


@dataclass(frozen=True, slots=True)
class _Given:
    files: dict[str, bytes]
    watch: str | None = None
    entries: tuple[tuple[str, str, str], ...] = ()
    kafka: tuple[tuple[str, tuple[KafkaStep, ...]], ...] = ()


def _given(fields: dict[str, Node]) -> _Given:
    if "given" not in fields:
        return _Given({})
    given = fields["given"].fields(
        "a mapping with `files:` or `map:`", ("files", "watch", "map", "kafka"), "starting state"
    )
    return _Given(
        files=dict(read_files(given["files"])) if "files" in given else {},
        watch=_watch(given["watch"]) if "watch" in given else None,
        entries=read_entries(given["map"]) if "map" in given else (),
        kafka=read_given_kafka(given["kafka"]) if "kafka" in given else (),
    )


def _watch(node: Node) -> str:
    name = node.text("the name of a watch profile")
    if name not in WATCH_PROFILES:
        node.fail(f"unknown watch profile {name!r}; {one_of(name, tuple(WATCH_PROFILES))}")
    return name


def _oracles_off(fields: dict[str, Node]) -> dict[str, str]:
    if "oracles_off" not in fields:
        return {}
    reasons = fields["oracles_off"].fields("a mapping from oracles to reasons", ORACLES, "oracle")
    off: dict[str, str] = {}
    for name, node in reasons.items():
        off[name] = node.text(f"the reason why {name!r} can't hold here").strip()
        if not off[name]:
            node.fail(f"the oracle {name!r} is off without a reason; say why it can't hold here")
    return off


def _filled(node: Node, what: str) -> list[Node]:
    items = node.items(f"a list of {what}s")
    if not items:
        node.fail(f"this list is empty; write at least one {what}")
    return items


def _name(node: Node) -> str:
    text = node.text("a name")
    for refused, called in (("::", "'::'"), ("[", "'['"), ("\n", "a line break")):
        if refused in text:
            node.fail(f"{text!r} can't be a name: it is part of a test's id, so it has no {called}")
    if not text.strip():
        node.fail("a name can't be empty")
    return text


def _story(node: Node, fields: dict[str, Node], heading: _Heading, default_name: str) -> Story:
    steps = tuple(read_step(item) for item in _filled(fields["steps"], "step"))
    check_order(steps)
    given = _given(fields)
    files = heading.given.files | given.files
    topics = dict(heading.given.kafka + given.kafka)
    entries = {(name, key): value for name, key, value in heading.given.entries + given.entries}
    return Story(
        name=_name(fields["name"]) if "name" in fields else default_name,
        place=node.place,
        app=heading.app,
        app_place=heading.app_place,
        base=heading.base,
        steps=steps,
        files=tuple(files.items()),
        watch=given.watch or heading.given.watch or "inotify",
        entries=tuple((*names, value) for names, value in entries.items()),
        kafka=tuple(step for steps_of_topic in topics.values() for step in steps_of_topic),
        is_source=heading.is_source,
        description=fields["description"].text("a description").strip() if "description" in fields else "",
        oracles_off=tuple((heading.oracles_off | _oracles_off(fields)).items()),
    )
