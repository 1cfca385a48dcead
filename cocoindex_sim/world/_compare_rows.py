"""The rows of the external targets beside those that were expected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..fakes.targets import JournalTarget
from ..values import key_text
from ._compare import Difference, entry_lines, text_problem
from ._journal_rows import MIRROR
from ._story import Exactly, TargetExpectation

__all__ = ["compare_rows", "row_problem", "texts_of_rows"]


def compare_rows(
    expected: Iterable[tuple[str, str, TargetExpectation]], actual: Mapping[str, JournalTarget]
) -> Difference | None:
    """All rows of all targets against all that are expected: nothing missing, nothing extra, nothing different.

    A key that is no text is expected by its text in paths, a value that is none by its `repr`.
    """
    wanted = {(target, key): content for target, key, content in expected}
    lines = entry_lines(wanted, texts_of_rows(actual), named=_named, shown=repr, problem=row_problem)
    return Difference("the rows are not as expected", lines) if lines else None


def texts_of_rows(targets: Mapping[str, JournalTarget]) -> dict[tuple[str, str], str]:
    """All rows of all targets: by target and key the value, as they are expected."""
    return {
        (target.name, key if isinstance(key, str) else key_text(key)): _text(value)
        for target in targets.values()
        for key, value in target.rows.items()
    }


def _named(row: tuple[str, str]) -> str:
    target, key = row
    return repr(key) if target == MIRROR else f"{key!r} of {target!r}"


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return repr(value)
    return value if isinstance(value, str) else repr(value)


def row_problem(expected: TargetExpectation, actual: str) -> str:
    """What is wrong with a row, in a few words; empty for nothing."""
    if isinstance(expected, Exactly):
        wanted = _text(expected.data)
        return "" if wanted == actual else f"expected {wanted!r}"
    return text_problem(expected, actual)
