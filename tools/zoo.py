"""Writes `docs/zoo.md`: every planted bug, the oracle that finds it, after how many seeds, and the smallest story.

`--check` fails when the page is out of date, or a bug is found too late, not made small enough, or does not fail alike
in a scenario file that is made of it. `--sound RUNS` explores the same stories without the bugs instead, under that
many seeds each.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import statistics
import sys
from dataclasses import dataclass

from _page import ROOT, out_of_date

sys.path.insert(0, str(ROOT))

from cocoindex_sim.world import Found, Hazard, step_text
from tests.zoo.exhibits import EXHIBITS, Exhibit

PAGE = ROOT / "docs" / "zoo.md"
SEEDS_MAX, SEEDS_MEDIAN_MAX, STEPS_MAX, DEVIATIONS_MAX = 20, 5, 4, 2

HEAD = """# The zoo

Bugs as people write them, planted on purpose in connectors, in target types and in the engine itself. None of their
stories asserts anything: each bug is found by an [oracle](oracles.md), under one of the first seeds, and then the run
is made as small as can be. `tests/zoo` holds them; `python tools/zoo.py` writes this page.

*Seeds*: how many schedules were tried until it was found, asyncio's own among them. *Deviations*: how often the
smallest run leaves asyncio's order. A story of no steps is the pipeline itself, brought up to date once by the oracles.
"""


@dataclass(frozen=True)
class Row:
    exhibit: Exhibit
    seeds: int
    found: Found | None
    not_promoted: str = ""

    @property
    def problems(self) -> list[str]:
        name = self.exhibit.name
        if self.found is None:
            return [f"{name} was not found within {SEEDS_MAX} seeds"]
        problems = []
        if self.found.oracle != self.exhibit.oracle:
            problems.append(f"{name} was found by {self.found.oracle!r}, not by {self.exhibit.oracle!r}")
        shrunk = self.found.shrunk
        if shrunk is None:
            problems.append(f"{name} can't be repeated")
        elif len(shrunk.steps) > STEPS_MAX or shrunk.recording.deviations > DEVIATIONS_MAX:
            problems.append(f"{name} has {len(shrunk.steps)} steps and {shrunk.recording.deviations} deviations left")
        if self.not_promoted:
            problems.append(f"{name} does not become a scenario of its own: {self.not_promoted}")
        return problems


def look(exhibit: Exhibit) -> Row:
    with contextlib.redirect_stderr(io.StringIO()):  # some ignore that they are ended, and Python says so
        exploration = exhibit.explore(SEEDS_MAX)
    if not exploration.failures:
        return Row(exhibit, SEEDS_MAX + 1, None)
    found = exploration.failures[0]
    not_promoted = ""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            exhibit.promote(found)
    except ValueError as error:
        not_promoted = str(error)
    return Row(exhibit, found.run.number + 1, found, not_promoted)


def story(found: Found) -> str:
    shrunk = found.shrunk
    assert shrunk is not None
    steps = [f"`{step_text(step)}`" for step in shrunk.steps]
    return "<br>".join(steps + [hazard_text(hazard) for hazard in shrunk.outcome.hazards]) or "(no steps)"


def hazard_text(hazard: Hazard) -> str:
    if hazard.site == "crash":
        return f"killed after durable step {hazard.nth} (`{hazard.kind}`)"
    return f"`{hazard.kind}` at call {hazard.nth} of `{hazard.site}`"


def table(rows: list[Row]) -> str:
    lines = [
        "| bug | in | what is wrong | oracle | seeds | deviations | smallest story |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.found is None or row.found.shrunk is None:
            continue
        what = " ".join(row.exhibit.description.split())
        name = row.exhibit.name.replace("_", " ")
        deviations = row.found.shrunk.recording.deviations
        place = row.exhibit.place
        lines.append(
            f"| {name} | {place} | {what} | {row.found.oracle} | {row.seeds} | {deviations} | {story(row.found)} |"
        )
    median = statistics.median(row.seeds for row in rows)
    lines += [
        "",
        f"{len(rows)} bugs, found after {max(row.seeds for row in rows)} seeds at most, {median:g} in the median.",
    ]
    return "\n".join(lines) + "\n"


def sound(runs: int) -> list[str]:
    problems = []
    for exhibit in {(one.family, one.story, one.faults, one.crashes): one for one in EXHIBITS}.values():
        failures = exhibit.explore_sound(runs).failures
        print(f"{exhibit.family}: {exhibit.story}: {'nothing found' if not failures else failures[0].verdict}")
        problems += [f"{exhibit.story}, without a bug: {found.verdict}" for found in failures]
    return problems


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--sound", type=int, metavar="RUNS", default=0)
    options = parser.parse_args()
    if options.sound:
        problems = sound(options.sound)
    else:
        rows = [look(exhibit) for exhibit in EXHIBITS]
        problems = [problem for row in rows for problem in row.problems]
        if statistics.median(row.seeds for row in rows) > SEEDS_MEDIAN_MAX:
            problems.append(f"the median bug is found after more than {SEEDS_MEDIAN_MAX} seeds")
        page = f"{HEAD}\n{table(rows)}"
        if stale := out_of_date(PAGE, page, check=options.check):
            problems.append(stale)
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
