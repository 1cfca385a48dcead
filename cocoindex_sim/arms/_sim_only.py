"""What of a story can't be had, or can't be judged, outside the simulation: the reasons, in words."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from importlib.util import find_spec
from typing import Final

from ..runtime import parse_target
from ..world import (
    Advance,
    AppendFiles,
    ChangeMode,
    Crash,
    CreateTopics,
    Drop,
    Expect,
    ExpireMessages,
    KafkaStep,
    MakeLink,
    MoveFile,
    ProduceMessages,
    Ready,
    RemoveFiles,
    Restart,
    Settle,
    Start,
    Step,
    Stop,
    Story,
    TopicMessage,
    TouchFiles,
    Update,
    WriteFiles,
)
from ._arm import Arm
from ._kafka import PARTITIONS

__all__ = ["ADVANCE_MAX", "COMPARED", "counted_steps", "left_out", "sim_only", "uses_kafka"]

ADVANCE_MAX: Final = timedelta(seconds=3)
"""How long is waited on a real arm while a live update runs; when nothing runs, nobody notices the time."""

COMPARED: Final = ("targets", "diff", "stats", "terminates", "raises", "kafka")
"""The parts of an expectation that don't depend on the schedule."""

_STEPS: Final = (
    Start,
    Ready,
    Settle,
    Stop,
    Update,
    Drop,
    WriteFiles,
    AppendFiles,
    RemoveFiles,
    MoveFile,
    MakeLink,
    TouchFiles,
    CreateTopics,
    ProduceMessages,
    Advance,
    Crash,
    Restart,
    Expect,
)

_REASONS: Final[dict[str, str]] = {
    "Call": "its driver acts on the simulated world",
    "Hold": "no schedule can be stopped outside the simulation",
    "ChangeMode": "permissions don't hold for every user",
    "Trouble": "what happens to a watch can't be had from an operating system",
    "Inject": "a fault of the kernel can't be had from an operating system",
    "InjectTrouble": "the trouble of an external system is simulated",
    "MapTrouble": "the external maps are simulated",
    "SetKeys": "the external maps are simulated",
    "DeleteKeys": "the external maps are simulated",
    "Release": "no schedule can be stopped outside the simulation",
    "ExpireMessages": "the mock cluster keeps its messages",
    "CompactTopics": "a real cluster compacts when it likes",
    "ChangeBroker": "brokers are stopped in the simulation only",
    "ChangeMember": "a real cluster shares out when it likes",
}
assert ChangeMode.__name__ in _REASONS


def sim_only(story: Story, arm: Arm) -> str | None:
    """Why a story can't happen on an arm; None if it can."""
    if story.drivers:
        return "its drivers act on the simulated world"
    if story.is_source:
        return "what the connector brings is mirrored into a simulated target"
    if story.entries:
        return "the external maps are simulated"
    if uses_kafka(story) and find_spec("confluent_kafka") is None:
        return "the package confluent-kafka is not there"
    if not arm.kafka and any(
        message.partition is not None and message.partition >= PARTITIONS for message in _messages(story)
    ):
        return f"topics of the mock cluster have {PARTITIONS} partitions"
    if story.watch != "inotify":
        return f"changes are told as {story.watch} does"
    file = story.base / parse_target(story.app).reference
    if file.suffix == ".py" and "__file__" in file.read_text(encoding="utf-8"):
        return "the pipeline goes by __file__, so it would use its real directory"
    is_live, is_judged = False, False
    counted = counted_steps(story, arm)
    for number, step in enumerate(story.steps):
        if not isinstance(step, _STEPS) and not (arm.kafka and isinstance(step, ExpireMessages)):
            name = type(step).__name__
            return _REASONS.get(name, f"the step {name!r} can't be had outside the simulation")
        if isinstance(step, Advance) and is_live and step.duration > ADVANCE_MAX:
            return f"time has to pass while it runs, more than {ADVANCE_MAX.total_seconds():.0f} s"
        if isinstance(step, Expect):
            is_judged |= any(
                _is_compared(part, arm) and (part != "stats" or number in counted) for part in _parts(step)
            )
        is_live = _is_live(step, is_live)
    return None if is_judged else "all it expects is about the schedule"


def counted_steps(story: Story, arm: Arm) -> frozenset[int]:
    """The numbers of the steps at which counters don't depend on the schedule.

    Those of live updates go by how changes are told; those of the update after a crash by the moment it came.
    """
    counted: set[int] = set()
    is_live, is_adrift = False, False
    adrift_for = 0
    for number, step in enumerate(story.steps):
        if isinstance(step, Crash) and step.at is not None and arm.is_cocoindex:
            is_adrift, adrift_for = True, 0
        elif isinstance(step, Start | Update):
            adrift_for += 1
            is_adrift &= adrift_for == 1
        if isinstance(step, Expect) and not is_live and not is_adrift:
            counted.add(number)
        is_live = _is_live(step, is_live)
    return frozenset(counted)


def left_out(story: Story, arm: Arm) -> list[str]:
    """What of a story is not judged on an arm that it can happen on, a line each."""
    lines: dict[str, None] = {}
    counted = counted_steps(story, arm)
    is_live = False
    for number, step in enumerate(story.steps):
        if isinstance(step, Crash) and step.at is not None and arm.is_cocoindex:
            lines[f"killed at a moment of its own, not at {step.at!r}"] = None
        if isinstance(step, Stop) and arm.is_cocoindex:
            lines["killed at rest where it is stopped: no call stops a live update"] = None
        if isinstance(step, Expect):
            lines |= dict.fromkeys(_not_compared(step, arm, is_live, is_counted=number in counted))
        is_live = _is_live(step, is_live)
    return list(lines)


def uses_kafka(story: Story) -> bool:
    """Whether a cluster is needed."""
    return bool(story.kafka) or any(isinstance(step, KafkaStep) for step in story.steps)


def _messages(story: Story) -> Iterator[TopicMessage]:
    for step in (*story.kafka, *story.steps):
        if isinstance(step, ProduceMessages):
            yield from step.messages


def _is_live(step: Step, before: bool) -> bool:
    if isinstance(step, Start):
        return step.live
    if isinstance(step, Stop | Drop | Crash) or (isinstance(step, Expect) and step.terminates):
        return False
    return before


def _parts(step: Expect) -> list[str]:
    return [
        field.name
        for field in dataclasses.fields(step)
        if field.name not in ("place", "places") and getattr(step, field.name) is not None
    ]


def _is_compared(part: str, arm: Arm) -> bool:
    return part in COMPARED or (part == "committed" and bool(arm.kafka))


def _not_compared(step: Expect, arm: Arm, is_live: bool, *, is_counted: bool) -> Iterator[str]:
    for part in _parts(step):
        if part == "stats" and is_live:
            yield "the counters of live updates, which go by how changes are told"
        elif part == "stats" and not is_counted:
            yield "the counters of the update after it was killed at a moment of its own"
        elif part == "raises" and arm.is_cocoindex and step.raises is not None:
            yield "the kind and the words of errors"
        elif not _is_compared(part, arm):
            yield f"what `{part}` expects"
