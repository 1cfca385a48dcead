"""Reading YAML by schema: each accessor gives a value of the expected kind, or an error with file, line and column."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ..values import ScenarioError
from ..world import Place

__all__ = ["Node", "one_of", "read_yaml"]

_CORE = "tag:yaml.org,2002:"
_PLAIN_TAGS = frozenset(_CORE + kind for kind in ("str", "null", "bool", "int", "float", "timestamp", "merge", "value"))
_KINDS = {
    _CORE + "null": "nothing",
    _CORE + "bool": "a truth value",
    _CORE + "int": "a number",
    _CORE + "float": "a number",
    _CORE + "binary": "binary data",
}


def one_of(found: str, known: Iterable[str]) -> str:
    """The tail of an error about an unknown name: the nearest known one, then all of them."""
    names = list(known)
    near = get_close_matches(found, names, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}known: {', '.join(names)}" if names else hint


class Node:
    """One YAML value and the place it is written at.

    A plain scalar keeps its spelling: where text is expected, `1.0`, `yes` and `2024-01-01` are the text as written.
    """

    __slots__ = ("_node", "_path", "place")

    def __init__(self, node: Any, path: Path, place: Place | None = None) -> None:
        mark = node.start_mark
        self._node = node
        self._path = path
        self.place = place or Place(path, mark.line + 1, mark.column + 1)

    def fail(self, fact: str) -> NoReturn:
        """Raise a ScenarioError at this place."""
        raise ScenarioError(fact, path=self._path, line=self.place.line, column=self.place.column)

    def found(self) -> str:
        """What is written here, for the end of a sentence."""
        node = self._node
        if isinstance(node, MappingNode):
            return "a mapping"
        if isinstance(node, SequenceNode):
            return "a list"
        if self.is_nothing:
            return "nothing"
        return f"{node.value!r} ({self._kind()})"

    def _kind(self) -> str:
        tag = self._node.tag
        return _KINDS.get(tag, "text" if tag in _PLAIN_TAGS else str(tag))

    @property
    def is_nothing(self) -> bool:
        """Whether no value is written here."""
        return isinstance(self._node, ScalarNode) and self._node.tag == _CORE + "null" and not self._node.value

    def nothing(self) -> Node:
        """The missing value at this place."""
        mark = self._node.start_mark
        return Node(ScalarNode(_CORE + "null", "", mark, mark), self._path, self.place)

    @property
    def is_mapping(self) -> bool:
        """Whether this is a mapping."""
        return isinstance(self._node, MappingNode)

    @property
    def is_list(self) -> bool:
        """Whether this is a list."""
        return isinstance(self._node, SequenceNode)

    @property
    def is_whole_number(self) -> bool:
        """Whether this is an unquoted whole number."""
        return isinstance(self._node, ScalarNode) and self._node.tag == _CORE + "int"

    def entries(self, expected: str) -> list[tuple[str, Node, Node]]:
        """Name, key and value of each entry of a mapping; `expected` completes "expected ..."."""
        if not isinstance(self._node, MappingNode):
            self.fail(f"expected {expected}, found {self.found()}")
        entries: list[tuple[str, Node, Node]] = []
        lines: dict[str, int] = {}
        for raw_key, raw_value in self._node.value:
            key = Node(raw_key, self._path)
            name = key.text("a name")
            if name in lines:
                key.fail(f"{name!r} is here twice; the first is on line {lines[name]}")
            lines[name] = key.place.line
            value = Node(raw_value, self._path)
            # The mark of a missing value is wherever the next token is, which may be lines below.
            entries.append((name, key, Node(raw_value, self._path, key.place) if value.is_nothing else value))
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
        if not isinstance(self._node, SequenceNode):
            self.fail(f"expected {expected}, found {self.found()}")
        return [Node(item, self._path) for item in self._node.value]

    def text(self, expected: str) -> str:
        """Text, with a plain scalar as it is spelled. `""` has to be written out."""
        if not isinstance(self._node, ScalarNode) or self.is_nothing or self._node.tag not in _PLAIN_TAGS:
            hint = '; write "" for empty text' if self.is_nothing else ""
            self.fail(f"expected {expected}, found {self.found()}{hint}")
        return str(self._node.value)

    def content(self, expected: str) -> bytes:
        """Text as UTF-8, or the bytes of a `!!binary` scalar."""
        if isinstance(self._node, ScalarNode) and self._node.tag == _CORE + "binary":
            try:
                return base64.b64decode("".join(self._node.value.split()), validate=True)
            except binascii.Error as error:
                self.fail(f"{self._node.value!r} is not base64: {error}")
        return self.text(expected).encode()

    def whole_number(self, expected: str, minimum: int) -> int:
        """A whole number that is not quoted."""
        if not self.is_whole_number or not re.fullmatch(r"[+-]?[0-9]+", self._node.value):
            self.fail(f"expected {expected}, found {self.found()}")
        number = int(self._node.value)
        if number < minimum:
            self.fail(f"expected {expected}, found {number}; the least is {minimum}")
        return number

    def truth(self, expected: str) -> bool:
        """`true` or `false`."""
        if not isinstance(self._node, ScalarNode) or self._node.tag != _CORE + "bool":
            self.fail(f"expected {expected}, found {self.found()}; write true or false")
        return str(self._node.value).lower() == "true"

    def pattern(self, expected: str) -> str:
        """A regular expression that compiles."""
        text = self.text(expected)
        try:
            re.compile(text)
        except re.error as error:
            self.fail(f"{text!r} is not a regular expression: {error}")
        return text


def read_yaml(text: str, path: Path) -> Node:
    """The root node of one YAML document.

    Raises: ScenarioError when it is not YAML, empty, or more than one document.
    """

    def fail(fact: str, line: int, column: int) -> NoReturn:
        raise ScenarioError(fact, path=path, line=line + 1, column=column + 1)

    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        problem = str(error.problem or "unreadable")
        if "'\\t'" in problem:
            fail("a tab can't start anything in YAML; indent with spaces", line, column)
        if "another document" in problem:
            fail("a second document begins here; list several scenarios under `scenarios:`", line, column)
        context = f" {error.context}" if error.context else ""
        fail(f"not YAML: {problem}{context}", line, column)
    except ReaderError as error:
        before = text[: error.position]
        character = text[error.position : error.position + 1]
        fail(f"not YAML: the character {character!r} is not allowed", before.count("\n"), len(before.split("\n")[-1]))
    except YAMLError as error:
        raise ScenarioError(f"not YAML: {str(error).splitlines()[0]}", path=path) from None
    if root is None:
        raise ScenarioError("the file holds no scenario; write `app:` and `steps:`", path=path)
    return Node(root, path)
