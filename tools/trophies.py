"""Write `docs/trophies.md`: defects of CocoIndex, each with the scenario that finds it and the oracle that falls.

    python tools/trophies.py [--check] [--judge] [--engine-python PATH]

The page is made from `tools/trophies.toml`; `--check` writes nothing and fails if the page is not what it would be.
`--judge` tells all the stories to this engine and to CocoIndex, on real files. The one has to find nothing to complain
of, the other what the page says. Without CocoIndex in this interpreter or in the one at PATH, its part is left out.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from _page import ROOT, out_of_date

from cocoindex_sim.arms import Arm, ArmError, Judged, Limits, Nursery, find_cocoindex, real_arm
from cocoindex_sim.scenario import SUFFIX, read_scenarios
from cocoindex_sim.world import Expect, Story, step_text

TABLE = ROOT / "tools" / "trophies.toml"
PAGE = ROOT / "docs" / "trophies.md"
STORIES = ROOT / "scenarios" / "trophies"
DIFFERENCES = ROOT / "docs" / "differences.md"

WITHIN_S = {"real": 60.0, "cocoindex": 20.0}
"""How long each arm may take for what has to happen: the one that never does it is waited for, several times."""
AT_ONCE = 3
"""How many stories are told at a time: most of it is waiting."""

HEAD = """\
# Trophies

Defects of CocoIndex {release}, the current release when this page was made, that scenarios find. The scenarios are in
`scenarios/trophies`. The engine of this package passes all of them; with

```console
$ pytest --coco-scenarios scenarios/trophies --coco-engine=cocoindex
```

the same stories happen to CocoIndex itself, on real files and in a process that is killed where the story crashes, and
the [oracles](oracles.md) judge that need no schedule. Most of these defects fall to an oracle: nobody had to write down
what to expect.

The shortest reproductions are scripts in plain Python; [Differences](differences.md) has all of them, also of what no
story tells. *What falls* are the oracles that complain, the one that says most first, or else an expectation of the
story.
"""

FOOT = """\
`python tools/trophies.py` writes this page; with `--judge` it tells all stories to both engines, and fails when
anything else falls.

## How an engine is judged from outside

Nobody sees the components of another engine, so files and topics are all there is. When the story is over,

1. a live update that still runs is left alone for a while; then the targets have to be those of a fresh run;
2. the process is started again if it was killed, one update catches up, and the targets are compared again;
3. one more update may write and remove nothing.

A *fresh run* is the same engine in an empty directory, on the story's files as they are at the end: one update, and
what one more adds.

| oracle | falls when |
|---|---|
| termination | an update or a drop does not end in the time it has |
| orphans | a target is left that a fresh run does not have, or any after a drop |
| convergence | a target is missing or different from that of a fresh run |
| ready | one more update, with nothing changed, adds or changes a target: it was not there when the last one was done |
| idempotence | one more update, with nothing changed, writes or removes a file |

