"""Compare the public API with CocoIndex's, name by name, and write `docs/api-parity.md`.

    python tools/api_parity.py [--reference-python PATH] [--check | --strict]

Both packages are inspected in child processes, by `_api_surface.py`, so neither meets the other.
`api_parity.toml` says what an absent name waits for; an absent name it does not mention is an error.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

TOOLS = Path(__file__).resolve().parent
PAGE = TOOLS.parent / "docs" / "api-parity.md"
PLAN = TOOLS / "api_parity.toml"
REFERENCE = "cocoindex"
OURS = "cocoindex_sim"
LATER = "later"

Surface: TypeAlias = dict[str, Any]


class ParityError(Exception):
    """Something the comparison can't go on from; the text says what to do."""


@dataclass(frozen=True)
class Plan:
    """What is known of names that are not the same; keys are `cocoindex.module` or `cocoindex.module:Name.member`."""

    milestones: dict[str, str]
    internal: frozenset[str]
    constructors: frozenset[str]
    accepted: dict[str, str]
    skipped: dict[str, str]

    @staticmethod
    def load(path: Path) -> Plan:
        """Read the plan."""
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        milestones: dict[str, str] = {}
        for milestone, keys in data["milestones"].items():
            for key in keys:
                if key in milestones:
                    raise ParityError(f"{path.name}: {key!r} waits for {milestones[key]!r} and for {milestone!r}")
                milestones[key] = milestone
        return Plan(
            milestones=milestones,
            internal=frozenset(data["internal"]["names"]),
            constructors=frozenset(data["internal"]["constructors"]),
            accepted=data["accepted"],
            skipped=data["skipped"],
        )


@dataclass(frozen=True)
class Row:
    """One line of the page. `verdict` is the first word of `here`."""

    name: str
    reference: str
    here: str

    @property
    def verdict(self) -> str:
        """`same`, `differs`, `planned`, `later`, `internal` or `accepted`."""
        return self.here.partition(":")[0].partition(" ")[0]


class Comparison:
    """Walks the reference surface beside ours and remembers what it used of the plan."""

    def __init__(self, reference: Surface, ours: Surface, plan: Plan) -> None:
        self._reference = reference
        self._ours = ours
        self._plan = plan
        self._used: set[str] = set()
        self.unplanned: list[str] = []

    def modules(self) -> Iterator[tuple[str, list[Row] | str]]:
        """Each public module of the reference with its rows, or the one sentence there is to say about it."""
        for path, module in self._reference.items():
            name = _dotted(REFERENCE, path)
            if name in self._plan.skipped:
                self._used.add(name)
                yield name, f"Not compared: {self._plan.skipped[name]}."
            elif module["error"] is not None:
                self._present(path, name)
                yield name, f"Not inspected, because its extra is not installed. Here: {self._absent(name)}."
            elif module["names"]:
                yield name, list(self._module_rows(path, name))

    def unused(self) -> list[str]:
        """Keys of the plan that no name needed: already done, or misspelt."""
        plan = self._plan
        known = {*plan.milestones, *plan.internal, *plan.constructors, *plan.accepted, *plan.skipped}
        return sorted(known - self._used)

    def _present(self, path: str, name: str) -> bool:
        module = self._ours.get(path)
        return module is not None and module["error"] is None and bool(module["names"])

    def _module_rows(self, path: str, name: str) -> Iterator[Row]:
        theirs = self._reference[path]["names"]
        if not self._present(path, name) and name in self._plan.milestones:
            here = self._absent(name)
            yield from (Row(public, _text(entry), here) for public, entry in theirs.items())
            return
        ours = self._ours.get(path, {"names": {}})["names"]
        for public, entry in theirs.items():
            yield from self._rows(f"{name}:{public}", public, entry, ours.get(public))

    def _rows(self, key: str, name: str, theirs: Surface, ours: Surface | None) -> Iterator[Row]:
        yield Row(name, _text(theirs), self._verdict(key, theirs, ours))
        if ours is not None:
            for member, entry in theirs["members"].items():
                yield from self._rows(f"{key}.{member}", f"{name}.{member}", entry, ours["members"].get(member))

    def _verdict(self, key: str, theirs: Surface, ours: Surface | None) -> str:
        if ours is None:
            return self._absent(key)
        if theirs["kind"] == ours["kind"] and key in self._plan.constructors:
            self._used.add(key)
            return "same"
        if theirs["kind"] == ours["kind"] and theirs["signature"] in (ours["signature"], None):
            return "same"
        if key in self._plan.accepted:
            self._used.add(key)
            return f"accepted: `{_text(ours)}`, {self._plan.accepted[key]}"
        return f"differs: `{_text(ours)}`"

    def _absent(self, key: str) -> str:
        if key in self._plan.constructors:
            self._used.add(key)
        if key in self._plan.internal:
            self._used.add(key)
            return "internal to CocoIndex"
        if key not in self._plan.milestones:
            self.unplanned.append(key)
            return "differs: absent"
        self._used.add(key)
        milestone = self._plan.milestones[key]
        return LATER if milestone == LATER else f"planned for {milestone}"


