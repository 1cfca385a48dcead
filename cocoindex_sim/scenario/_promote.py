"""A failure as a scenario of its own: the smallest story that fails, with the recording of its run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..values import ScenarioError
from ..world import Case, Expect, ExpectationFailed, Found, Recording, Settle, Start, Step, Stop, Story, Update, replay
from ._file import parse_scenarios
from ._render import story_text

__all__ = ["promoted_text"]


def promoted_text(story: Story, found: Found, path: Path) -> str:
    """The text of a scenario file that is to stand at `path`, and fails as `found` did when `story` was run.

    Raises: ValueError when there is no such file, with the reason.
    """
    outcome = found.smallest
    if outcome is None or found.oracle == "determinism":
        raise ValueError("it takes more than one run to see this failure, and a scenario has the recording of one")
    performed = Case.again(story, outcome.recording).performed()
    assert isinstance(performed, Story)
    # What fails without any step fails in the end, when it is brought up to date; settling changes nothing of that.
    steps = performed.steps or (Settle(story.place),)
    recording = replace(outcome.recording, kept=None, left_out=())
    smallest = replace(
        performed,
        name=f"{story.name} ({found.oracle or 'expectation'})",
        app=_moved(story.app, story.base, path.parent),
        drivers=tuple((name, _moved(target, story.base, path.parent)) for name, target in story.drivers),
        base=path.parent,
        steps=steps,
        recording=recording,
    )
    comments = [
        f"Promoted from {story.place.path.name}, line {story.place.line}, where it failed: "
        + found.verdict.partition("\n")[0].rstrip(".")
        + "."
    ]
    # Where hazards strike, no expectation is judged. Those that stand there waited for something all the same.
    waiting = [replace(smallest, steps=tuple(_waits(smallest.steps)))] if recording.hazards is not None else []
    for each in (*waiting, smallest):
        text = story_text(each, comments=comments)
        if _fails_alike(text, path, recording, smallest, found):
            return text
    raise ValueError("it does not fail in the same way when it is told in a file of its own")


def _moved(app: str, base: Path, to: Path) -> str:
    """What a file holds, by a path relative to one directory, seen from another one; a name stays one."""
    file, colon, name = app.rpartition(":") if ".py:" in app else (app, "", "")
    if not file.endswith(".py"):
        return app
    return f"{Path(os.path.relpath(base / file, to)).as_posix()}{colon}{name}"


def _waits(steps: tuple[Step, ...]) -> Iterator[Step]:
    started: Start | None = None
    for step in steps:
        if isinstance(step, Start):
            started = step
        elif isinstance(step, Stop | Update):
            started = None
        if not isinstance(step, Expect):
            yield step
        elif step.terminates is not None:
            yield Expect(step.place, terminates=step.terminates)
        elif started is not None:
            yield Settle(step.place) if started.live else Expect(step.place, terminates=True)
            started = started if started.live else None


def _fails_alike(text: str, path: Path, recording: Recording, story: Story, found: Found) -> bool:
    try:
        (again,) = parse_scenarios(text, path=path, base=path.parent)
    except ScenarioError:
        return False
    outcome = found.smallest
    assert outcome is not None
    _, other = replay(again, recording, limits=outcome.limits)
    if other is None or other.oracle != found.oracle:
        return False
    error, other_error = found.error, other.error
    if found.oracle or not isinstance(error, ExpectationFailed) or not isinstance(other_error, ExpectationFailed):
        return type(error) is type(other_error)
    causes = type(error.__cause__), type(other_error.__cause__)
    return causes[0] is causes[1] and _number(story, error) == _number(again, other_error)


def _number(story: Story, failure: ExpectationFailed) -> int | None:
    """Of the step that it is about."""
    for number, step in enumerate(story.steps):
        places = [step.place, *(step.places.values() if isinstance(step, Expect) else ())]
        if failure.place in places:
            return number
    return None
