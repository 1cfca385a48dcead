"""Tell every scenario to every arm and write `docs/fidelity.md`: where the simulation agrees with the real world.

    python tools/fidelity.py [--check] [--python PATH] [--at-once N] [--only TEXT]

Arms are the simulation, our engine on real files, and CocoIndex, which is in the interpreter at PATH or in this one.
`fidelity.toml` says why a difference is accepted; one that it does not mention is an error, and so is one of it that is
gone. The scenarios of `scenarios/trophies` are told by `trophies.py`.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from _page import ROOT, out_of_date

from cocoindex_sim.arms import COCOINDEX, REAL, Arm, Elsewhere, Limits, Nursery, find_cocoindex, real_arm
from cocoindex_sim.arms import left_out as left_out_on
from cocoindex_sim.arms import sim_only as sim_only_on
from cocoindex_sim.scenario import read_scenarios
from cocoindex_sim.world import ExpectationFailed, Story, World, perform, virtual_surroundings

SCENARIOS = ROOT / "scenarios"
ACCEPTED = Path(__file__).with_suffix(".toml")
PAGE = ROOT / "docs" / "fidelity.md"
DIFFERENCES = ROOT / "docs" / "differences"

WITHIN_S = 60.0
WITHIN_ACCEPTED_S = 10.0
"""A known difference is not waited for as long as something that has to come."""

ARMS = {REAL: "our engine on real files", COCOINDEX: "CocoIndex"}

TOP = """\
# Fidelity

A simulation is only worth something if it behaves like the world. So the scenarios of this package are told to three
arms: the simulation, our engine on real files, and CocoIndex {version} on real files, unmodified pipelines all of them.
What a scenario expects has to hold on all three. Where CocoIndex differs, a script shows it without this package, and
[the page of differences](differences.md) says why. A difference without a reason fails the continuous check, and so
does a reason without a difference. The scenarios that were written to find defects of CocoIndex have
[a page of their own](trophies.md).

On real files a process is a process, and a crash is SIGKILL. What depends on the schedule is not compared, and what
only the simulation can have is not tried; the tables say why. When nothing runs, nobody notices the time, so `advance`
is not waited for then.

`pytest --coco-scenarios --coco-backend=both --coco-engine=both` does the same with your scenarios, and has the oracles
judge them, too. This page is made by `python tools/fidelity.py`.
"""


@dataclass(frozen=True)
class Told:
    """One scenario on one arm: the reason why it was not tried, or what differed; neither means agreement."""

    sim_only: str = ""
    differs: str = ""
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scenario:
    """One row: `key` is the path of the file below `scenarios/`, `::` and the name."""

    file: str
    story: Story

    @property
    def key(self) -> str:
        return f"{self.file}::{self.story.name}"


Reasons: TypeAlias = "dict[tuple[str, str], Accepted]"
"""By arm and key of the scenario."""

Results: TypeAlias = dict[tuple[str, str], Told]
"""The same."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not what it would be")
    parser.add_argument("--python", help="the interpreter that has CocoIndex")
    parser.add_argument("--at-once", type=int, default=5 * (os.cpu_count() or 1), help="how many run at the same time")
    parser.add_argument("--only", default="", help="tell only scenarios with this in their key, and what differs")
    options = parser.parse_args()
    arms = (real_arm(), find_cocoindex(options.python))
    scenarios = [scenario for scenario in all_scenarios() if options.only in scenario.key]
    accepted = read_accepted(scenarios if not options.only else list(all_scenarios()))
    told = tell(scenarios, arms, accepted, options.at_once)
    tell_again(scenarios, arms, accepted, told)
    problems = sorted(unexplained(told, accepted))
    if problems:
        sys.exit("\n".join(problems))
    if options.only:
        return
    problem = out_of_date(PAGE, page(scenarios, arms, told, accepted), check=options.check)
    if problem:
        sys.exit(problem)


