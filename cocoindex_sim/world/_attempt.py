"""One run of a story, from everything that decides it to everything that is known of it."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from ..fakes import DrawnHazards, Hazard, Hazards, RecordedHazards
from ._failed import ExpectationFailed
from ._parts import without_parts
from ._perform import perform
from ._policy import Fifo, Policy
from ._recording import Recording
from ._story import Story
from ._streams import Streams
from ._supervise import perform_supervised
from ._trace import EVENTS_MAX, Trace
from ._world import World

__all__ = ["Attendance", "Attendants", "Body", "Case", "Draw", "Limits", "Outcome", "attempt"]


Body: TypeAlias = Callable[[World], object]
"""A function that drives a world, in place of a story."""


class Attendance(Protocol):
    """What watches one run, and judges it when the story is over."""

    def source_changed(self) -> None:
        """The story has put the sources in place, or changed them."""
        ...

    def ending(self) -> None:
        """The story is over, and the live update that it left running is about to be stopped."""
        ...

    def judge(self, *, supervised: bool) -> None:
        """Let nothing go wrong any more, and judge the run. Raises OracleViolated."""
        ...


class Attendants(Protocol):
    """What makes an attendance for each run of a story."""

    def attend(self, world: World) -> Attendance:
        """Watch a world in which nothing has happened yet."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """How far one run may go: steps, events and virtual nanoseconds (None: no limit).

    A story is run many times, so it may take fewer steps than a world would: a million take seconds.
    """

    steps_max: int = 1_000_000
    events_max: int = EVENTS_MAX
    time_ns_max: int | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """What may go wrong by itself: at each call with probability `rate`, at most `faults_max` of these `kinds`."""

    rate: float = 0.02
    faults_max: int = 2
    kinds: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that decides a run of a story, or of a function that drives a world.

    `policy` makes what orders it, from the streams of its seed; without one, asyncio does. With a `draw`, faults are
    drawn from that seed too; with `crash_at`, the process dies after that durable step. A `recording` decides all of it
    instead, the seed and the steps as well; only a `policy` that is given comes before its choices.
    """

    story: Story | Body
    seed: int = 0
    policy: Callable[[Streams], Policy] | None = None
    draw: Draw | None = None
    crash_at: int = 0
    recording: Recording | None = None

    @property
    def supervised(self) -> bool:
        """Whether things may go wrong by themselves, so that the expectations of the story do not count."""
        if self.recording is not None:
            return self.recording.hazards is not None
        return self.draw is not None or self.crash_at > 0

    def make_policy(self, streams: Streams) -> Policy:
        """What orders the run."""
        if self.policy is not None:
            return self.policy(streams)
        return Fifo() if self.recording is None else self.recording.policy()

    @classmethod
    def again(cls, story: Story | Body, recording: Recording) -> Case:
        """The case of a recorded run."""
        return cls(story, recording.seed, recording=recording)

    def performed(self) -> Story | Body:
        """The story with the steps that the run takes, and the parts."""
        if self.recording is None or not isinstance(self.story, Story):
            return self.story
        kept, story = self.recording.kept, without_parts(self.story, self.recording.left_out)
        return story if kept is None else replace(story, steps=tuple(story.steps[at] for at in kept))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known of one run, which `recording` repeats. `failure` is None when it went well.

    `hazards`: what went wrong; `met`: how often each (site, kind) could have. `durable_steps`: after how many it could
    have crashed. `before_steps`: how many choices and durable steps there were before each step that was taken.
    `waiting`: who waits where at the end. `limits`: how far it might have gone.
    """

    failure: Exception | None
    recording: Recording
    hazards: tuple[Hazard, ...]
    met: Counter[tuple[str, str]]
    durable_steps: int
    before_steps: tuple[tuple[int, int], ...]
    trace: Trace
    waiting: str
    limits: Limits

    @property
    def oracle(self) -> str:
        """The name of the oracle that was violated; empty for an expectation that was not met, or no failure."""
        return self.failure.oracle if isinstance(self.failure, ExpectationFailed) else ""


_LIMITS: Final = Limits()


def attempt(case: Case, *, judges: Attendants | None = None, limits: Limits = _LIMITS) -> Outcome:
    """Run a story once, in a world of its own, which is closed after it.

    What fails is in the outcome, not raised. With `judges`, the run is judged by oracles when the story is over. The
    garbage collector rests meanwhile, not only during steps: at the end nearly everything can go at once.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        return _attempt(case, judges, limits)
    finally:
        if collecting:
            gc.enable()


def _attempt(case: Case, judges: Attendants | None, limits: Limits) -> Outcome:
    streams = Streams(case.seed)
    hazards = _hazards(case, streams)
    world = World(
        case.seed,
        policy=case.make_policy(streams),
        hazards=hazards,
        steps_max=limits.steps_max,
        events_max=limits.events_max,
        time_ns_max=limits.time_ns_max,
    )
    failure: Exception | None = None
    durable_steps = 0
    before_steps: list[tuple[int, int]] = []

    def begins() -> None:
        before_steps.append((len(world.loop.choices), hazards.durable_steps))

    try:
        attendance = None if judges is None else judges.attend(world)
        changed = _nothing if attendance is None else attendance.source_changed

        def ending() -> None:
            nonlocal durable_steps
            durable_steps = durable_steps or hazards.durable_steps
            if attendance is not None:
                attendance.ending()

        play = perform_supervised if case.supervised else perform
        story = case.performed()
        try:
            if isinstance(story, Story):
                play(story, world, changed=changed, begins=begins, ending=ending)
            else:
                story(world)
        finally:
            durable_steps = durable_steps or hazards.durable_steps  # those of judging do not count
        if attendance is not None:
            attendance.judge(supervised=case.supervised)
    except Exception as error:
        failure = error
    finally:
        waiting = world.loop.waiting()
        world.close()
    recording = case.recording
    fired = tuple(hazards.fired)
    return Outcome(
        failure=failure,
        recording=Recording(
            case.seed,
            tuple(world.loop.choices),
            None if recording is None else recording.kept,
            fired if case.supervised else None,
            () if recording is None else recording.left_out,
        ),
        hazards=fired,
        met=hazards.met,
        durable_steps=durable_steps,
        before_steps=tuple(before_steps),
        trace=world.trace,
        waiting=waiting,
        limits=limits,
    )


def _nothing() -> None:
    pass


def _hazards(case: Case, streams: Streams) -> Hazards:
    if case.recording is not None:
        return RecordedHazards(case.recording.hazards or ())
    if case.draw is None and not case.crash_at:
        return Hazards()
    draw = case.draw or Draw(faults_max=0)
    return DrawnHazards(
        streams.faults, rate=draw.rate, faults_max=draw.faults_max, kinds=draw.kinds, crash_at=case.crash_at
    )
