"""Many runs of one story: other schedules, crashes and faults, each decided by its seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, Literal

from ..fakes import CRASH_SITE, Hazard
from ..values import DivergenceError
from ._attempt import Attendants, Body, Case, Draw, Limits, Outcome, attempt
from ._dfs import Branch, Dfs
from ._divergence import divergence_lines
from ._failed import ExpectationFailed
from ._oracles import Judges
from ._order import first_refusal
from ._parts import emptied, parts_of
from ._pct import Pct
from ._place import Place
from ._policy import Candidate, Fifo, Policy, Replay, SeededRandom
from ._recording import Recording
from ._shrink import Shrunk, same_failure, shrink
from ._silence import silent_logs
from ._story import Story
from ._streams import Streams
from ._surroundings import virtual_surroundings

__all__ = ["CRASHES", "POLICIES", "Crashes", "Exploration", "Found", "Run", "check", "check_kept", "explore", "replay"]

Crashes = Literal["none", "one", "sweep", "all"]

CRASHES: Final[tuple[Crashes, ...]] = ("none", "one", "sweep", "all")
"""After how many durable steps of each run its process is killed, in a run of its own each: none, one that is drawn,
all of the run in asyncio's own order and one of each other, or all of every run."""

POLICIES: Final = ("random", "pct", "dfs", "fifo")
"""What may order the runs of an exploration."""

# More takes more runs than anybody waits for, in all but the smallest stories.
_DFS_DEVIATIONS_MAX: Final = 2

# How likely each call goes wrong, by turns: a fault at once hides what one later on would show.
_RATES: Final = (0.3, 0.1, 0.03)

_STEPS_MIN: Final = 200_000
_STEPS_FACTOR: Final = 50

# How many are tried without a crash before it is the crash.
_OTHER_SCHEDULES: Final = 8


@dataclass(frozen=True, slots=True)
class Run:
    """One run of an exploration. Number 0 is in asyncio's own order, the others as the policy has it.

    `recorded`: it is the run that the story itself has a recording of. `systematic`: these are the schedules of a
    search, all with one seed. `crash_at`: it is the run of that number and
    seed once more, with the process killed after that durable step. `faulty`: once more, with faults. `again`: once
    more, and not alike.
    """

    number: int
    seed: int
    systematic: bool = False
    crash_at: int = 0
    faulty: bool = False
    again: bool = False
    recorded: bool = False

    def __str__(self) -> str:
        if self.recorded:
            return "the recording in the file"
        name = "in order" if not self.number else f"seed {self.seed}"
        if self.number and self.systematic:
            name = f"schedule {self.number}"
        if self.faulty:
            name += " with faults"
        if self.crash_at:
            name += f", killed after durable step {self.crash_at}"
        return f"{name}, again" if self.again else name


@dataclass(frozen=True, slots=True)
class Found:
    """A failure that was found: the `outcome` of the `run` that failed first, and the smallest that fails alike.

    `oracle` names the rule that was broken, empty for an expectation of the story. `passing`: the last run before it
    that went well, if there was one; `divergence`, where the two part, as lines of a diff. There is no outcome when a
    search for schedules could not go on.
    """

    run: Run
    failure: Exception
    oracle: str
    outcome: Outcome | None = None
    passing: Run | None = None
    divergence: tuple[str, ...] = ()
    shrunk: Shrunk | None = None

    @property
    def smallest(self) -> Outcome | None:
        """The shrunk outcome, or the one there is."""
        return self.outcome if self.shrunk is None else self.shrunk.outcome

    @property
    def error(self) -> Exception:
        """The failure of the smallest outcome."""
        shrunk = None if self.shrunk is None else self.shrunk.outcome.failure
        return shrunk or self.failure

    @property
    def verdict(self) -> str:
        """One sentence about the smallest outcome, without its full stop; the rule that was broken comes first."""
        outcome, failure = self.smallest, self.error
        text = failure.verdict if isinstance(failure, ExpectationFailed) else f"{type(failure).__name__}: {failure}"
        if self.oracle != "crash" or outcome is None:
            return text
        crash = next(hazard for hazard in outcome.hazards if hazard.site == CRASH_SITE)
        killed = f"with the process killed after durable step {crash.nth} ({crash.kind})"
        return f"crash: {killed}, and only then: {text}"


