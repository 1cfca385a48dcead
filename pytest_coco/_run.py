"""Runs one scenario as often as the options say, or replays one run of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from cocoindex_sim.world import (
    Case,
    Crashes,
    Found,
    Outcome,
    Recording,
    Run,
    Story,
    attempt,
    check_kept,
    explore,
    replay,
)

from ._faults import FaultCounts
from ._limits import limits_of
from ._options import Options
from ._seeds import derived_seed
from ._traces import run_name, write_trace

__all__ = ["NotTried", "ScenarioFailed", "check_replay", "run_story"]


class NotTried(AssertionError):
    """What was asked for was not tried, though nothing failed; in a sentence."""


class ScenarioFailed(AssertionError):
    """A scenario failed; `found` tells how. `runs`: how many were made until then; 0 for a replay.

    `misfit`: why what was replayed is not what was recorded; empty when it is.
    """

    def __init__(self, found: Found, runs: int, misfit: str = "") -> None:
        super().__init__(found.verdict)
        self.found = found
        self.runs = runs
        self.misfit = misfit


def run_story(
    story: Story,
    nodeid: str,
    options: Options,
    faults: FaultCounts,
    *,
    faults_of_its_own: bool = False,
    watch: Callable[[Run, Outcome], object] = lambda run, outcome: None,
    tell: Callable[[str, object], object] = lambda name, value: None,
) -> None:
    """Run the scenario in order and then as often as the options say, and count its faults; or replay one run.

    `faults_of_its_own`: the kinds are asked for by the scenario or its marker, so each has to happen here. `watch` is
    called after each run, `tell` with what is to be known of all of them, by name. Raises: ScenarioFailed, NotTried.
    """
    limits = limits_of(options)
    if options.replay is not None:
        recording = Recording.parse(options.replay)
        outcome, found = replay(story, recording, limits=limits)
        write_trace(options.trace, nodeid, "replay", outcome.trace)
        watch(Run(1, outcome.recording.seed), outcome)
        tell("runs", 1)
        misfit = recording.misfit(outcome.recording.choices)
        if misfit:
            misfit = f"the recording no longer fits the story, or its pipeline: {misfit}; counted from 1"
        if found is not None:
            raise ScenarioFailed(found, 0, misfit) from found.failure
        if misfit:
            raise NotTried(
                f"{misfit}. What it was made of was not repeated, and nothing failed in what was run instead"
            )
        return

    def after_run(run: Run, outcome: Outcome) -> None:
        write_trace(options.trace, nodeid, run_name(run), outcome.trace)
        watch(run, outcome)

    exploration = explore(
        story,
        runs=options.runs,
        seed=derived_seed(options.seed, nodeid, 0),
        policy=options.policy,
        pct_depth=options.pct_depth,
        faults="all" if options.faults is None else options.faults,
        crashes=cast(Crashes, options.crashes),
        check_determinism=options.check_determinism,
        shrinks=options.shrink,
        limits=limits,
        watch_run=after_run,
    )
    faults.add(exploration.met, exploration.fired)
    tell("runs", len(exploration.runs))
    tell("crashes", exploration.crash_points)
    tell("faults", exploration.fired.total())
    for found in exploration.failures:
        if found.smallest is not None:
            if found.shrunk is not None:
                write_trace(options.trace, nodeid, "shrunk", found.smallest.trace)
            # Once more, for what it logs: while exploring, that would be hundreds of tracebacks.
            attempt(Case.again(story, found.smallest.recording), limits=limits)
        raise ScenarioFailed(found, len(exploration.runs)) from found.failure
    if exploration.unfired and faults_of_its_own:
        unfired = ", ".join(exploration.unfired)
        raise NotTried(f"asked for, and never happened in this test, which fails it: {unfired}")


def check_replay(story: Story, text: str) -> None:
    """Whether the text is a recording of this story. Raises ValueError."""
    check_kept(story, Recording.parse(text))