def all_scenarios() -> Iterator[Scenario]:
    """Every scenario, in the order of files and in files."""
    for path in sorted(SCENARIOS.rglob("*.coco.yaml")):
        if path.parent.name == "trophies":
            continue
        for story in read_scenarios(path, shown_as=path.relative_to(ROOT)):
            yield Scenario(path.relative_to(SCENARIOS).as_posix(), story)


@dataclass(frozen=True)
class Accepted:
    """Why a scenario may differ: the script that shows it, or words. `sometimes`: it differs now and then."""

    reason: str
    sometimes: bool = False

    @property
    def is_script(self) -> bool:
        """Whether the reason is the name of a script."""
        return re.fullmatch(r"\w+", self.reason) is not None

    @property
    def shown(self) -> str:
        """As the page has it."""
        return f"[{self.reason}](differences/{self.reason}.py)" if self.is_script else self.reason


def read_accepted(scenarios: list[Scenario]) -> Reasons:
    """What `fidelity.toml` says, by arm and key."""
    data: dict[str, dict[str, dict[str, Any]]] = tomllib.loads(ACCEPTED.read_text(encoding="utf-8"))
    found = {
        (arm, f"{file}::{name}"): Accepted(**reason) if isinstance(reason, dict) else Accepted(reason)
        for arm, files in data.items()
        for file, reasons in files.items()
        for name, reason in reasons.items()
    }
    known = {scenario.key for scenario in scenarios}
    for arm, key in found:
        if arm not in (REAL, COCOINDEX) or key not in known:
            sys.exit(f"{ACCEPTED.name} excuses {key!r} on {arm!r}, which is not there")
    for reason in found.values():
        if reason.is_script and not (DIFFERENCES / f"{reason.reason}.py").exists():
            sys.exit(f"{ACCEPTED.name} names docs/differences/{reason.reason}.py, which is not there")
    return found


def tell(scenarios: list[Scenario], arms: tuple[Arm, ...], accepted: Reasons, at_once: int) -> Results:
    """What each scenario came to on each arm; a simulated one that fails ends it all."""
    logging.disable()
    with virtual_surroundings():
        for scenario in scenarios:
            with World() as world:
                perform(scenario.story, world)
    work = [(scenario, arm) for scenario in scenarios for arm in arms]
    with Nursery(spares=2) as nursery, ThreadPoolExecutor(at_once) as threads:

        def one(item: tuple[Scenario, Arm]) -> Told:
            scenario, arm = item
            within_s = WITHIN_ACCEPTED_S if (arm.name, scenario.key) in accepted else WITHIN_S
            return tell_one(scenario.story, arm, nursery, within_s)

        results = threads.map(one, work)
        return {(arm.name, scenario.key): told for (scenario, arm), told in zip(work, results, strict=True)}


def tell_again(scenarios: list[Scenario], arms: tuple[Arm, ...], accepted: Reasons, told: Results) -> None:
    """Tell alone, up to twice, what came out otherwise than it should: among many, some had no time to be on time."""
    with Nursery(spares=1) as nursery:
        for scenario in scenarios:
            for arm in arms:
                place = (arm.name, scenario.key)
                for _ in range(2):
                    if why := unexpected(told[place], accepted.get(place)):
                        print(f"told again, alone: {scenario.key} on {arm}, which {why}", file=sys.stderr)
                        told[place] = tell_one(scenario.story, arm, nursery, WITHIN_S)


def tell_one(story: Story, arm: Arm, nursery: Nursery, within_s: float) -> Told:
    """What one scenario comes to on one arm."""
    reason = sim_only_on(story, arm)
    if reason is not None:
        return Told(sim_only=reason)
    left_out = tuple(left_out_on(story, arm))
    with tempfile.TemporaryDirectory(prefix="coco-", ignore_cleanup_errors=True) as name:
        site = Path(name).resolve() / "site"
        with Elsewhere(story, arm, site, nursery=nursery, limits=Limits(within_s=within_s)) as elsewhere:
            try:
                elsewhere.run()
            except ExpectationFailed as failed:
                return Told(differs=str(failed), left_out=left_out)
    return Told(left_out=left_out)


