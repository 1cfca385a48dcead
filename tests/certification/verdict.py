"""Compares what a cluster shows with what Apache Kafka showed, and excuses what `accepted.toml` excuses."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

from .stories import CHAPTERS, STORIES
from .story import Observations

HERE = Path(__file__).parent
OBSERVED = HERE / "observed.json"
ACCEPTED = HERE / "accepted.toml"


def plain(value: Any) -> Any:
    """A value as JSON gives it back."""
    return json.loads(json.dumps(value))


def reference() -> dict[str, Observations]:
    """What Apache Kafka showed, by story."""
    chapters = json.loads(OBSERVED.read_text())
    return {name: told["observed"] for chapter in chapters.values() for name, told in chapter.items()}


def capabilities(arm: str) -> frozenset[str]:
    """What an arm can, as `accepted.toml` has it."""
    every = frozenset().union(*(story.needs for story in STORIES.values()))
    return every - tomllib.loads(ACCEPTED.read_text())["arm"][arm].get("cannot", {}).keys()


def stories_for(arm: str) -> list[str]:
    """The stories whose needs an arm meets."""
    can = capabilities(arm)
    return [name for name, story in STORIES.items() if story.needs <= can]


def judge(arm: str, name: str, observed: Observations | str) -> None:
    """Fail unless every observation is Apache Kafka's, or is the one that is accepted of this arm."""
    assert not isinstance(observed, str), observed
    kafka = reference()[name]
    excused: dict[str, Any] = {}
    for difference in tomllib.loads(ACCEPTED.read_text()).get("difference", []):
        if difference["arm"] == arm and difference["story"] == name:
            excused |= {what: json.loads(shows) for what, shows in difference["shows"].items()}
    problems = [
        f"{what!r} is accepted and is no difference" for what, shows in excused.items() if shows == kafka.get(what)
    ]
    found = plain(observed)
    for what in sorted(kafka.keys() | found.keys()):
        expected = excused.get(what, kafka.get(what, "nothing of the kind"))
        if found.get(what, "nothing of the kind") != expected:
            problems.append(
                f"{what!r} is\n        {json.dumps(found.get(what))}\n    and not\n        {json.dumps(expected)}"
            )
    assert not problems, f"{name} on {arm}:\n    " + "\n    ".join(problems)


def record(told: dict[str, Observations | str]) -> None:
    """Write down what Apache Kafka shows, one observation a line. What is not told is kept as it was."""
    known: dict[str, Observations | str] = {**reference(), **told}
    lines = []
    for chapter in CHAPTERS:
        about = (chapter.__doc__ or "").strip().removeprefix("Stories of ").rstrip(".")
        stories = []
        for name, story in STORIES.items():
            if story.tell.__module__ != chapter.__name__ or name not in known:
                continue
            observed = known[name]
            assert not isinstance(observed, str), observed
            values = ",\n".join(f"    {json.dumps(what)}: {json.dumps(shows)}" for what, shows in observed.items())
            needs = json.dumps(sorted(story.needs))
            stories.append(f'  {json.dumps(name)}: {{"needs": {needs}, "observed": {{\n{values}\n  }}}}')
        if stories:
            lines.append(f" {json.dumps(about)}: {{\n" + ",\n".join(stories) + "\n }")
    OBSERVED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
