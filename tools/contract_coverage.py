"""Say which test holds which rule of the contract, and write `docs/contract-coverage.md`.

    python tools/contract_coverage.py [--check]

Rules are the rows of `docs/contract.md`; that page says how to read them. A test cites a rule by its id, or several by
a range (`TGT-11..14`) or by rows (`TGT-20 rows 12 and 13`), in its docstring, in a comment inside it or on its `def`
line, or in a comment right above it. A scenario cites in a comment inside it or right above it. Citations elsewhere, such
as in the docstring of a test file, must name rules that exist but count for no test.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
import tomllib
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

ROOT = Path(__file__).resolve().parent.parent
CONTRACT = "docs/contract.md"
PAGE = "docs/contract-coverage.md"
SCENARIO = ".coco.yaml"

# Looks like a rule and is none.
_NO_FAMILIES = {"UTF"}

_ID = re.compile(r"(?P<family>[A-Z]{2,5})-(?P<number>\d\d)(?:\.\.(?:(?P=family)-)?(?P<last>\d\d))?")
_CITATION = re.compile(
    rf"(?<![\w-]){_ID.pattern}(?![\w-])(?:,? rows? (?P<rows>\d+(?:\.\.\d+)?(?:(?:,| and|, and) \d+(?:\.\.\d+)?)*))?"
)
_HEADING = re.compile(r"## (?P<title>.+)")
_PLANNED = re.compile(r"planned: (?P<release>\d+\.\d+)")
_NOT_TAKEN = re.compile(r"not taken: \S")


class CoverageError(Exception):
    """Something in the contract or in a test file that can't be read; the text says where."""


class Rule(NamedTuple):
    """A rule, or one row of a rule that is a table. `status` is "planned: N", "not taken", or empty."""

    id: str
    title: str
    status: str


class Span(NamedTuple):
    """The lines of a test, its decorators included, and what it is called in its file."""

    first: int
    last: int
    name: str


class Note(NamedTuple):
    """A comment or docstring. `alone`: nothing else stands on its line."""

    line: int
    text: str
    alone: bool


class Citation(NamedTuple):
    """A rule named at a place. `test` is None where no test is near."""

    rule: str
    path: str
    line: int
    test: str | None


@dataclass(frozen=True)
class Coverage:
    """The rules, and the citations of them."""

    rules: list[Rule]
    citations: list[Citation]

    def tests(self, rule: Rule) -> list[tuple[str, str]]:
        """Path and name of each test that cites a rule, in order."""
        found = {(c.path, c.test) for c in self.citations if c.rule == rule.id and c.test is not None}
        return sorted(found)

    def problems(self, release: tuple[int, ...]) -> Iterator[str]:
        """What has to be put right before a release of that number, one sentence each."""
        known = {rule.id for rule in self.rules}
        known |= {rule_id.partition(" ")[0] for rule_id in known}
        for citation in self.citations:
            if citation.rule not in known:
                yield f"{citation.path}:{citation.line}: {citation.rule} is no rule of {CONTRACT}"
        for rule in self.rules:
            planned = _PLANNED.fullmatch(rule.status)
            if planned is not None and _numbers(planned["release"]) <= release[:2]:
                yield f"{rule.id} is planned for {planned['release']}, and this is {'.'.join(map(str, release))}"
            if not rule.status and not self.tests(rule):
                yield f"{rule.id} has no test"


def read_rules(text: str) -> list[Rule]:
    """The rules of the contract page, in its order. CoverageError for a row that can't be read or an id given twice."""
    rules: dict[str, Rule] = {}
    title, heading = "", ""
    for number, line in enumerate(text.splitlines(), 1):
        if (found := _HEADING.fullmatch(line)) is not None:
            title = found["title"]
        if not line.startswith("|"):
            heading = ""
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not heading:
            heading = cells[0]
        elif not set(line) <= set("|-: "):
            ids = _ids(cells[0]) if heading == "id" else [f"{heading} row {cells[0]}"]
            if not ids:
                raise CoverageError(f"{CONTRACT}:{number}: {cells[0]!r} is no id, such as CMP-07 or LIV-01..60")
            for rule_id in ids:
                if rule_id in rules:
                    raise CoverageError(f"{CONTRACT}:{number}: {rule_id} is there twice")
                rules[rule_id] = Rule(rule_id, title, _status(cells[-1], number))
    return list(rules.values())


def _status(cell: str, line: int) -> str:
    """What the last cell of a row says about when the rule holds."""
    if (planned := _PLANNED.fullmatch(cell)) is not None:
        return planned[0]
    if _NOT_TAKEN.match(cell):
        return "not taken"
    if cell.startswith(("planned", "not taken")):
        raise CoverageError(f"{CONTRACT}:{line}: write 'planned: 0.3' or 'not taken: why', not {cell!r}")
    return ""


