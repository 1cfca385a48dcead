"""A story as plain values, as a scenario file would hold them, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..world import CreateTopics, Expect, KafkaStep, Place, ProduceMessages, Step, Story
from ._file import stories_in
from ._node import plain_node
from ._shapes import Plain
from ._vocabulary import HEADING, STEP

__all__ = ["plain_step", "plain_story", "story_from_plain", "without_places"]

_NOWHERE = Place(Path())


def plain_step(step: Step) -> Plain:
    """A step as an item of `steps:`. ValueError for one that no file can say."""
    return STEP.plain(step)


def plain_story(story: Story) -> dict[str, Plain]:
    """A story as the whole of a scenario file, keys in the order in which a person would write them."""
    given: dict[str, Any] = {"files": story.files, "map": story.entries, "kafka": _topics(story.kafka)}
    if story.watch != "inotify":
        given["watch"] = story.watch
    values: dict[str, Any] = {
        "name": story.name,
        "description": story.description,
        "source" if story.is_source else "app": story.app,
        "drivers": story.drivers,
        "given": {name: value for name, value in given.items() if value},
        "oracles_off": dict(story.oracles_off),
        "options": dict(story.options),
        "recording": story.recording,
        "steps": story.steps,
    }
    plain = HEADING.plain({name: value for name, value in values.items() if value})
    assert isinstance(plain, dict)
    return plain


def _topics(steps: tuple[KafkaStep, ...]) -> tuple[tuple[str, tuple[KafkaStep, ...]], ...]:
    found: dict[str, tuple[KafkaStep, ...]] = {}
    for step in steps:
        if isinstance(step, CreateTopics):
            for topic, count in step.topics:
                found[topic] = (CreateTopics(step.place, ((topic, count),)),)
        elif isinstance(step, ProduceMessages):
            for message in step.messages:
                created, *_ = found[message.topic]
                before = tuple(each for some in found[message.topic][1:] for each in getattr(some, "messages", ()))
                found[message.topic] = (created, ProduceMessages(step.place, (*before, message)))
    return tuple(found.items())


def story_from_plain(plain: Mapping[str, Any], *, path: Path, base: Path, line: int = 0) -> Story:
    """The story that these values of a whole scenario file make; all of it is at one place.

    Raises: ScenarioError for anything that can't be run as written.
    """
    (story,) = stories_in(plain_node(plain, path, line), base, "story")
    return story


def without_places(story: Story) -> Story:
    """The same story, written nowhere: for comparing what two stories say."""

    def nowhere(step: Any) -> Any:
        cleared = replace(step, place=_NOWHERE)
        return replace(cleared, places={}) if isinstance(step, Expect) else cleared

    return replace(
        story,
        place=_NOWHERE,
        app_place=_NOWHERE,
        steps=tuple(map(nowhere, story.steps)),
        kafka=tuple(map(nowhere, story.kafka)),
    )
