"""What a session comes to: a row for each test that tells of itself, a summary, and a report in a file.

What a test tells travels in its report's properties, so it also comes from the workers of pytest-xdist, and JUnit files
and the like have it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from ._colour import recolour
from ._options import OPTIONS, TABLE, Options

__all__ = ["SESSION", "Row", "SessionReport", "teller"]

_PREFIX = "coco_"


def teller(item: pytest.Item) -> Callable[[str, object], None]:
    """What a test tells of itself by; what is told again, as by a rerun, counts anew."""
    kept = [each for each in item.user_properties if not each[0].startswith(_PREFIX)]
    item.user_properties[:] = kept

    def tell(name: str, value: object) -> None:
        item.user_properties.append((_PREFIX + name, value))

    return tell


class Row(NamedTuple):
    """One test: what became of it, and what it told, by name: `runs`, `crashes`, `faults`, `oracle`, `replay`..."""

    nodeid: str
    outcome: str
    told: dict[str, object]


class SessionReport:
    """A plugin that collects the rows, in the process that the user has started; `sections` are for the file's end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.rows: dict[str, Row] = {}
        self.sections: list[tuple[str, list[str]]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what the test told."""
        recolour(report)
        told = {name.removeprefix(_PREFIX): value for name, value in report.user_properties if name[:5] == _PREFIX}
        if told and (report.when == "call" or report.outcome != "passed"):
            self.rows[report.nodeid] = Row(report.nodeid, report.outcome, told)

    def summary(self) -> str:
        """One line: how much was run; empty when nothing was."""
        rows = [row.told for row in self.rows.values() if "runs" in row.told]
        if not rows:
            return ""
        runs, crashes, faults = (sum(_number(row.get(name)) for row in rows) for name in ("runs", "crashes", "faults"))
        seed = self._config.stash[OPTIONS].seed
        what = f"{_counted(len(rows), 'scenario')} in {_counted(runs, 'run')}"
        return f"coco: {what}, {crashes} of them killed, {_counted(faults, 'fault')}; seed {seed}"

    def write(self) -> None:
        """Write the file of --coco-report, if it was asked for: JSON if its name ends so, and else Markdown."""
        options = self._config.stash[OPTIONS]
        path = options.report
        if path is None:
            return
        text = self._json(options) if path.suffix == ".json" else self._markdown(options)
        path.write_text(text, "utf-8")

    def _json(self, options: Options) -> str:
        content = {
            "options": {each.name: _plain(getattr(options, each.name)) for each in TABLE},
            "tests": [row._asdict() for row in self.rows.values()],
            "sections": dict(self.sections),
        }
        return json.dumps(content, indent=2) + "\n"

    def _markdown(self, options: Options) -> str:
        lines = ["# CocoIndex scenarios", "", "| option | value |", "|---|---|"]
        lines += [f"| {each.name} | {_cell(_plain(getattr(options, each.name)))} |" for each in TABLE]
        lines += ["", "| test | outcome | runs | killed | faults | what failed |", "|---|---|---|---|---|---|"]
        for row in self.rows.values():
            cells = [
                row.nodeid,
                row.outcome,
                *(row.told.get(name, "") for name in ("runs", "crashes", "faults", "verdict")),
            ]
            lines.append(f"| {' | '.join(map(_cell, cells))} |")
        replays = [(row.nodeid, row.told["replay"]) for row in self.rows.values() if "replay" in row.told]
        if replays:
            lines += ["", "## Failures", ""]
            lines += [f"* {_cell(nodeid)}: `{replay}`" for nodeid, replay in replays]
        for title, section in self.sections:
            lines += ["", f"## {title}", "", *section]
        return "\n".join(lines) + "\n"


SESSION = pytest.StashKey[SessionReport]()


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value) if isinstance(value, Path) else value


def _cell(value: object) -> str:
    text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")
