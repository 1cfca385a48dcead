"""From a run that failed to the smallest one found that fails in the same way."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ..fakes import CRASH_SITE
from ._attempt import Attendants, Case, Limits, Outcome, attempt
from ._divergence import divergence_lines
from ._failed import ExpectationFailed
from ._order import first_refusal
from ._parts import emptied, parts_of
from ._perform import is_theirs
from ._policy import Candidate, Policy, SeededRandom
from ._recording import Recording
from ._reduce import Plan, Reduction, Seen
from ._silence import silent_logs
from ._story import Expect, Step, Story
from ._streams import Streams
from ._surroundings import virtual_surroundings

__all__ = ["Shrunk", "same_failure", "shrink"]

_RUNS_MAX: Final = 400
_STEPS_MIN: Final = 20_000
_STEPS_FACTOR: Final = 10


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest failing run that was found: its `recording` repeats it.

    `steps` are those it takes, and `story` consists of them and the parts that are left; None for a function.
    `divergence`: where it parts from the same steps in asyncio's order with nothing going
    wrong, as lines of a diff; none when these fail as well. `runs`: how many it took to find. `limit` names the limit
    that ended the search, if one did: then there may be a smaller one.
    """

    recording: Recording
    outcome: Outcome
    steps: tuple[Step, ...]
    divergence: tuple[str, ...]
    runs: int
    limit: str = ""
    story: Story | None = None


def shrink(
    case: Case,
    outcome: Outcome,
    *,
    judges: Attendants | None = None,
    limits: Limits | None = None,
    crash_needed: bool = False,
    runs_max: int = _RUNS_MAX,
) -> Shrunk | None:
    """The smallest run with the failure of `outcome`, which is that of the `case`; None when it can't be repeated.

    Steps of a story, parts of them and of what is given, hazards and deviations go together. The failure stays the
    same: that of one oracle, or one expectation; for an expectation that holds in asyncio's order, it goes on to do so.
    `crash_needed`: without its crash the run must go well.

    Raises: ValueError when the outcome is no failure.
    """
    if outcome.failure is None:
        raise ValueError("this run went well, so there is nothing to shrink")
    with silent_logs(), virtual_surroundings():
        return _Shrinking(case, outcome, judges, limits or Limits(), crash_needed, runs_max).result()