def unexplained(told: Results, accepted: Reasons) -> Iterator[str]:
    """Differences without a reason, and reasons without a difference."""
    for (arm, key), result in told.items():
        if why := unexpected(result, accepted.get((arm, key))):
            yield f"{arm}: {key} {why}"


def unexpected(result: Told, accepted: Accepted | None) -> str:
    """What is wrong with a result, if anything."""
    if result.differs and accepted is None:
        return f"differs, and {ACCEPTED.name} does not say why:\n  {result.differs}"
    if accepted is not None and not accepted.sometimes and not result.differs:
        return f"is excused in {ACCEPTED.name}, and does not differ"
    return ""


def page(
    scenarios: list[Scenario],
    arms: tuple[Arm, ...],
    told: Results,
    accepted: Reasons,
) -> str:
    """The whole page."""
    version = next(arm.version for arm in arms if arm.is_cocoindex)
    lines = [TOP.format(version=version), "## In short", "", *summary(scenarios, arms, told, accepted), ""]
    lines += ["## Where they differ", "", *differing(accepted), ""]
    lines += ["## Scenarios", "", *rows(scenarios, told, accepted)]
    return "\n".join(lines).rstrip() + "\n"


def summary(scenarios: list[Scenario], arms: tuple[Arm, ...], told: Results, accepted: Reasons) -> Iterator[str]:
    """How many there are of each kind."""
    yield "| arm | told | agree | differ | in the simulation only |"
    yield "|---|---|---|---|---|"
    yield f"| the simulation | {len(scenarios)} | | | |"
    for arm in arms:
        results = [told[arm.name, scenario.key] for scenario in scenarios]
        only = sum(bool(result.sim_only) for result in results)
        differ = sum((arm.name, scenario.key) in accepted for scenario in scenarios)
        tried = len(results) - only
        yield f"| {arm} | {tried} | {tried - differ} | {differ} | {only} |"
    reasons = Counter(result.sim_only for (arm, _), result in told.items() if arm == REAL and result.sim_only)
    yield ""
    yield "Why a scenario is in the simulation only:"
    yield ""
    yield "| reason | scenarios |"
    yield "|---|---|"
    for reason, count in sorted(reasons.items(), key=lambda item: (-item[1], item[0])):
        yield f"| {reason} | {count} |"


def differing(accepted: Reasons) -> Iterator[str]:
    """Each reason, and the scenarios it is the reason for."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for (arm, key), why in accepted.items():
        by_reason.setdefault((why.shown, ARMS[arm]), []).append(key)
    yield "| reason | where | scenarios |"
    yield "|---|---|---|"
    for (reason, arm), keys in sorted(by_reason.items()):
        named = "<br>".join(key.partition("::")[2] for key in sorted(keys))
        yield f"| {reason} | {arm} | {named} |"


def rows(scenarios: list[Scenario], told: Results, accepted: Reasons) -> Iterator[str]:
    """A table for each file."""
    for file in dict.fromkeys(scenario.file for scenario in scenarios):
        yield f"### [{file.removesuffix('.coco.yaml')}](../scenarios/{file})"
        yield ""
        yield "| scenario | simulation | real files | CocoIndex | not compared |"
        yield "|---|---|---|---|---|"
        for scenario in scenarios:
            if scenario.file == file:
                own = [(name, told[name, scenario.key]) for name in (REAL, COCOINDEX)]
                cells = (cell(result, accepted.get((name, scenario.key))) for name, result in own)
                aside = "; ".join(dict.fromkeys(line for _, result in own for line in result.left_out))
                yield f"| {scenario.story.name} | agrees | {' | '.join(cells)} | {aside} |"
        yield ""


def cell(result: Told, accepted: Accepted | None) -> str:
    """What one scenario came to on one arm, in a word."""
    if result.sim_only:
        return f"— {result.sim_only}"
    if accepted is None:
        return "agrees"
    return f"{'differs now and then' if accepted.sometimes else 'differs'}: {accepted.shown}"


if __name__ == "__main__":
    main()
