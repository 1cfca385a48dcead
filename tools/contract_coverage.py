"""Say which test holds which rule of the contract, and write `docs/contract-coverage.md`.

    python tools/contract_coverage.py [--check] [--open FAMILY ...]

Rules are the rows of `docs/contract.md`; that page says how to read them. A test cites a rule by its id, or several by
a range (`TGT-11..14`) or by rows (`TGT-20 rows 12 and 13`), in its docstring, in a comment inside it or on its `def`
line, or in a comment right above it; a scenario in a comment inside or right above it. Citations elsewhere, such as in
the docstring of a test file, must name rules that exist but count for no test.

Of the families that `--open` names, rules without a test are listed and are no failure: work on them is going on.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import sys
import tokenize
import tomllib
from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Iterator
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
    """A rule, or one row of a rule that is a table. `status` is "planned: N", "later", "not taken", or empty."""

    id: str
    title: str
    status: str

    @property
    def family(self) -> str:
        """The letters of its id."""
        return self.id.partition("-")[0]


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

    def untested(self) -> list[Rule]:
        """The rules that hold now and that no test cites."""
        return [rule for rule in self.rules if not rule.status and not self.tests(rule)]

    def problems(self, release: tuple[int, ...], open_families: Collection[str] = ()) -> Iterator[str]:
        """What has to be put right before a release of that number, one sentence each.

        `open_families`: those whose rules may be without a test.
        """
        known = {rule.id for rule in self.rules}
        known |= {rule_id.partition(" ")[0] for rule_id in known}
        for citation in self.citations:
            if citation.rule not in known:
                yield f"{citation.path}:{citation.line}: {citation.rule} is no rule of {CONTRACT}"
        for rule in self.rules:
            planned = _PLANNED.fullmatch(rule.status)
            if planned is not None and _numbers(planned["release"]) <= release[:2]:
                yield f"{rule.id} is planned for {planned['release']}, and this is {'.'.join(map(str, release))}"
        for rule in self.untested():
            if rule.family not in open_families:
                yield f"{rule.id} has no test"


def read_rules(text: str) -> list[Rule]:
    """The rules of the contract page, in its order. CoverageError for a row that can't be read or an id given twice."""
    rules: dict[str, Rule] = {}
    title, heading, width = "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if (found := _HEADING.fullmatch(line)) is not None:
            title = found["title"]
        if not line.startswith("|"):
            heading = ""
            continue
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if not heading:
            heading, width = cells[0], len(cells)
        elif len(cells) != width:
            raise CoverageError(f"{CONTRACT}:{number}: {len(cells)} cells in a table of {width}; is there a bare '|'?")
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
    if cell == "later":
        return cell
    if cell.startswith(("planned", "not taken", "later")):
        raise CoverageError(f"{CONTRACT}:{line}: write 'planned: 0.3', 'later' or 'not taken: why', not {cell!r}")
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
    if path.suffix == ".py" and not path.name.startswith("test_"):
        tests = []
    skipped = {note.line for note in notes if note.alone}
    skipped |= {number for number, line in enumerate(text.splitlines(), 1) if not line.strip()}
    for note in notes:
        test = _nearest(note, tests, skipped)
        for rule in cited(note.text):
            # A scenario that is alone in its file may go by the file's name.
            yield Citation(rule, shown, note.line, path.name.removesuffix(SCENARIO) if test == "" else test)


def _nearest(note: Note, tests: list[Span], skipped: set[int]) -> str | None:
    """The test around a note; of one that stands alone outside of all, the test right below."""
    for test in tests:
        if test.first <= note.line <= test.last:
            return test.name
    below = note.line + 1
    while below in skipped:
        below += 1
    return next((test.name for test in tests if note.alone and test.first == below), None)


