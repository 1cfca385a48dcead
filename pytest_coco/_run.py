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

__all__ = ["ScenarioFailed", "check_replay", "run_story"]


class ScenarioFailed(AssertionError):
    """A scenario failed; `found` tells how. `runs`: how many were made until then; 0 for a replay."""

    def __init__(self, found: Found, runs: int) -> None:
        super().__init__(found.verdict)
        self.found = found
        self.runs = runs


def run_story(
    story: Story,
    nodeid: str,
    options: Options,
    faults: FaultCounts,
    *,
    watch: Callable[[Run, Outcome], object] = lambda run, outcome: None,
    tell: Callable[[str, object], object] = lambda name, value: None,
) -> None:
    """Run the scenario in order and then as often as the options say, and count its faults; or replay one run.

    `watch` is called after each run, `tell` with what is to be known of all of them, by name. Raises: ScenarioFailed.
    """
    limits = limits_of(options)
    if options.replay is not None:
        outcome, found = replay(story, Recording.parse(options.replay), limits=limits)
        write_trace(options.trace, nodeid, "replay", outcome.trace)
        watch(Run(1, outcome.recording.seed), outcome)
        tell("runs", 1)
        if found is not None:
            raise ScenarioFailed(found, 0) from found.failure
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


def check_replay(story: Story, text: str) -> None:
    """Whether the text is a recording of this story. Raises ValueError."""
    check_kept(story, Recording.parse(text))