What an update reported to have failed, by raising or by its counters, is not compared. `stale`, `offsets`, `crash` and
`determinism` need the simulation.
"""


@dataclass(frozen=True)
class Trophy:
    """One row: a defect and the stories that find it."""

    defect: str
    stories: tuple[Story, ...]
    falls: tuple[str, ...]
    sometimes: tuple[str, ...]
    rules: tuple[str, ...]
    reproduction: str

    @property
    def file(self) -> str:
        """The path of the scenarios, as `docs/trophies.md` links to them."""
        return f"../scenarios/trophies/{self.stories[0].place.path.name}"


@dataclass(frozen=True)
class Seen:
    """What one story came to on one arm."""

    oracles: tuple[str, ...]
    unmet: tuple[str, ...]


def release_and_trophies() -> tuple[str, list[Trophy]]:
    """What the table says; stories that are not there end the program."""
    table = tomllib.loads(TABLE.read_text("utf-8"))
    trophies = []
    for row in table["trophy"]:
        stories = tuple(
            story
            for story in read_scenarios(STORIES / (row["story"] + SUFFIX))
            if row.get("name", story.name) == story.name
        )
        if not stories:
            sys.exit(f"trophies.toml names {row['name']!r} in {row['story']!r}, which is not there")
        falls, sometimes = tuple(row["falls"]), tuple(row.get("sometimes", ()))
        trophies.append(Trophy(row["defect"], stories, falls, sometimes, tuple(row["rules"]), row["reproduction"]))
    return table["release"], trophies


def page() -> str:
    """The whole page."""
    release, trophies = release_and_trophies()
    prints = dict(printed_by_cocoindex())
    return "\n".join([
        HEAD.format(release=release),
        *table_of(trophies, prints),
        "",
        FOOT,
        "## The stories",
        "",
        *[line for trophy in trophies for line in told(trophy)],
    ])  # fmt: skip


def printed_by_cocoindex() -> Iterator[tuple[str, str]]:
    """Each script of the differences, and what it prints there."""
    for line in DIFFERENCES.read_text("utf-8").splitlines():
        row = re.match(r"\| \[(\w+)\]\(differences/\w+\.py\) \| (`[^`]*`) \|", line)
        if row is not None:
            yield row[1], row[2]


def table_of(trophies: Sequence[Trophy], prints: dict[str, str]) -> Iterator[str]:
    """A row for each trophy."""
    yield "| defect | story | what falls | shortest reproduction, and what it prints | rule |"
    yield "|---|---|---|---|---|"
    for trophy in trophies:
        falls = ", ".join(trophy.falls) or "expectation"
        story = f"[{trophy.stories[0].place.path.name.removesuffix(SUFFIX)}]({trophy.file})"
        script = f"[{trophy.reproduction}](differences/{trophy.reproduction}.py): {prints[trophy.reproduction]}"
        yield f"| {trophy.defect} | {story} | {falls} | {script} | {', '.join(trophy.rules)} |"
    by_oracle = sum(1 for trophy in trophies if trophy.falls)
    named = sum(1 for trophy in trophies if any(is_sharp(rule) for rule in trophy.rules))
    yield ""
    yield (
        f"{len(trophies)} defects: {by_oracle} fall to an oracle, {len(trophies) - by_oracle} to an expectation alone. "
        f"{named} of them are sharp edges that the [contract](contract.md) lists."
    )


def is_sharp(rule: str) -> bool:
    """Whether the contract has it among its sharp edges."""
    return rule.startswith(("SE-", "EDGE-"))


def told(trophy: Trophy) -> Iterator[str]:
    """The stories of a trophy, a step a line."""
    for story in trophy.stories:
        yield f"### {story.name[0].upper()}{story.name[1:]}"
        yield ""
        yield trophy.defect
        yield ""
        yield "```text"
        for path, content in story.files:
            yield f"given: {path}: {content.decode()!r}"
        for step in story.steps:
            if not isinstance(step, Expect):
                yield step_text(step)
        yield "```"
        yield ""


def problems_on(arm: Arm) -> list[str]:
    """What is otherwise than the table says, when all stories happen on an arm."""
    _, trophies = release_and_trophies()
    told_to = [(trophy, story) for trophy in trophies for story in trophy.stories]
    problems: list[str] = []
    with Nursery(spares=AT_ONCE) as nursery:
        with ThreadPoolExecutor(AT_ONCE) as at_once:
            seen = list(at_once.map(lambda pair: look(pair[1], arm, nursery), told_to))
        for (trophy, story), found in zip(told_to, seen, strict=True):
            wrong = complaints(trophy, story, arm, found)
            for _ in range(2):  # among others, it may not have had the time to be on time
                if wrong:
                    print(f"told again, alone: {wrong[0]}", file=sys.stderr)
                    wrong = complaints(trophy, story, arm, look(story, arm, nursery))
            problems += wrong
    return problems


def complaints(trophy: Trophy, story: Story, arm: Arm, found: Seen) -> list[str]:
    """What of one story is otherwise than the table says."""
    wrong = []
    expected = trophy.falls if arm.is_cocoindex else ()
    always = tuple(name for name in found.oracles if name not in trophy.sometimes)
    if always != expected:
        there, here = (", ".join(names) or "none" for names in (always, expected))
        wrong.append(f"{story.name!r} on {arm}: the oracles that fall are {there}; the table says {here}")
    if not arm.is_cocoindex and found.unmet:
        wrong.append(f"{story.name!r} on {arm}: {found.unmet[0]}")
    if arm.is_cocoindex and not found.oracles and not found.unmet:
        wrong.append(f"{story.name!r} on {arm}: nothing falls any more")
    return wrong


def look(story: Story, arm: Arm, nursery: Nursery) -> Seen:
    """Tell one story, and hear what complains."""
    with tempfile.TemporaryDirectory() as name:
        with Judged(story, arm, Path(name), nursery=nursery, limits=Limits(within_s=WITHIN_S[arm.name])) as judged:
            judged.perform()
        return Seen(tuple(judged.violations), tuple(failed.verdict for failed in judged.unmet))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the page is not what it would be")
    parser.add_argument("--judge", action="store_true", help="fail if something else falls than the page says")
    parser.add_argument("--engine-python", metavar="PATH", help="an interpreter that has CocoIndex; default: this one")
    options = parser.parse_args()
    problem = out_of_date(PAGE, page(), check=options.check)
    problems = [] if problem is None else [problem]
    if options.judge:
        problems += judge(options.engine_python)
    for problem in problems:
        print(problem, file=sys.stderr)
    return bool(problems)


def judge(engine_python: str | None) -> list[str]:
    """What is otherwise than the table says, on either engine."""
    problems = problems_on(real_arm())
    try:
        cocoindex = find_cocoindex(engine_python)
    except ArmError as error:
        print(f"CocoIndex is left out: {error}", file=sys.stderr)
        return problems
    release, _ = release_and_trophies()
    if cocoindex.version != release:
        problems.append(f"the table is about CocoIndex {release}; here is {cocoindex.version}")
    return problems + problems_on(cocoindex)


if __name__ == "__main__":
    sys.exit(main())
