"""YAML as nodes, or an error that says where it is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from ..values import ScenarioError
from ._node import Node
from ._plain_yaml import KINDS, Unusual, read_plainly

__all__ = ["read_wholly", "read_yaml"]

_ADVICE = {
    "expected <block end>": "begin all entries of a list or mapping in the same column",
    "mapping values are not allowed": "quote a value with a colon and a space in it",
    "undefined alias": "quote a value that begins with *",
}
"""What to do about common mistakes, by what the parser says of them."""


def read_yaml(text: str, path: Path) -> Node:
    """The root node of one YAML document.

    Raises: ScenarioError when it is not YAML, empty, or more than one document.
    """
    try:
        return read_plainly(text, path)
    except Unusual:
        return read_wholly(text, path)


def read_wholly(text: str, path: Path) -> Node:
    """The same, by a parser that knows all of YAML."""

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
        advice = next((f"; {advice}" for known, advice in _ADVICE.items() if known in problem), "")
        fail(f"not YAML: {problem}{context}{advice}", line, column)
    except ReaderError as error:
        before = text[: error.position]
        character = text[error.position : error.position + 1]
        fail(f"not YAML: the character {character!r} is not allowed", before.count("\n"), len(before.split("\n")[-1]))
    except YAMLError as error:
        raise ScenarioError(f"not YAML: {str(error).splitlines()[0]}", path=path) from None
    if root is None:
        raise ScenarioError("the file holds no scenario; write `app:` and `steps:`", path=path)
    return _node(root, path, frozenset())


def _node(raw: Any, path: Path, around: frozenset[int]) -> Node:
    line, column = raw.start_mark.line + 1, raw.start_mark.column + 1
    if isinstance(raw, ScalarNode):
        kind = KINDS.get(str(raw.tag), str(raw.tag))
        if kind == "null" and not raw.value:
            kind = "nothing"
        return Node(kind, raw.value, path, line, column)
    if id(raw) in around:
        raise ScenarioError("this is part of itself", path=path, line=line, column=column)
    around |= {id(raw)}
    if isinstance(raw, SequenceNode):
        return Node("list", [_node(item, path, around) for item in raw.value], path, line, column)
    assert isinstance(raw, MappingNode)
    entries = []
    for raw_key, raw_value in raw.value:
        key, value = _node(raw_key, path, around), _node(raw_value, path, around)
        if value.kind == "nothing":  # its mark is wherever the next token is, which may be lines below
            value = key.nothing()
        entries.append((key, value))
    return Node("mapping", entries, path, line, column)
