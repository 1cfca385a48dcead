"""The parts that a story can do without one by one: what it is given, and what its steps do several of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar

from ._kafka_steps import CompactTopics, CreateTopics, ExpireMessages, KafkaStep, ProduceMessages
from ._story import AppendFiles, ChangeMode, DeleteKeys, RemoveFiles, SetKeys, Step, Story, TouchFiles, WriteFiles

__all__ = ["Part", "emptied", "parts_of", "without_parts"]

T = TypeVar("T")

_MANY: Final[dict[type[Any], str]] = {
    WriteFiles: "files",
    AppendFiles: "files",
    RemoveFiles: "paths",
    TouchFiles: "paths",
    ChangeMode: "modes",
    SetKeys: "entries",
    DeleteKeys: "keys",
    CreateTopics: "topics",
    ProduceMessages: "messages",
    ExpireMessages: "topics",
    CompactTopics: "topics",
}
"""The field of each kind of step that has several of what it does."""


class Part(NamedTuple):
    """One part. `step` is the number of the step it belongs to, None for what is given.

    `field` names the sequence it is in, `at` its place there; of what topics are given, `outer` is the number of the
    message's own step.
    """

    step: int | None
    field: str
    at: int
    outer: int = 0


def parts_of(story: Story) -> tuple[Part, ...]:
    """All of them, in the order of the story; a recording names them by their numbers in it."""
    return tuple(_parts(story))


def _parts(story: Story) -> Iterator[Part]:
    for field in ("files", "entries"):
        yield from (Part(None, field, at) for at in range(len(getattr(story, field))))
    for outer, given in enumerate(story.kafka):
        if isinstance(given, ProduceMessages):  # a topic without messages is still a topic
            yield from (Part(None, "kafka", at, outer) for at in range(len(given.messages)))
    for number, step in enumerate(story.steps):
        many = _MANY.get(type(step))
        if many is not None and len(getattr(step, many)) > 1:
            yield from (Part(number, many, at) for at in range(len(getattr(step, many))))


def emptied(story: Story, left_out: Collection[int]) -> Step | None:
    """The first step of which nothing is left without these parts; None when something is left of each."""
    parts = parts_of(story)
    gone: dict[int, int] = {}
    for number in left_out:
        step = parts[number].step
        if step is not None:
            gone[step] = gone.get(step, 0) + 1
    for number, count in sorted(gone.items()):
        step_ = story.steps[number]
        if count == len(getattr(step_, _MANY[type(step_)])):
            return step_
    return None


def without_parts(story: Story, left_out: Collection[int]) -> Story:
    """The story without the parts of these numbers; its steps keep their numbers."""
    if not left_out:
        return story
    parts = parts_of(story)
    gone = {parts[number] for number in left_out}
    steps = tuple(
        step if (field := _MANY.get(type(step))) is None else _step_without(step, field, gone, number)
        for number, step in enumerate(story.steps)
    )
    return replace(
        story,
        steps=steps,
        files=_left(story.files, gone, None, "files"),
        entries=_left(story.entries, gone, None, "entries"),
        kafka=tuple(_given_without(story.kafka, gone)),
    )


def _step_without(step: Step, field: str, gone: Collection[Part], number: int) -> Step:
    items = getattr(step, field)
    left = _left(items, gone, number, field)
    changed: dict[str, Any] = {field: left}
    return step if len(left) == len(items) else replace(step, **changed)


def _given_without(given: Sequence[KafkaStep], gone: Collection[Part]) -> Iterator[KafkaStep]:
    for outer, step in enumerate(given):
        if not isinstance(step, ProduceMessages):
            yield step
            continue
        left = _left(step.messages, gone, None, "kafka", outer)
        if left:
            yield replace(step, messages=left)


def _left(items: Sequence[T], gone: Collection[Part], step: int | None, field: str, outer: int = 0) -> tuple[T, ...]:
    return tuple(item for at, item in enumerate(items) if Part(step, field, at, outer) not in gone)