@dataclass(slots=True)
class Exploration:
    """What an exploration did and found.

    `runs`: what was run, in order. `met`: how often each (site, kind) of faults could have struck in runs with faults,
    and `fired` how often it did. `unfired`: the kinds asked for by name that never did, so that nothing is known about
    them. `crash_points`: after how many durable steps a process was killed.
    """

    runs: list[Run] = field(default_factory=list)
    failures: list[Found] = field(default_factory=list)
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    fired: Counter[tuple[str, str]] = field(default_factory=Counter)
    unfired: tuple[str, ...] = ()
    crash_points: int = 0

    @property
    def passed(self) -> bool:
        """Whether no run failed and everything asked for by name has happened."""
        return not self.failures and not self.unfired


def explore(
    story: Story | Body,
    *,
    runs: int = 100,
    seed: int = 0,
    policy: str = "random",
    pct_depth: int = 3,
    faults: Collection[str] | Literal["none", "all"] = "none",
    faults_max: int = 2,
    crashes: Crashes | None = None,
    oracles_off: Mapping[str, str] | None = None,
    check_determinism: bool = False,
    shrinks: bool = True,
    shrink_runs_max: int = 400,
    failures_max: int = 1,
    limits: Limits | None = None,
    watch_run: Callable[[Run, Outcome], object] = lambda run, outcome: None,
) -> Exploration:
    """Run a story in asyncio's own order and then under `runs` more schedules, until `failures_max` failures are found.

    `story` may be a function that drives a world: what it raises is a failure. Every run has its own seed, counted from
    `seed`, and a world of its own. `policy` is one of `POLICIES`; `dfs` takes one schedule after the other.

    * `crashes`: each run that goes well is made again with its process killed after one of its durable steps, drawn
      from the seed ("one", the default for stories), or once for each of them ("all"); "sweep" is "all" for the run in
      asyncio's order and "one" for the others. What fails only then is reported as the oracle "crash".
    * `faults`: each is made again with up to `faults_max` of these kinds of faults, or of "all" there are.
    * `check_determinism`: each is made again, and has to have the same trace.
    * `limits`: how far a run may go; no other goes further than 50 times the steps of the one in order, or 200,000.

    The recording that a story has is repeated first. Each failure is shrunk, unless `shrinks` is false, in at most
    `shrink_runs_max` runs. A function has no steps to be left out, and to be killed it has to look after `World.killed`
    itself. Meanwhile the engine and asyncio log nothing; `attempt(Case.again(story, recording))` of a failure does.

    Raises: ValueError for a policy or number of crashes that there is not.
    """
    if policy not in POLICIES:
        raise ValueError(f"policy is one of {', '.join(POLICIES)}; got {policy!r}")
    if crashes is None:
        crashes = "one" if isinstance(story, Story) else "none"
    if crashes not in CRASHES:
        raise ValueError(f"crashes is one of {', '.join(CRASHES)}; got {crashes!r}")
    off = {**(dict(story.oracles_off) if isinstance(story, Story) else {}), **(oracles_off or {})}
    kinds = frozenset() if faults == "none" else None if faults == "all" else frozenset(faults)
    explorer = _Explorer(
        story=story,
        seeds=range(seed, seed + runs + 1),
        policy=policy,
        pct_depth=pct_depth,
        kinds=kinds,
        faults_max=faults_max,
        crashes="none" if "crash" in off else crashes,
        judges=_judges(story, oracles_off),
        check_determinism=check_determinism and "determinism" not in off,
        shrink_runs_max=shrink_runs_max if shrinks else 0,
        failures_max=failures_max,
        limits=limits or Limits(),
        watch_run=watch_run,
    )
    with silent_logs(), virtual_surroundings():
        return explorer.explore()


