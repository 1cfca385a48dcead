"""What contract classes have found, as a table: for the terminal, and as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ._columns import COLUMNS
from ._session import Row

__all__ = ["TITLE", "Check", "conformance_lines", "conformance_page", "write_conformance"]

TITLE: Final = "Conformance"

_RESULTS: Final = {"passed": "kept", "failed": "broken", "skipped": "bypassed"}


@dataclass(frozen=True, slots=True)
class Check:
    """One check of a contract class: `told` is how it was tried, or why it was not."""

    where: str
    contract: str
    claim: str
    rules: str
    result: str
    told: str

    @classmethod
    def of(cls, row: Row) -> Check | None:
        """What a test told, if it is a check."""
        if "contract" not in row.told or row.outcome not in _RESULTS:
            return None
        where, _, name = row.nodeid.rpartition("::")
        result = _RESULTS[row.outcome]
        told = row.told.get("bypassed", "skipped") if result == "bypassed" else row.told.get("tried", "")
        claim = name.removeprefix("test_").replace("_", " ")
        return cls(where, str(row.told["contract"]), claim, str(row.told.get("rules", "")), result, str(told))


def _by_class(rows: Iterable[Row]) -> dict[str, list[Check]]:
    found: dict[str, list[Check]] = {}
    for row in rows:
        check = Check.of(row)
        if check is not None:
            found.setdefault(check.where, []).append(check)
    return {where: found[where] for where in sorted(found)}


def conformance_lines(rows: Iterable[Row]) -> list[str]:
    """The table for a terminal: a line for each contract class, and one for each check that it does not keep."""
    lines = []
    for where, checks in _by_class(rows).items():
        counts = ((sum(check.result == result for check in checks), result) for result in _RESULTS.values())
        parts = ", ".join(f"{count} {result}" for count, result in counts if count)
        tried = "; ".join(sorted({check.told for check in checks if check.told and check.result != "bypassed"}))
        lines += _wrapped(f"{where}, {checks[0].contract}: {parts}{f' ({tried})' if tried else ''}", "    ")
        for check in sorted(checks, key=lambda each: each.result != "broken"):
            if check.result != "kept":
                why = f": {check.told}" if check.result == "bypassed" else ""
                lines += _wrapped(f"  {check.result:8}  {check.claim} [{check.rules}]{why}", " " * 12)
    return lines


def conformance_page(rows: Iterable[Row], *, level: int = 2) -> list[str]:
    """All checks as lines of Markdown; a heading of this level for each contract class."""
    lines = []
    for where, checks in _by_class(rows).items():
        lines += ["", f"{'#' * level} `{where}`", "", f"Checked by `{checks[0].contract}`.", ""]
        lines += ["| check | rules | result |", "|---|---|---|"]
        for check in checks:
            between = ": " if check.result == "bypassed" else ", "
            result = f"**{check.result}**" if check.result == "broken" else check.result
            cells = (check.claim, check.rules.replace(" ", ", "), result + (between + check.told if check.told else ""))
            lines.append(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |")
    return lines


def write_conformance(rows: Iterable[Row], path: Path) -> None:
    """Write all checks to a Markdown file, whose directory is made."""
    path.write_text("\n".join([f"# {TITLE}", *conformance_page(rows)]) + "\n", "utf-8")


def _wrapped(line: str, indent: str) -> list[str]:
    return textwrap.wrap(line, COLUMNS, subsequent_indent=indent, break_on_hyphens=False)
