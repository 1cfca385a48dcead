"""What was expected beside what was: pure comparisons that give a sentence and the lines that show it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeVar

from ._story import STATS_FIELDS, Contains, Diff, Exactly, Failure, Matches, StatsExpectation, TargetExpectation

if TYPE_CHECKING:
    from ..engine import UpdateStats

__all__ = [
    "Difference",
    "Raised",
    "clipped",
    "compare_diff",
    "compare_error",
    "compare_raised",
    "compare_stats",
    "compare_targets",
    "content_problem",
    "diff_of",
    "entry_lines",
    "text_problem",
]

K = TypeVar("K", str, bytes, tuple[str, str])
V = TypeVar("V")

LINES_MAX = 40
"""How many lines of one file a difference shows."""


class Difference(NamedTuple):
    """One unmet expectation: a sentence without its full stop, and lines to show below it."""

    fact: str
    lines: list[str]


def clipped(lines: Sequence[str]) -> list[str]:
    """At most 40 lines; the last then says how many there are more."""
    more = len(lines) - LINES_MAX
    return list(lines) if more <= 0 else [*lines[:LINES_MAX], f"... {more} more lines"]


def entry_lines(
    wanted: Mapping[K, TargetExpectation],
    held: Mapping[K, V],
    *,
    named: Callable[[K], str],
    shown: Callable[[V], str],
    problem: Callable[[TargetExpectation, V], str],
) -> list[str]:
    """What is missing, extra and different among the entries of an external system, a line each.

    `named` and `shown`: how a key and a value are written; `problem`: what is wrong with a value, empty for nothing.
    """
    lines = [f"missing    {named(key)}" for key in sorted(wanted.keys() - held.keys())]
    lines += [f"extra      {named(key)} = {shown(held[key])}" for key in sorted(held.keys() - wanted.keys())]
    for key in sorted(wanted.keys() & held.keys()):
        wrong = problem(wanted[key], held[key])
        if wrong:
            lines.append(f"different  {named(key)} = {shown(held[key])}, {wrong}")
    return lines


def text_problem(expected: Contains | Matches, text: str) -> str:
    """What is wrong with a text, in a few words; empty for nothing."""
    if isinstance(expected, Contains):
        return "" if expected.text in text else f"expected to contain {expected.text!r}"
    return "" if re.search(expected.pattern, text) else f"expected to match {expected.pattern!r}"


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


def _content_lines(data: bytes) -> list[str]:
    text = _decoded(data)
    if text is None:
        return [repr(data)]
    lines = text.split("\n")
    if lines[-1]:
        lines.append("(no line break at the end)")
    else:
        lines.pop()
    return lines


def _content_diff(expected: bytes, actual: bytes) -> list[str]:
    diff = list(difflib.unified_diff(_content_lines(expected), _content_lines(actual), lineterm="", n=2))
    # The first two lines are file names; the sentence above has said them.
    return [line for line in diff[2:] if not line.startswith("@@")]


def content_problem(expected: TargetExpectation, actual: bytes) -> list[str]:
    """What is wrong with the content of a file, in lines that show it; none for nothing."""
    if isinstance(expected, Exactly):
        return [] if expected.data == actual else _content_diff(expected.data, actual)
    text = _decoded(actual)
    if text is None:
        return ["is not UTF-8 text:", *_content_lines(actual)]
    if isinstance(expected, Contains):
        problem = "" if expected.text in text else f"does not contain {expected.text!r}:"
    else:
        problem = "" if re.search(expected.pattern, text) else f"has nothing that matches {expected.pattern!r}:"
    return [problem, *("| " + line for line in _content_lines(actual))] if problem else []


def compare_targets(
    expected: Iterable[tuple[str, TargetExpectation]], actual: Mapping[str, bytes]
) -> Difference | None:
    """The target files against all that are expected: nothing missing, nothing extra, nothing different."""
    wanted = dict(expected)
    missing = sorted(wanted.keys() - actual.keys())
    extra = sorted(actual.keys() - wanted.keys())
    differing = {
        path: problem
        for path in sorted(wanted.keys() & actual.keys())
        if (problem := content_problem(wanted[path], actual[path]))
    }
    counts = [
        f"{len(paths)} {word}"
        for paths, word in ((missing, "missing"), (extra, "extra"), (differing, "different"))
        if paths
    ]
    if not counts:
        return None
    lines = [f"missing    {path}" for path in missing]
    lines += [f"extra      {path}" for path in extra]
    for path, problem in differing.items():
        lines += [f"different  {path}   (- expected, + actual)" if problem[0][:1] in "+- " else f"different  {path}"]
        lines += ["    " + line for line in clipped(problem)]
    return Difference(f"the target files are not as expected: {', '.join(counts)}", lines)


def diff_of(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> Diff:
    """What came, changed its content and went."""
    return Diff(
        added=frozenset(after.keys() - before.keys()),
        changed=frozenset(path for path in after.keys() & before.keys() if after[path] != before[path]),
        removed=frozenset(before.keys() - after.keys()),
    )


def compare_diff(expected: Diff, actual: Diff) -> Difference | None:
    """The difference since the last look against the expected one."""
    lines = []
    for kind in ("added", "changed", "removed"):
        wanted, got = getattr(expected, kind), getattr(actual, kind)
        lines += [f"{kind:<9}{path}   expected, but it was not" for path in sorted(wanted - got)]
        lines += [f"{kind:<9}{path}   not expected" for path in sorted(got - wanted)]
    return Difference("the target files did not change as expected", lines) if lines else None


def compare_stats(expected: Iterable[StatsExpectation], actual: UpdateStats | None) -> Difference | None:
    """The named counters of the last update against what they should be."""
    if actual is None:
        return Difference("the counters are not as expected", ["no update has run in this process"])
    lines = []
    for part in expected:
        name = "total" if part.component is None else part.component
        counters = actual.total if part.component is None else actual.by_component.get(part.component)
        if counters is None:
            near = get_close_matches(name, actual.by_component, 1)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            lines.append(f"{name}: no component of this name ran{meant}")
            lines += [f"  {ran} did" for ran in sorted(actual.by_component)]
            continue
        wrong = [
            f"{name}.{field}: expected {wanted}, was {getattr(counters, field)}"
            for field, wanted in part.counters
            if getattr(counters, field) != wanted
        ]
        if wrong:
            others = ", ".join(f"{field} {getattr(counters, field)}" for field in STATS_FIELDS)
            lines += [*wrong, f"  all of {name}: {others}"]
    return Difference("the counters are not as expected", lines) if lines else None


class Raised(Protocol):
    """An error by name: its class, that and its bases, and its text."""

    @property
    def type(self) -> str: ...
    @property
    def names(self) -> Collection[str]: ...
    @property
    def text(self) -> str: ...


class _Raised(NamedTuple):
    type: str
    names: Collection[str]
    text: str


def compare_error(expected: Failure, actual: BaseException | None) -> Difference | None:
    """The error of the last update or drop against the expected one."""
    if actual is None:
        return compare_raised(expected, None)
    names = {
        name for kind in type(actual).__mro__ for name in (kind.__name__, f"{kind.__module__}.{kind.__qualname__}")
    }
    return compare_raised(expected, _Raised(type(actual).__name__, names, str(actual)))


def compare_raised(expected: Failure, actual: Raised | None) -> Difference | None:
    """The same with an error that belongs to another process."""
    wanted = " ".join(
        part
        for part in (
            f"of type {expected.type}" if expected.type else "",
            f"matching {expected.matches!r}" if expected.matches else "",
        )
        if part
    )
    if actual is None:
        return Difference(f"nothing was raised; expected an error {wanted}", [])
    if (expected.type is None or expected.type in actual.names) and (
        expected.matches is None or re.search(expected.matches, actual.text)
    ):
        return None
    return Difference(
        f"another error was raised than expected: {actual.type}",
        [f"expected   {wanted}", *(f"raised     {line}" for line in actual.text.splitlines() or ["(no text)"])],
    )
