"""Runs one scenario under several schedules, each in a world of its own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from cocoindex_sim.world import Fifo, Policy, SeededRandom, Story, Streams, World, perform

from ._options import Options
from ._seeds import derived_seed

__all__ = ["Run", "ScenarioFailed", "run_story"]


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a scenario: number 0 is in asyncio's own order, the others in a seeded random one."""

    number: int
    seed: int

    def __str__(self) -> str:
        return f"seed {self.seed}" if self.number else "in order"

    def policy(self) -> Policy:
        """What decides the order of this run."""
        return SeededRandom(Streams(self.seed).schedule) if self.number else Fifo()


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
    """Run the scenario once in order and once for each seed.

    Raises: ScenarioFailed after the last run, when any of them failed.
    """
    failure: ScenarioFailed | None = None
    passed: list[Run] = []
    for number in range(options.runs + 1):
        run = Run(number, derived_seed(options.seed, nodeid, number))
        error, trace = _run_once(story, run)
        if options.trace is not None:
            _write_trace(options.trace, nodeid, run, trace)
        if error is None:
            passed.append(run)
        elif failure is None:
            failure = ScenarioFailed(error, run, trace)
        else:
            failure.failed.append(run)
    if failure is not None:
        failure.passed = passed
        raise failure from failure.error


def _run_once(story: Story, run: Run) -> tuple[Exception | None, list[str]]:
    world = World(run.seed, policy=run.policy())
    try:
        perform(story, world)
    except Exception as error:
        return error, list(world.trace.lines())
    else:
        return None, list(world.trace.lines())
    finally:
        world.close()


def _write_trace(directory: Path, nodeid: str, run: Run, trace: list[str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    # Two ids may differ only in what a file name can't hold.
    mark = blake2b(nodeid.encode(), digest_size=4).hexdigest()
    readable = re.sub(r"[^\w.]+", "-", nodeid.rpartition("/")[2])[:100]
    order = str(run).replace(" ", "-")
    (directory / f"{readable}-{mark}.{order}.trace").write_text("".join(line + "\n" for line in trace), "utf-8")