def _dotted(package: str, path: str) -> str:
    return f"{package}.{path}" if path else package


def _text(entry: Surface) -> str:
    return " ".join(filter(None, (entry["kind"], entry["signature"])))


def inspect_package(python: str, package: str, *options: str) -> tuple[str, Surface]:
    """The version and the public surface of a package, as the given interpreter sees it."""
    run = subprocess.run(
        [python, str(TOOLS / "_api_surface.py"), package, *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COCOINDEX_DISABLE_USAGE_TRACKING": "1"},
    )
    if run.returncode != 0:
        raise ParityError(
            f"{python} could not inspect {package!r}: {run.stderr.strip().splitlines()[-1:]!r}; install it there"
            " (the extra `peer` brings the reference), or name another interpreter with --reference-python"
        )
    answer = json.loads(run.stdout)
    return answer["version"], answer["modules"]


def page_text(version: str, modules: list[tuple[str, list[Row] | str]]) -> str:
    """The page, from top to bottom."""
    counts = Counter(row.verdict for _, rows in modules if not isinstance(rows, str) for row in rows)
    lines = [
        "# API parity",
        "",
        f"Every public name of CocoIndex {version}, and what stands here in its place. Once",
        "`cocoindex_sim.alias.install()` was called, `import cocoindex` means this package, so the names are spelled",
        "alike.",
        "",
        "Written by `tools/api_parity.py`; do not edit. Signatures leave annotations out.",
        "",
        "* *same*: same kind, same parameters, same defaults; for classes only the engine constructs, same kind",
        "* *accepted*: differs, for the reason given",
        "* *planned for N*: comes with release N",
        "* *later*: no release is promised yet",
        "* *internal*: public by name, but of use only to CocoIndex's own code",
        "",
        "| verdict | names |",
        "|---|---|",
        *(f"| {verdict} | {count} |" for verdict, count in sorted(counts.items())),
    ]
    for name, rows in modules:
        lines += ["", f"## {name}", ""]
        if isinstance(rows, str):
            lines.append(rows)
            continue
        lines += [f"| name | CocoIndex {version} | here |", "|---|---|---|"]
        lines += (f"| `{row.name}` | `{_cell(row.reference)}` | {_cell(row.here)} |" for row in rows)
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description="Compare the public API with CocoIndex's.")
    parser.add_argument("--reference-python", default=sys.executable, metavar="PATH", help="has CocoIndex installed")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    parser.add_argument("--strict", action="store_true", help="as --check, and exit 1 when a signature differs")
    options = parser.parse_args(arguments)

    try:
        plan = Plan.load(PLAN)
        version, reference = inspect_package(options.reference_python, REFERENCE)
        _, ours = inspect_package(sys.executable, OURS, "all")
    except ParityError as error:
        print(error, file=sys.stderr)
        return 2
    comparison = Comparison(reference, ours, plan)
    modules = list(comparison.modules())
    problems = [
        *(f"{key!r} is absent and {PLAN.name} names no release for it" for key in comparison.unplanned),
        *(f"{key!r} is in {PLAN.name} but nothing needs it; remove it" for key in comparison.unused()),
    ]
    text = page_text(version, modules)
    if not (options.check or options.strict):
        PAGE.write_text(text, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != text:
        problems.append(f"{PAGE.name} is stale; run `python tools/api_parity.py` and commit it")
    if options.strict:
        differing = (
            (name, row)
            for name, rows in modules
            if not isinstance(rows, str)
            for row in rows
            if row.verdict == "differs"
        )
        problems += (f"{name}:{row.name} is {row.reference!r} there; here it {row.here}" for name, row in differing)
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
