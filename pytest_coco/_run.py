"""Runs one scenario as often as the options say, or replays one run of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path
from typing import cast

from cocoindex_sim.world import (
    Case,
    Crashes,
    Found,
    Limits,
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
from ._options import Options
from ._seeds import derived_seed

__all__ = ["ScenarioFailed", "check_replay", "run_story"]


class ScenarioFailed(AssertionError):
    """A scenario failed; `found` tells how. `runs`: how many were made until then; 0 for a replay."""

    def __init__(self, found: Found, runs: int) -> None:
        super().__init__(found.verdict)
        self.found = found
        self.runs = runs


def run_story(story: Story, nodeid: str, options: Options, faults: FaultCounts) -> None:
    """Run the scenario in order and then as often as the options say, and count its faults; or replay one run.

    Raises: ScenarioFailed when a run fails.
    """
    limits = _limits(options)
    if options.replay is not None:
        outcome, found = replay(story, Recording.parse(options.replay), limits=limits)
        _write_trace(options.trace, nodeid, "replay", outcome)
        if found is not None:
            raise ScenarioFailed(found, 0) from found.failure
        return
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
        watch_run=lambda run, outcome: _write_trace(options.trace, nodeid, _file_part(run), outcome),
    )
    faults.add(exploration.met, exploration.fired)
    for found in exploration.failures:
        if found.smallest is not None:
            if found.shrunk is not None:
                _write_trace(options.trace, nodeid, "shrunk", found.smallest)
            # Once more, for what it logs: while exploring, that would be hundreds of tracebacks.
            attempt(Case.again(story, found.smallest.recording), limits=limits)
        raise ScenarioFailed(found, len(exploration.runs)) from found.failure


def check_replay(story: Story, text: str) -> None:
    """Whether the text is a recording of this story. Raises ValueError."""
    check_kept(story, Recording.parse(text))


def _limits(options: Options) -> Limits:
    limits = Limits()
    return Limits(
        steps_max=options.steps_max or limits.steps_max,
        events_max=options.events_max or limits.events_max,
        time_ns_max=None if options.time_max is None else options.time_max * 1_000_000_000,
    )


def _file_part(run: Run) -> str:
    return str(run).replace(",", "").replace(" ", "-")


def _write_trace(directory: Path | None, nodeid: str, name: str, outcome: Outcome) -> None:
    if directory is None:
        return
    directory.mkdir(parents=True, exist_ok=True)
    # Two ids may differ only in what a file name can't hold.
    mark = blake2b(nodeid.encode(), digest_size=4).hexdigest()
    readable = re.sub(r"[^\w.]+", "-", nodeid.rpartition("/")[2])[:100]
    lines: Iterable[str] = (line + "\n" for line in outcome.trace.lines())
    (directory / f"{readable}-{mark}.{name}.trace").write_text("".join(lines), "utf-8")
