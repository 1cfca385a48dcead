"""Runs one scenario under several schedules, each in a world of its own."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from cocoindex_sim.values import DivergenceError
from cocoindex_sim.world import (
    Branch,
    Candidate,
    Dfs,
    ExpectationFailed,
    Fifo,
    Judges,
    Pct,
    Policy,
    SeededRandom,
    Story,
    Streams,
    World,
    divergence_lines,
    perform,
)

from ._options import Options
from ._seeds import derived_seed

__all__ = ["Run", "ScenarioFailed", "run_story"]

# More takes more runs than anybody waits for, in all but the smallest scenarios.
_DFS_DEVIATIONS_MAX = 2


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scenario: number 0 is in asyncio's own order, the others as the policy has it.

    `systematic`: these are the schedules of a search, all with one seed.
    """

    number: int
    seed: int
    systematic: bool = False

    def __str__(self) -> str:
        if not self.number:
            return "in order"
        return f"schedule {self.number}" if self.systematic else f"seed {self.seed}"


class ScenarioFailed(AssertionError):
    """A scenario failed in at least one run; the first is the one shown, its error is the `__cause__`."""

    def __init__(self, error: Exception, run: Run, trace: list[str]) -> None:
        super().__init__(str(error))
        self.error = error
        self.run = run
        self.trace = trace
        self.failed: list[Run] = [run]
        self.passed: list[Run] = []


def run_story(story: Story, nodeid: str, options: Options) -> None:
    """Run the scenario once in order, and then as often as the options say by their policy.

    Raises: ScenarioFailed after the last run, when any of them failed.
    """
    judges = Judges(story)
    failure: ScenarioFailed | None = None
    passed: list[Run] = []
    run, trace = Run(0, 0), list[str]()
    schedules = _schedules(nodeid, options)
    while True:
        try:
            run, policy_of = next(schedules)
        except StopIteration:
            break
        except DivergenceError as divergence:  # a search can't go on
            error: Exception | None = _not_deterministic(story, str(divergence))
            passed = [other for other in passed if other != run]
        else:
            error, trace = _run_once(judges, run, policy_of())
            if options.trace is not None:
                _write_trace(options.trace, nodeid, run, trace)
            if options.check_determinism:
                error = _divergence(story, run, (error, trace), _run_once(judges, run, policy_of())) or error
        if error is None:
            passed.append(run)
        elif failure is None:
            failure = ScenarioFailed(error, run, trace)
        elif run not in failure.failed:
            failure.failed.append(run)
    if failure is not None:
        failure.passed = passed
        raise failure from failure.error


_Schedule = tuple[Run, Callable[[], Policy]]


def _schedules(nodeid: str, options: Options) -> Iterator[_Schedule]:
    """Each run, and what makes its policy; asked again after the run, one that does the same."""
    seeds = [derived_seed(options.seed, nodeid, number) for number in range(options.runs + 1)]
    if options.policy == "dfs":
        for number, branch in enumerate(islice(Dfs(deviations_max=_DFS_DEVIATIONS_MAX), len(seeds))):
            yield Run(number, seeds[0], systematic=True), partial(_same_branch, branch)
        return
    in_order = _InOrder()
    yield Run(0, seeds[0]), (lambda: in_order) if options.policy == "pct" else Fifo
    for number, seed in enumerate(seeds[1:], 1):
        yield Run(number, seed), partial(_seeded, options.policy, seed, max(in_order.decisions, 1))


def _same_branch(branch: Branch) -> Branch:
    return Branch(tuple(branch.path)) if branch.path else branch


def _seeded(policy: str, seed: int, decisions: int) -> Policy:
    if policy == "fifo":
        return Fifo()
    rng = Streams(seed).schedule
    return Pct(rng, decisions=decisions) if policy == "pct" else SeededRandom(rng)


class _InOrder:
    """asyncio's own order, counting the decisions that the policies after it will have."""

    def __init__(self) -> None:
        self.decisions = 0

    def choose(self, ready: Sequence[Candidate]) -> int:
        self.decisions += 1
        return 0


def _run_once(judges: Judges, run: Run, policy: Policy) -> tuple[Exception | None, list[str]]:
    world = World(run.seed, policy=policy)
    try:
        attendance = judges.attend(world)
        perform(judges.story, world, changed=attendance.source_changed, ending=attendance.ending)
        attendance.judge()
    except Exception as error:
        return error, list(world.trace.lines())
    else:
        return None, list(world.trace.lines())
    finally:
        world.close()


def _divergence(story: Story, run: Run, *outcomes: tuple[Exception | None, list[str]]) -> ExpectationFailed | None:
    """What is wrong when the same run was made twice and did not go the same way."""
    first, second = (
        [*trace, "the scenario passes" if error is None else f"the scenario fails: {type(error).__name__}"]
        for error, trace in outcomes
    )
    number, lines = divergence_lines(first, second)
    if not number:
        return None
    return _not_deterministic(story, f"the run {run}, repeated, has another trace from line {number} on", lines)


def _not_deterministic(story: Story, fact: str, lines: Sequence[str] = ()) -> ExpectationFailed:
    return ExpectationFailed(f"determinism: {fact}", place=story.place, lines=lines)


def _write_trace(directory: Path, nodeid: str, run: Run, trace: list[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    # Two ids may differ only in what a file name can't hold.
    mark = blake2b(nodeid.encode(), digest_size=4).hexdigest()
    readable = re.sub(r"[^\w.]+", "-", nodeid.rpartition("/")[2])[:100]
    order = str(run).replace(" ", "-")
    (directory / f"{readable}-{mark}.{order}.trace").write_text("".join(line + "\n" for line in trace), "utf-8")