def _ids(text: str) -> list[str]:
    found = _ID.fullmatch(text)
    return [] if found is None else list(_numbered(found))


def _numbered(found: re.Match[str]) -> Iterator[str]:
    first = int(found["number"])
    for number in range(first, int(found["last"] or first) + 1):
        yield f"{found['family']}-{number:02}"


def _numbers(release: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", release)[:3])


def cited(text: str) -> Iterator[str]:
    """The ids that a text cites, ranges and rows taken apart: "TGT-20 rows 12 and 13" are two."""
    for found in _CITATION.finditer(text):
        if found["family"] in _NO_FAMILIES:
            continue
        if found["rows"] is None:
            yield from _numbered(found)
            continue
        for row in re.finditer(r"(\d+)(?:\.\.(\d+))?", found["rows"]):
            for number in range(int(row[1]), int(row[2] or row[1]) + 1):
                yield f"{found['family']}-{found['number']} row {number}"


def read_tests(root: Path) -> list[Citation]:
    """Every citation in the tests and scenarios below a directory, by path and line."""
    citations: list[Citation] = []
    for path in sorted([*(root / "tests").rglob("*.py"), *(root / "tests").rglob(f"*{SCENARIO}")]):
        citations += _read_file(path, root)
    for path in sorted((root / "scenarios").rglob(f"*{SCENARIO}")):
        citations += _read_file(path, root)
    return citations


def _read_file(path: Path, root: Path) -> Iterator[Citation]:
    shown = path.relative_to(root).as_posix()
    text = path.read_text(encoding="utf-8")
    try:
        notes, tests = read_scenario(text) if path.name.endswith(SCENARIO) else read_python(text)
    except (SyntaxError, YAMLError) as error:
        raise CoverageError(f"{shown}: {error}") from error
    alone = {note.line for note in notes if note.alone}
    if not (path.name.startswith("test_") or path.name.endswith(SCENARIO)):
        tests = []
    for note in notes:
        test = _nearest(note, alone, tests)
        for rule in cited(note.text):
            yield Citation(rule, shown, note.line, test)


def _nearest(note: Note, alone: set[int], tests: list[Span]) -> str | None:
    """The test right below a comment that stands alone, else the innermost one around it."""
    if note.alone:
        below = note.line + 1
        while below in alone:
            below += 1
        for test in tests:
            if test.first == below:
                return test.name
    around = [test for test in tests if test.first <= note.line <= test.last]
    return max(around).name if around else None


def read_python(text: str) -> tuple[list[Note], list[Span]]:
    """The comments and docstrings of a test file, and its tests: functions, and names given to a `TestCase`."""
    tree = ast.parse(text)
    lines = text.splitlines()
    statements = sorted({node.lineno for node in _statements(tree)})
    notes = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            notes.append(Note(token.start[0], token.string, lines[token.start[0] - 1].lstrip().startswith("#")))
    tests = list(_tests(tree, ""))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            if docstring is not None:
                first = node.body[0].lineno
                notes += (Note(first + i, line, False) for i, line in enumerate(docstring.splitlines()))
    return [_moved(note, tests, statements, lines) for note in notes], tests


def _statements(tree: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a module and of its classes; a definition begins at its first decorator, as a test does."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt):
            yield ast.Pass(lineno=_first(node))
            if isinstance(node, ast.ClassDef):
                yield from _statements(node)


def _moved(note: Note, tests: list[Span], statements: list[int], lines: list[str]) -> Note:
    """A comment above the blank lines above a statement, moved down to it: section headings are written so."""
    if not note.alone or any(test.first <= note.line <= test.last for test in tests):
        return note
    index = bisect_left(statements, note.line)
    if index == len(statements):
        return note
    between = lines[note.line : statements[index] - 1]
    if all(not line.strip() or line.lstrip().startswith("#") for line in between):
        return note._replace(line=note.line)
    return note


def _tests(tree: ast.AST, prefix: str) -> Iterator[Span]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            yield from _tests(node, f"{prefix}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield Span(_first(node), node.end_lineno or node.lineno, prefix + node.name)
        elif isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name):
            if target.id.startswith("Test"):  # TestX = Machine.TestCase, of a state machine
                yield Span(node.lineno, node.end_lineno or node.lineno, prefix + target.id)


def _first(node: ast.stmt) -> int:
    decorators = getattr(node, "decorator_list", [])
    return min([node.lineno, *(decorator.lineno for decorator in decorators)])
