"""What is written, and where: values with their places, whatever they were read from."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, NoReturn

from ..values import ScenarioError
from ..world import Place
from ._duration import duration_text

__all__ = ["Node", "one_of", "plain_node"]

_KINDS: Final[dict[str, str]] = {
    "mapping": "a mapping",
    "list": "a list",
    "number": "a number",
    "truth": "a truth value",
    "binary": "binary data",
    "null": "nothing",
}
_TEXTS: Final = frozenset(("text", "null", "truth", "number"))


def one_of(found: str, known: Iterable[str], meant: Mapping[str, str] | None = None) -> str:
    """The tail of an error about an unknown name: the nearest known one, then all of them.

    `meant`: by names that people try, those that say it here.
    """
    names = list(known)
    near = [meant[found]] if meant and found in meant else get_close_matches(found, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(names)}" if names else hint


class Node:
    """One value and the place it is written at.

    `kind`: mapping, list, text, number, truth, binary, null (a spelled one), nothing, or the tag of something else.
    `value`: the entries of a mapping (key, value), the items of a list, the spelling of anything else. A scalar keeps
    its spelling, so where text is expected, `1.0`, `yes` and `2024-01-01` are the text as written.
    """

    __slots__ = ("column", "kind", "line", "path", "value")

    def __init__(self, kind: str, value: Any, path: Path, line: int = 0, column: int = 0) -> None:
        self.kind = kind
        self.value = value
        self.path = path
        self.line = line
        self.column = column

    @property
    def place(self) -> Place:
        """Where this is written."""
        return Place(self.path, self.line, self.column)

    def fail(self, fact: str) -> NoReturn:
        """Raise a ScenarioError at this place."""
        raise ScenarioError(fact, path=self.path, line=self.line, column=self.column)

    def found(self) -> str:
        """What is written here, for the end of a sentence."""
        if self.kind == "nothing":
            return "nothing"
        what = _KINDS.get(self.kind, self.kind)
        return what if self.kind in ("mapping", "list") else f"{self.value!r} ({what})"

    @property
    def is_nothing(self) -> bool:
        """Whether no value is written here."""
        return self.kind == "nothing"

    def nothing(self) -> Node:
        """The missing value at this place."""
        return Node("nothing", "", self.path, self.line, self.column)

    @property
    def is_mapping(self) -> bool:
        """Whether this is a mapping."""
        return self.kind == "mapping"

    @property
    def is_list(self) -> bool:
        """Whether this is a list."""
        return self.kind == "list"

    def entries(self, expected: str) -> list[tuple[str, Node, Node]]:
        """Name, key and value of each entry of a mapping; `expected` completes "expected ..."."""
        if self.kind != "mapping":
            self.fail(f"expected {expected}, found {self.found()}")
        entries: list[tuple[str, Node, Node]] = []
        lines: dict[str, int] = {}
        for key, value in self.value:
            name = key.text("a name")
            if name in lines:
                key.fail(f"{name!r} is here twice; the first is on line {lines[name]}")
            lines[name] = key.line
            entries.append((name, key, value))
        return entries

    def fields(self, expected: str, known: Sequence[str], what: str) -> dict[str, Node]:
        """The entries of a mapping whose keys are from a closed list; `what` names one of them in errors."""
        fields: dict[str, Node] = {}
        for name, key, value in self.entries(expected):
            if name not in known:
                key.fail(f"unknown {what} {name!r}; {one_of(name, known)}")
            fields[name] = value
        return fields

    def items(self, expected: str) -> list[Node]:
        """The items of a list."""
        if self.kind != "list":
            self.fail(f"expected {expected}, found {self.found()}")
        return list(self.value)

    def text(self, expected: str) -> str:
        """Text, with a plain scalar as it is spelled. `""` has to be written out."""
        if self.kind not in _TEXTS:
            hint = '; write "" for empty text' if self.is_nothing else ""
            self.fail(f"expected {expected}, found {self.found()}{hint}")
        return str(self.value)

    def content(self, expected: str) -> bytes:
        """Text as UTF-8, or the bytes of a `!!binary` scalar."""
        if self.kind == "binary":
            if isinstance(self.value, bytes):
                return self.value
            try:
                return base64.b64decode("".join(self.value.split()), validate=True)
            except binascii.Error as error:
                self.fail(f"{self.value!r} is not base64: {error}")
        return self.text(expected).encode()

    def whole_number(self, expected: str, minimum: int) -> int:
        """A whole number that is not quoted."""
        if self.kind != "number" or not re.fullmatch(r"[+-]?[0-9]+", self.value):
            self.fail(f"expected {expected}, found {self.found()}")
        number = int(self.value)
        if number < minimum:
            self.fail(f"expected {expected}, found {number}; the least is {minimum}")
        return number

    def truth(self, expected: str) -> bool:
        """`true` or `false`."""
        if self.kind != "truth":
            self.fail(f"expected {expected}, found {self.found()}; write true or false")
        return str(self.value).lower() == "true"

    def python_value(self) -> Any:
        """What this is in Python: text, a number, a truth value, bytes, None, a list, or a dict with text for keys."""
        if self.kind == "mapping":
            return {name: value.python_value() for name, _, value in self.entries("a mapping")}
        if self.kind == "list":
            return [item.python_value() for item in self.value]
        if self.kind == "number":
            return _number(self.value)
        if self.kind == "truth":
            return self.truth("true or false")
        if self.kind in ("nothing", "null"):
            return None
        return self.content("a value") if self.kind == "binary" else self.text("a value")


def _number(text: str) -> int | float:
    plain = text.replace("_", "")
    try:
        return int(plain) if re.fullmatch(r"[+-]?[0-9]+", plain) else int(plain, 0)
    except ValueError:
        return float(plain.lower().replace(".inf", "inf").replace(".nan", "nan"))


def plain_node(value: object, path: Path, line: int = 0) -> Node:
    """The node of a value made in Python: None is nothing, a timedelta its text; all of it is at one place.

    Raises: ScenarioError for a value that can't be written in a scenario file.
    """
    if value is None:
        return Node("nothing", "", path, line)
    if isinstance(value, bool):
        return Node("truth", str(value).lower(), path, line)
    if isinstance(value, int | float):
        return Node("number", str(value), path, line)
    if isinstance(value, str):
        return Node("text", value, path, line)
    if isinstance(value, bytes):
        return Node("binary", value, path, line)
    if isinstance(value, timedelta):
        return Node("text", duration_text(value), path, line)
    if isinstance(value, Mapping):
        entries = [(plain_node(key, path, line), plain_node(item, path, line)) for key, item in value.items()]
        return Node("mapping", entries, path, line)
    if isinstance(value, Sequence | frozenset | set):
        items = sorted(value) if isinstance(value, frozenset | set) else value
        return Node("list", [plain_node(item, path, line) for item in items], path, line)
    raise ScenarioError(f"{value!r} can't be part of a scenario: it is a {type(value).__name__}", path=path, line=line)