def read_python(text: str) -> tuple[list[Note], list[Span]]:
    """The comments and docstrings of a test file, and its tests."""
    tree = ast.parse(text)
    lines = text.splitlines()
    notes = [
        Note(token.start[0], token.string, token.line.lstrip().startswith("#"))
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            if docstring is not None:
                first = node.body[0].lineno
                notes += (Note(first + n, line, False) for n, line in enumerate(docstring.splitlines()))
    return sorted(notes), list(_tests(tree, lines, ""))


def _tests(tree: ast.AST, lines: list[str], prefix: str) -> Iterator[Span]:
    """Test functions, those of test classes too, and `TestX = Machine.TestCase`, which a state machine ends with."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if node.name.startswith("test"):
                yield _span(node, lines, prefix + node.name)
        elif isinstance(node, ast.ClassDef):
            if node.name.startswith("Test"):
                yield from _tests(node, lines, f"{prefix}{node.name}::")
        elif isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name):
            if target.id.startswith("Test"):
                yield _span(node, lines, prefix + target.id)
        elif isinstance(node, ast.stmt):
            yield from _tests(node, lines, prefix)


def _span(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Assign, lines: list[str], name: str) -> Span:
    decorators = [] if isinstance(node, ast.Assign) else node.decorator_list
    last = node.end_lineno or node.lineno
    # The tree ends with the last statement; comments below it, as far in, are still of the test.
    for number in range(last + 1, len(lines) + 1):
        line = lines[number - 1]
        text = line.lstrip()
        if text and not (text.startswith("#") and len(line) - len(text) > node.col_offset):
            break
        last = number if text else last
    return Span(min([node.lineno, *(decorator.lineno for decorator in decorators)]), last, name)


def read_scenario(text: str) -> tuple[list[Note], list[Span]]:
    """The comments of a scenario file, and its scenarios."""
    root = YAML(typ="safe", pure=True).compose(text)
    scalars = [] if root is None else sorted(_scalars(root))
    starts = [first for first, _ in scalars]
    notes = []
    for found in re.finditer(r"(?:^|(?<=\s))#.*", text, re.MULTILINE):
        nearest = bisect_right(starts, found.start()) - 1
        if nearest < 0 or scalars[nearest][1] <= found.start():
            before = text[: found.start()]
            notes.append(Note(before.count("\n") + 1, found[0], not before.rpartition("\n")[2].strip()))
    return notes, [] if root is None else list(_scenarios(root, text))


def _scalars(node: Node) -> Iterator[tuple[int, int]]:
    """Where in the text each scalar begins and ends: a `#` in there is no comment."""
    if isinstance(node, ScalarNode):
        yield node.start_mark.index, node.end_mark.index
    elif isinstance(node, SequenceNode):
        for item in node.value:
            yield from _scalars(item)
    elif isinstance(node, MappingNode):
        for pair in node.value:
            for item in pair:
                yield from _scalars(item)


def _scenarios(root: Node, text: str) -> Iterator[Span]:
    fields = _fields(root)
    listed = fields.get("scenarios")
    for node in listed.value if isinstance(listed, SequenceNode) else [root]:
        name = _fields(node).get("name")
        # A mapping ends where the next token begins, with comments between; its last scalar ends in it.
        last = max(_scalars(node), default=(0, 0))[1]
        ends = text[:last].rstrip().count("\n") + 1
        yield Span(node.start_mark.line + 1, ends, str(name.value) if isinstance(name, ScalarNode) else "")


def _fields(node: Node) -> dict[str, Node]:
    if not isinstance(node, MappingNode):
        return {}
    return {key.value: value for key, value in node.value if isinstance(key, ScalarNode)}


def page_text(coverage: Coverage) -> str:
    """The page, from top to bottom."""
    counts = Counter(rule.status or ("tested" if coverage.tests(rule) else "not tested") for rule in coverage.rules)
    lines = [
        "# Contract coverage",
        "",
        "Which test holds which rule of the [contract](contract.md). Written by `tools/contract_coverage.py`; do not",
        "edit.",
        "",
        "| | rules |",
        "|---|---|",
        *(f"| {word} | {count} |" for word, count in sorted(counts.items())),
    ]
    title = ""
    for rule in coverage.rules:
        if rule.title != title:
            title = rule.title
            lines += ["", f"## {title}", "", "| id | tests |", "|---|---|"]
        links = [f"[{_cell(f'{path}::{name}')}](../{path})" for path, name in coverage.tests(rule)]
        cell = "<br>".join([*filter(None, [rule.status]), *links]) or "**none**"
        lines.append(f"| {rule.id} | {cell} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([|\[\]])", r"\\\1", text)


def main(arguments: list[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description="Say which test holds which rule of the contract.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is stale")
    parser.add_argument("--open", nargs="+", default=[], metavar="FAMILY", help="rules that may be without a test")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="PATH", help="the checkout to look at")
    options = parser.parse_args(arguments)
    root: Path = options.root

    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    try:
        coverage = Coverage(read_rules((root / CONTRACT).read_text(encoding="utf-8")), read_tests(root))
    except CoverageError as error:
        print(error, file=sys.stderr)
        return 2
    problems = list(coverage.problems(_numbers(project["version"]), options.open))
    waiting = [rule.id for rule in coverage.untested() if rule.family in options.open]
    if waiting:
        print(f"{len(waiting)} rules without a test, not counted: {' '.join(waiting)}")
    text = page_text(coverage)
    page = root / PAGE
    if not options.check:
        page.write_text(text, encoding="utf-8")
    elif not page.is_file() or page.read_text(encoding="utf-8") != text:
        problems.append(f"{PAGE} is stale; run `python tools/contract_coverage.py` and commit it")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
