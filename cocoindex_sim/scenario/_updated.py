"""Expectations that are to be others, and the text of a scenario file in which they are."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from ..values import InternalError, ScenarioError
from ..world import MIRROR, Expect, Story
from ._expectations import LOOKS
from ._file import parse_scenarios
from ._plain import plain_story
from ._rewrite import YamlPath, rewritten
from ._shapes import Plain, Unwritable
from ._spans import Span, spans_of

__all__ = ["ExpectationUpdate", "expectation_updates", "updated_text"]


class ExpectationUpdate(NamedTuple):
    """What is to be expected by one look (`targets`, `rows`, ...) of the step of this number, from 0, of a scenario."""

    scenario: str
    step: int
    look: str
    value: Plain


def expectation_updates(before: Story, after: Story) -> list[ExpectationUpdate]:
    """What differs in what two versions of a story expect. ValueError for what no scenario file can hold."""
    shapes = {field.name: field.shape for field in LOOKS.fields}
    updates = []
    for number, (old, new) in enumerate(zip(before.steps, after.steps, strict=True)):
        if not isinstance(old, Expect) or not isinstance(new, Expect):
            continue
        for look in LOOKS.names:
            value = getattr(new, look)
            if value == getattr(old, look):
                continue
            try:
                updates.append(ExpectationUpdate(before.name, number, look, shapes[look].plain(value)))
            except (Unwritable, UnicodeDecodeError):
                raise ValueError(f"what there is of `{look}` can't be written into a scenario file") from None
    return updates


def updated_text(text: str, updates: Iterable[ExpectationUpdate], *, path: Path, base: Path) -> str:
    """The text of a scenario file with these expectations in place of those it has; comments and layout stay.

    `path` names it in errors; `base` is the directory that its `app:` starts from.

    Raises: ScenarioError when the text is no longer that of the scenarios that were run; InternalError.
    """
    stories = {story.name: plain_story(story) for story in parse_scenarios(text, path=path, base=base)}
    root = spans_of(text)
    changes: dict[YamlPath, Plain] = {}
    for update in updates:
        story: Any = stories.get(update.scenario)
        steps = () if story is None else story["steps"]
        looks = _looks(steps[update.step]) if update.step < len(steps) else {}
        if update.look not in looks:
            raise ScenarioError(
                f"the file has changed since {update.scenario!r} was run, so its expectations are not rewritten",
                path=path,
            )
        looks[update.look] = update.value
        where = (*_steps_path(root, list(stories).index(update.scenario)), update.step, "expect", update.look)
        changes[where] = _aligned(update, _at(root, where))
    result = rewritten(text, changes)
    found = {story.name: plain_story(story) for story in parse_scenarios(result, path=path, base=base)}
    if found != stories:
        raise InternalError(
            f"the expectations of {str(path)!r} can't be rewritten without changing something else in it: please report"
            " this, with the file"
        )
    return result


def _looks(step: Any) -> dict[str, Plain]:
    looks = step.get("expect") if isinstance(step, dict) else None
    return looks if isinstance(looks, dict) else {}


def _steps_path(root: Span, number: int) -> YamlPath:
    return ("steps",) if root.child("steps") is not None else ("scenarios", number, "steps")


def _at(span: Span, path: YamlPath) -> Span:
    for key in path:
        child = span.child(key)
        assert child is not None
        span = child
    return span


def _aligned(update: ExpectationUpdate, span: Span) -> Plain:
    """The value under a heading that may be left out, where the file has it."""
    heading = {"stats": "total", "rows": MIRROR}.get(update.look)
    if heading is None or not isinstance(update.value, dict) or heading in update.value:
        return update.value
    below = span.child(heading)
    if below is None or below.resolved.kind != "mapping":
        return update.value
    plain = {key: value for key, value in update.value.items() if not _is_group(value)}
    return {heading: plain} | {key: value for key, value in update.value.items() if key not in plain}


def _is_group(value: Plain) -> bool:
    return isinstance(value, dict) and not set(value) <= {"contains", "matches"}