class _Shrinking:
    def __init__(
        self,
        case: Case,
        outcome: Outcome,
        judges: Attendants | None,
        limits: Limits,
        crash_needed: bool,
        runs_max: int,
    ) -> None:
        assert outcome.failure is not None
        self._case = case
        self._failure = outcome.failure
        self._first = outcome.recording
        self._judges = judges
        # A smaller run takes fewer steps, or else does not end: nobody wants to wait for that.
        steps = outcome.trace.moment.steps
        endless = steps >= outcome.limits.steps_max
        steps_max = max(_STEPS_MIN, steps // _STEPS_FACTOR if endless else steps * _STEPS_FACTOR)
        self._limits = replace(limits, steps_max=min(limits.steps_max, steps_max))
        self._crash_needed = crash_needed
        self._runs_max = runs_max
        self._runs = 0
        self._guarded = False
        # Expectations are written for the whole story, so a story with fewer steps is judged by the oracles alone.
        self._supervised = outcome.recording.hazards is not None or bool(outcome.oracle)
        self._outcome = outcome

    @property
    def _whole(self) -> Story | None:
        return self._case.story if isinstance(self._case.story, Story) else None

    @property
    def _steps(self) -> tuple[Step, ...]:
        return () if self._whole is None else self._whole.steps

    def result(self) -> Shrunk | None:
        for supervised in (self._supervised, self._first.hazards is not None):
            self._supervised = supervised
            found = self._search()
            if found is not None:
                return found
        return None

    def _search(self) -> Shrunk | None:
        first = self._first
        kept = tuple(range(len(self._steps))) if first.kept is None else first.kept
        reduction = Reduction(
            self._carry_out,
            allowed=lambda steps: first_refusal([self._steps[at] for at in steps]) is None,
            fixed=self._fixed(kept),
            parts=self._removable_parts,
            allowed_without=lambda left_out: self._whole is None or emptied(self._whole, left_out) is None,
            runs_max=self._runs_max,
        )
        if not reduction.reduce(Plan(kept, first.hazards or (), first.choices, None, first.left_out)):
            return None
        recording = self._recording(reduction.best)
        outcome = self._run(recording)
        story = Case.again(self._case.story, recording).performed()
        return Shrunk(
            recording=recording,
            outcome=outcome,
            steps=story.steps if isinstance(story, Story) else (),
            divergence=self._divergence(reduction.best, outcome),
            runs=self._runs,
            limit=f"runs_max={self._runs_max}" if reduction.exhausted else "",
            story=story if isinstance(story, Story) else None,
        )

    # -- what must stay --------------------------------------------------------------------------------------------

    def _fixed(self, kept: tuple[int, ...]) -> frozenset[int]:
        """The steps without which the failure would not be what it was."""
        failure = self._failure
        if self._supervised or not isinstance(failure, ExpectationFailed) or failure.oracle:
            return frozenset()
        failed = next((at for at in kept if _is_at(self._steps[at], failure)), None)
        if failed is None:
            return frozenset(kept)
        if failure.__cause__ is not None:  # an error, and not a difference: what was expected does not matter
            return frozenset({failed})
        self._guarded = self._run(self._recording(Plan(kept))).failure is None
        return frozenset({failed}) if self._guarded else frozenset(at for at in kept if at <= failed)

    def _removable_parts(self, steps: tuple[int, ...]) -> list[int]:
        """The parts that may go: none where a difference from what is expected would be another one then."""
        failure = self._failure
        differs = isinstance(failure, ExpectationFailed) and not failure.oracle and failure.__cause__ is None
        if self._whole is None or (differs and not self._supervised and not self._guarded):
            return []
        return [number for number, part in enumerate(parts_of(self._whole)) if part.step is None or part.step in steps]

    # -- runs ------------------------------------------------------------------------------------------------------

    def _recording(self, plan: Plan) -> Recording:
        everything = plan.steps == tuple(range(len(self._steps)))
        return Recording(
            seed=self._first.seed,
            choices=plan.choices,
            kept=None if everything else plan.steps,
            hazards=plan.hazards if self._supervised else None,
            left_out=self._left_out(plan),
        )

    def _left_out(self, plan: Plan) -> tuple[int, ...]:
        """Without those of steps that the plan does not take."""
        parts = parts_of(self._whole) if self._whole is not None and plan.left_out else ()
        return tuple(number for number in plan.left_out if parts[number].step in (None, *plan.steps))

    def _run(self, recording: Recording, policy: Callable[[Streams], Policy] | None = None) -> Outcome:
        self._runs += 1
        case = replace(self._case, seed=recording.seed, policy=policy, recording=recording)
        return attempt(case, judges=self._judges, limits=self._limits)

    def _carry_out(self, plan: Plan) -> Seen:
        widths: list[int] = []
        recording = self._recording(plan)

        def policy(streams: Streams) -> Policy:
            drawn = Streams(f"{recording.seed}:{plan.drawn}").schedule
            return _Counting(recording.policy() if plan.drawn is None else SeededRandom(drawn), widths)

        outcome = self._run(recording, policy)
        return Seen(
            same=same_failure(outcome.failure, self._failure) and self._needed(plan),
            choices=outcome.recording.choices,
            widths=tuple(widths),
            hazards=outcome.hazards,
            choices_before=tuple(choices for choices, _ in outcome.before_steps),
            durable_before=tuple(durable for _, durable in outcome.before_steps),
            durable_steps=outcome.durable_steps,
        )

    def _needed(self, plan: Plan) -> bool:
        """Whether it is the crash, or the order, that makes the run fail, where that is so at first."""
        if self._crash_needed:
            rest = tuple(hazard for hazard in plan.hazards if hazard.site != CRASH_SITE)
            return not same_failure(self._run(self._recording(plan._replace(hazards=rest))).failure, self._failure)
        straight = Plan(plan.steps, left_out=plan.left_out)
        return not self._guarded or self._run(self._recording(straight)).failure is None

    def _divergence(self, best: Plan, outcome: Outcome) -> tuple[str, ...]:
        if not best.hazards and not best.choices:
            return ()
        straight = self._run(self._recording(Plan(best.steps, left_out=best.left_out)))
        if straight.failure is not None:
            return ()
        return tuple(divergence_lines(list(straight.trace.lines()), list(outcome.trace.lines()))[1])


class _Counting:
    """Another policy, counting the candidates it has each time."""

    def __init__(self, policy: Policy, widths: list[int]) -> None:
        self._choose = policy.choose
        self.lingers = getattr(policy, "lingers", True)
        self._widths = widths

    def choose(self, ready: Sequence[Candidate]) -> int:
        self._widths.append(len(ready))
        return self._choose(ready)


def _is_at(step: Step, failure: ExpectationFailed) -> bool:
    places = [step.place, *(step.places.values() if isinstance(step, Expect) else ())]
    return failure.place in places


def same_failure(one: Exception | None, other: Exception | None) -> bool:
    """Whether two runs fail alike: by the same oracle, at the same line of a story, or of the code that raised."""
    return one is not None and other is not None and _nature(one) == _nature(other)


def _nature(failure: Exception) -> tuple[object, ...]:
    if not isinstance(failure, ExpectationFailed):
        return (type(failure), *_raised_at(failure))
    if failure.oracle:
        return (failure.oracle,)
    cause = failure.__cause__
    return (failure.place, type(cause), *(() if cause is None else _raised_at(cause)))


def _raised_at(error: BaseException) -> tuple[object, ...]:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if is_theirs(frame.filename)]
    return (frames[-1].filename, frames[-1].lineno) if frames else ()