def replay(
    story: Story | Body,
    recording: Recording,
    *,
    oracles_off: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> tuple[Outcome, Found | None]:
    """Repeat one run of a story: what became of it, and the failure, if it is one.

    Raises: ValueError when the story can't consist of the steps that the recording keeps.
    """
    if isinstance(story, Story):
        check_kept(story, recording)
    judges, limits = _judges(story, oracles_off), limits or Limits()
    outcome = attempt(Case.again(story, recording), judges=judges, limits=limits)
    failure = outcome.failure
    if failure is None:
        return outcome, None
    run = Run(1, recording.seed)
    oracle = failure.oracle if isinstance(failure, ExpectationFailed) else ""
    if _is_by_crash(story, outcome, judges, limits):
        oracle = "crash"
    return outcome, Found(run, failure, oracle, outcome)


def _is_by_crash(story: Story | Body, outcome: Outcome, judges: Attendants | None, limits: Limits) -> bool:
    """Whether it takes the crash for this run to fail."""
    rest = tuple(_faults(outcome.hazards))
    if rest == outcome.hazards:
        return False
    without = Case.again(story, replace(outcome.recording, hazards=rest))
    return not same_failure(attempt(without, judges=judges, limits=limits).failure, outcome.failure)


def check(
    story: Story,
    seed: int = 0,
    *,
    policy: Callable[[Streams], Policy] | None = None,
    oracles_off: Mapping[str, str] | None = None,
    limits: Limits | None = None,
) -> Outcome:
    """Run a story once and judge it, for property tests: a random schedule of this seed unless there is a `policy`.

    Raises: what failed, with a note that has the recording.
    """
    case = Case(story, seed, policy or _random)
    with silent_logs(), virtual_surroundings():
        outcome = attempt(case, judges=_judges(story, oracles_off), limits=limits or Limits())
    if outcome.failure is not None:
        outcome.failure.add_note(f"recording: {outcome.recording}")
        raise outcome.failure
    return outcome


def _random(streams: Streams) -> Policy:
    return SeededRandom(streams.schedule)


def check_kept(story: Story, recording: Recording) -> None:
    """Whether what a recording keeps and leaves out are parts of this story, and make one. Raises ValueError."""
    kept = recording.kept or ()
    beyond = [number for number in kept if number >= len(story.steps)]
    if beyond:
        raise ValueError(
            f"the recording keeps step {beyond[0]}, counted from 0, and the story has {len(story.steps)} steps: it was"
            " made for another story, or for another version of it"
        )
    count = len(parts_of(story))
    unknown = [number for number in recording.left_out if number >= count]
    if unknown:
        raise ValueError(
            f"the recording leaves out part {unknown[0]}, counted from 0, and the story has {count} parts: it was made"
            " for another story, or for another version of it"
        )
    nothing = emptied(story, recording.left_out)
    if nothing is not None:
        raise ValueError(f"the recording leaves out all parts of a step, and not the step: {nothing.place}")
    refused = first_refusal([story.steps[number] for number in kept])
    if refused is not None:
        raise ValueError(f"the steps that the recording keeps are no story: {refused[0].place}: {refused[1]}")


def _judges(story: Story | Body, off: Mapping[str, str] | None) -> Attendants | None:
    return Judges(story, off=off) if isinstance(story, Story) else None


class _Enough(Exception):
    """As many failures as were asked for."""


@dataclass(slots=True)
class _Explorer:
    story: Story | Body
    seeds: range
    policy: str
    pct_depth: int
    kinds: frozenset[str] | None
    faults_max: int
    crashes: Crashes
    judges: Attendants | None
    check_determinism: bool
    shrink_runs_max: int
    failures_max: int
    limits: Limits
    watch_run: Callable[[Run, Outcome], object]
    found: Exploration = field(default_factory=Exploration)
    passing: tuple[Run, Outcome] | None = None

    def explore(self) -> Exploration:
        run = Run(0, self.seeds[0])
        schedules = self._systematic() if self.policy == "dfs" else self._seeded()
        try:
            if isinstance(self.story, Story) and self.story.recording is not None:
                self._repeat(self.story.recording)
            while True:
                try:
                    run, case = next(schedules)
                except StopIteration:
                    break
                except DivergenceError as divergence:  # a search can't go on
                    self._fail(run, None, self._not_deterministic(str(divergence)))
                    break
                self._explore_one(run, case)
        except _Enough:
            pass
        if self.kinds:
            self.found.unfired = tuple(sorted(self.kinds - {kind for _, kind in self.found.fired}))
        return self.found

    # -- schedules -------------------------------------------------------------------------------------------------

    def _seeded(self) -> Iterator[tuple[Run, Case]]:
        """Each schedule's run and case."""
        in_order = _InOrder()
        straight = Case(self.story, self.seeds[0])
        yield Run(0, self.seeds[0]), replace(straight, policy=lambda _: in_order) if self.policy == "pct" else straight
        decisions = max(in_order.decisions, 1)
        for number, seed in enumerate(self.seeds[1:], 1):
            yield Run(number, seed), Case(self.story, seed, partial(self._drawn, decisions))

    def _drawn(self, decisions: int, streams: Streams) -> Policy:
        if self.policy == "fifo":
            return Fifo()
        if self.policy == "pct":
            return Pct(streams.schedule, depth=self.pct_depth, decisions=decisions)
        return SeededRandom(streams.schedule)

    def _systematic(self) -> Iterator[tuple[Run, Case]]:
        seed = self.seeds[0]
        search = islice(Dfs(deviations_max=_DFS_DEVIATIONS_MAX), len(self.seeds))
        for number, branch in enumerate(search):
            # Asked again after its run, it is one that does the same.
            policy = partial(_same_branch, branch)
            yield Run(number, seed, systematic=True), Case(self.story, seed, policy)

    # -- one schedule ----------------------------------------------------------------------------------------------

    def _explore_one(self, run: Run, case: Case) -> None:
        outcome = self._attempt(run, case)
        if self.check_determinism:
            self._check_again(run, case, outcome)
        if isinstance(outcome.failure, DivergenceError):
            self._fail(run, None, self._not_deterministic(str(outcome.failure)), outcome)
            return
        if outcome.failure is not None:
            self._fail(run, case, outcome.failure, outcome)
            return
        self.passing = run, outcome
        if not run.number:  # nobody waits for a run that does not end, when one that does is known
            steps_max = max(_STEPS_MIN, _STEPS_FACTOR * outcome.trace.moment.steps)
            self.limits = replace(self.limits, steps_max=min(self.limits.steps_max, steps_max))
        if self.policy == "dfs":  # a search is about one schedule; with a crash there are other candidates
            case = replace(case, policy=lambda _: Replay(outcome.recording.choices))
        for crash_at in self._crash_points(run, outcome):
            self._explore_hazards(replace(run, crash_at=crash_at), replace(case, crash_at=crash_at))
        if self.kinds is None or self.kinds:
            draw = Draw(_RATES[run.number % len(_RATES)], self.faults_max, self.kinds)
            self._explore_hazards(replace(run, faulty=True), replace(case, draw=draw))

    def _repeat(self, recording: Recording) -> None:
        """The run that failed once."""
        run, case = Run(0, recording.seed, recorded=True), Case.again(self.story, recording)
        outcome = self._attempt(run, case)
        if outcome.failure is not None:
            self._fail(run, case, outcome.failure, outcome)

    def _crash_points(self, run: Run, outcome: Outcome) -> Sequence[int]:
        if self.crashes == "none" or not outcome.durable_steps:
            return ()
        if self.crashes == "all" or (self.crashes == "sweep" and not run.number):
            return range(1, outcome.durable_steps + 1)
        return (Streams(f"{run.seed}:{run.number}").stream("crash").randint(1, outcome.durable_steps),)

    def _explore_hazards(self, run: Run, case: Case) -> None:
        outcome = self._attempt(run, case)
        self.found.crash_points += any(hazard.site == CRASH_SITE for hazard in outcome.hazards)
        if run.faulty:
            asked = {
                place: count for place, count in outcome.met.items() if self.kinds is None or place[1] in self.kinds
            }
            self.found.met.update(asked)
            self.found.fired += Counter((hazard.site, hazard.kind) for hazard in _faults(outcome.hazards))
        if self.check_determinism:
            self._check_again(run, case, outcome)
        if outcome.failure is not None:
            self._fail(run, case, outcome.failure, outcome)

    def _attempt(self, run: Run, case: Case) -> Outcome:
        self.found.runs.append(run)
        outcome = attempt(case, judges=self.judges, limits=self.limits)
        self.watch_run(run, outcome)
        return outcome

    # -- failures --------------------------------------------------------------------------------------------------

    def _check_again(self, run: Run, case: Case, outcome: Outcome) -> None:
        again = attempt(case, judges=self.judges, limits=self.limits)
        number, lines = divergence_lines(_told(outcome), _told(again))
        if number:
            self.watch_run(replace(run, again=True), again)
            fact = f"the run {run}, repeated, has another trace from line {number} on"
            self._fail(run, None, self._not_deterministic(fact, lines), outcome)

    def _not_deterministic(self, fact: str, lines: Sequence[str] = ()) -> ExpectationFailed:
        failure = ExpectationFailed(f"determinism: {fact}", place=_place(self.story), lines=lines)
        failure.oracle = "determinism"
        return failure

    def _fail(self, run: Run, case: Case | None, failure: Exception, outcome: Outcome | None = None) -> None:
        """Take note of a failure that is not known yet, and shrink that of a case."""
        if any(same_failure(failure, known.failure) for known in self.found.failures):
            return
        crash_needed = run.crash_at > 0
        if run.recorded and outcome is not None:
            crash_needed = _is_by_crash(self.story, outcome, self.judges, self.limits)
        elif case is not None and crash_needed:
            without = self._without_crash(case, failure)
            if without is not None:
                crash_needed, (case, outcome) = False, without
                failure = outcome.failure or failure
        oracle = "crash" if crash_needed else failure.oracle if isinstance(failure, ExpectationFailed) else ""
        passing, divergence = None, list[str]()
        if self.passing is not None and outcome is not None and case is not None:
            passing = self.passing[0]
            divergence = divergence_lines(list(self.passing[1].trace.lines()), list(outcome.trace.lines()))[1]
        shrunk = None
        if case is not None and outcome is not None and self.shrink_runs_max:
            shrunk = shrink(
                case,
                outcome,
                judges=self.judges,
                limits=self.limits,
                crash_needed=crash_needed,
                runs_max=self.shrink_runs_max,
            )
        self.found.failures.append(Found(run, failure, oracle, outcome, passing, tuple(divergence), shrunk))
        if len(self.found.failures) >= self.failures_max:
            raise _Enough

    def _without_crash(self, case: Case, failure: Exception) -> tuple[Case, Outcome] | None:
        """A run that fails alike with nobody killed: then it was the order in which things went on after the crash."""
        for number in range(_OTHER_SCHEDULES):
            policy = partial(_drawn_again, case.seed, number)
            other = replace(case, crash_at=0, draw=Draw(faults_max=0), policy=policy)
            outcome = attempt(other, judges=self.judges, limits=self.limits)
            if same_failure(outcome.failure, failure):
                return other, outcome
        return None


class _InOrder:
    """asyncio's own order, counting the decisions that the schedules after it will have."""

    def __init__(self) -> None:
        self.decisions = 0

    def choose(self, ready: Sequence[Candidate]) -> int:
        self.decisions += 1
        return 0


def _drawn_again(seed: int, number: int, streams: Streams) -> Policy:
    return SeededRandom(Streams(f"{seed}:{number}").schedule)


def _same_branch(branch: Branch, streams: Streams) -> Branch:
    return Branch(tuple(branch.path)) if branch.path else branch


def _faults(hazards: Sequence[Hazard]) -> list[Hazard]:
    return [hazard for hazard in hazards if hazard.site != CRASH_SITE]


def _told(outcome: Outcome) -> list[str]:
    end = "it goes well" if outcome.failure is None else f"it fails: {type(outcome.failure).__name__}"
    return [*outcome.trace.lines(), end]


def _place(story: Story | Body) -> Place:
    if isinstance(story, Story):
        return story.place
    code = getattr(story, "__code__", None)
    return Place(Path("the function")) if code is None else Place(Path(code.co_filename), code.co_firstlineno)
