"""The YAML that people write in scenario files, read in a tenth of the time that a whole YAML parser takes.

Block mappings and lists, scalars and flow collections on one line, literal and simple folded blocks, anchors, comments.
Whatever goes beyond that,
and whatever may be wrong, is left to the whole parser by `Unusual`; what is read here is read as that would.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML
from ruamel.yaml.nodes import ScalarNode

from ._node import Node

__all__ = ["KINDS", "Unusual", "read_plainly"]

_CORE: Final = "tag:yaml.org,2002:"
KINDS: Final = {_CORE + kind: "text" for kind in ("str", "timestamp", "merge", "value")} | {
    _CORE + "null": "null",
    _CORE + "bool": "truth",
    _CORE + "int": "number",
    _CORE + "float": "number",
    _CORE + "binary": "binary",
}
"""The kinds of nodes by YAML's tags."""

_STRANGE: Final = re.compile(r"[^\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_DOCUMENT: Final = re.compile(r"^(?:---|\.\.\.)", re.MULTILINE)
_INDICATORS: Final = frozenset("-?:,[]{}#&*!|>'\"%@`")
_MAY_MEAN: Final = frozenset("-+0123456789.~nNtTfFyYoO=<")
_QUOTED: Final = re.compile(r'"((?:[^"\\]|\\[nt"\\/])*)"|\'((?:[^\']|\'\')*)\'')
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n", "t": "\t"}
_FLOW_PLAIN: Final = re.compile(r"(?:[^\s\-?:,\[\]{}#&*!|>'\"%@`]|-(?=[^\s,\[\]{}\-]))[^,\[\]{}:#]*")
_ANCHOR: Final = re.compile(r"&([A-Za-z0-9_-]+)(?: +|$)")
_ALIAS: Final = re.compile(r"\*([A-Za-z0-9_-]+)(?=[ ,\]}]|$)")
_KEY_CHARS_MAX: Final = 1_000

_resolver: Final = YAML(typ="safe", pure=True).resolver


class Unusual(Exception):
    """This is not as plain as what is read here."""


@lru_cache(maxsize=4096)
def _kind(text: str) -> str:
    return KINDS.get(str(_resolver.resolve(ScalarNode, text, (True, False))), "text")


def read_plainly(text: str, path: Path) -> Node:
    """The root node of one YAML document. Raises Unusual when the whole parser has to read it."""
    text = text.replace("\r\n", "\n")
    if _STRANGE.search(text) or _DOCUMENT.search(text):
        raise Unusual
    reader = _Reader(text, path)
    root = reader.block(-1)
    if not reader.at_end:
        raise Unusual
    return root


class _Reader:
    def __init__(self, text: str, path: Path) -> None:
        self._path = path
        self._raw = text.split("\n")
        # Number, indent and text of each line that says something; of what is in literal blocks too.
        self._lines = [
            (number, len(line) - len(said), said)
            for number, line in enumerate(self._raw)
            if (said := line.lstrip(" ")) and said[0] != "#"
        ]
        self._at = 0
        self._anchors: dict[str, Node] = {}

    @property
    def at_end(self) -> bool:
        """Whether there is nothing more."""
        return self._at == len(self._lines)

    def block(self, above: int, *, list_may_stand_there: bool = False) -> Node:
        """The mapping or list that begins on the present line, which is indented more than `above`."""
        if self.at_end:
            raise Unusual
        number, indent, said = self._lines[self._at]
        is_list = said == "-" or said.startswith("- ")
        if indent < above or (indent == above and not (is_list and list_may_stand_there)):
            raise Unusual
        if is_list:
            return self._list(number, indent)
        return self._mapping(number, indent)

    def _list(self, number: int, indent: int) -> Node:
        items: list[Node] = []
        node = Node("list", items, self._path, number + 1, indent + 1)
        while not self.at_end:
            number, here, said = self._lines[self._at]
            if here != indent or not (said == "-" or said.startswith("- ")):
                break
            rest = said[1:].lstrip(" ")
            column = here + len(said) - len(rest)
            if not rest or rest[0] == "#":
                raise Unusual
            if self._has_key(rest):
                # The rest of the line is the first entry of a mapping that is indented so far.
                self._lines[self._at] = (number, column, rest)
                items.append(self._mapping(number, column))
            else:
                items.append(self._value(rest, number, column, here))
        self._refuse_deeper(indent)
        return node

    def _mapping(self, number: int, indent: int) -> Node:
        entries: list[tuple[Node, Node]] = []
        node = Node("mapping", entries, self._path, number + 1, indent + 1)
        while not self.at_end:
            number, here, said = self._lines[self._at]
            if here != indent:
                break
            key, end = self._key(said, number, here)
            rest = said[end:].lstrip(" ")
            column = here + len(said) - len(rest)
            if rest and rest[0] != "#":
                value = self._value(rest, number, column, indent)
            else:
                self._at += 1
                value = self._below(indent) or key.nothing()
            entries.append((key, value))
        self._refuse_deeper(indent)
        return node

    def _below(self, indent: int) -> Node | None:
        """What stands on the lines after a key that has nothing beside it."""
        if self.at_end:
            return None
        _, here, said = self._lines[self._at]
        if here > indent or (here == indent and (said == "-" or said.startswith("- "))):
            return self.block(indent, list_may_stand_there=True)
        return None

    def _refuse_deeper(self, indent: int) -> None:
        if not self.at_end and self._lines[self._at][1] > indent:
            raise Unusual

    def _has_key(self, said: str) -> bool:
        if said[0] in "\"'":
            quoted = _QUOTED.match(said)
            return quoted is not None and said[quoted.end() : quoted.end() + 1] == ":"
        if said[0] in "[{|>&*":
            return False
        before, comment, _ = said.partition(" #")
        if comment:
            before = before.rstrip(" ")
        return ": " in before or before.endswith(":")

    def _key(self, said: str, number: int, column: int) -> tuple[Node, int]:
        if said[0] in "\"'":
            node, end = self._quoted(said, 0, number, column)
            if said[end : end + 2] not in (": ", ":"):
                raise Unusual
            return node, end + 1
        end = said.find(": ")
        if end < 0:
            before = said.partition(" #")[0].rstrip(" ")
            if not before.endswith(":") or before != said:
                raise Unusual
            end = len(said) - 1
        text = said[:end]
        if not text or text[-1] == " " or " #" in text or end > _KEY_CHARS_MAX or text.endswith(":"):
            raise Unusual
        return self._plain(text, number, column), end + 1

    def _value(self, said: str, number: int, column: int, indent: int) -> Node:
        """A value that begins on the present line, in a block that is indented by `indent`."""
        first = said[0]
        if first == "&":
            return self._anchored(said, number, column, indent)
        if first == "*":
            node, end = self._alias(said, 0)
            self._end_line(said, end, indent)
            return node
        if first in "|>":
            return self._literal(said, number, column, indent)
        if first in "\"'":
            node, end = self._quoted(said, 0, number, column)
            self._end_line(said, end, indent)
            return node
        if first in "[{":
            node, end = self._flow(said, 0, number, column)
            self._end_line(said, end, indent)
            return node
        text = said.partition(" #")[0].rstrip(" ")
        if ": " in text or text.endswith(":"):
            raise Unusual
        node = self._plain(text, number, column)
        self._end_line("", 0, indent)
        return node

    def _anchored(self, said: str, number: int, column: int, indent: int) -> Node:
        anchor = _ANCHOR.match(said)
        if anchor is None:
            raise Unusual
        rest = said[anchor.end() :]
        if rest and rest[0] in "&*":
            raise Unusual
        if rest and rest[0] != "#":
            node = self._value(rest, number, column + anchor.end(), indent)
        else:
            self._at += 1
            below = self._below(indent)
            if below is None:
                raise Unusual
            node = below
        return self._remember(anchor[1], node, number, column)

    def _remember(self, name: str, node: Node, number: int, column: int) -> Node:
        """Keep a node for its aliases; it is written where its anchor is."""
        if name in self._anchors:
            raise Unusual
        self._anchors[name] = anchored = Node(node.kind, node.value, self._path, number + 1, column + 1)
        return anchored

    def _alias(self, said: str, start: int) -> tuple[Node, int]:
        alias = _ALIAS.match(said, start)
        if alias is None or alias[1] not in self._anchors:
            raise Unusual
        return self._anchors[alias[1]], alias.end()

    def _end_line(self, said: str, end: int, indent: int) -> None:
        rest = said[end:]
        after = rest.lstrip(" ")
        if after and (after[0] != "#" or rest[0] != " "):
            raise Unusual
        self._at += 1
        self._refuse_deeper(indent)  # it may go on there

    def _plain(self, text: str, number: int, column: int) -> Node:
        first = text[0]
        if first in _INDICATORS and (first != "-" or text[1:2] in ("", " ", "-")):
            raise Unusual
        kind = _kind(text) if first in _MAY_MEAN else "text"
        return Node(kind, text, self._path, number + 1, column + 1)

    def _quoted(self, said: str, start: int, number: int, column: int) -> tuple[Node, int]:
        quoted = _QUOTED.match(said, start)
        if quoted is None:
            raise Unusual
        if said[start] == '"':
            text = quoted[1]
            if "\\" in text:
                text = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[1]), text)
        else:
            text = quoted[2].replace("''", "'")
        return Node("text", text, self._path, number + 1, column + 1), quoted.end()

    # -- flow collections ------------------------------------------------------------------------------------------

    def _flow(self, said: str, start: int, number: int, offset: int) -> tuple[Node, int]:
        """The flow collection at `start` of a text, which stands at column `offset`; and where it ends."""
        is_list = said[start] == "["
        content: list[object] = []
        node = Node("list" if is_list else "mapping", content, self._path, number + 1, offset + start + 1)
        at = _skip(said, start + 1)
        close = "]" if is_list else "}"
        while said[at : at + 1] != close:
            item, at = self._flow_value(said, at, number, offset)
            if is_list:
                content.append(item)
            else:
                if said[at : at + 2] != ": " or item.kind in ("list", "mapping"):
                    raise Unusual
                at = _skip(said, at + 2)
                if said[at : at + 1] in (",", "}"):
                    content.append((item, item.nothing()))
                else:
                    value, at = self._flow_value(said, at, number, offset)
                    content.append((item, value))
            at = _skip(said, at)
            if said[at : at + 1] == ",":
                at = _skip(said, at + 1)
                if said[at : at + 1] in ("", ",", close):
                    raise Unusual
            elif said[at : at + 1] != close:
                raise Unusual
        return node, at + 1

    def _flow_value(self, said: str, at: int, number: int, offset: int) -> tuple[Node, int]:
        first = said[at : at + 1]
        if first == "&":
            anchor = _ANCHOR.match(said, at)
            if anchor is None or said[anchor.end() : anchor.end() + 1] in ("", "&", "*", ",", "]", "}"):
                raise Unusual
            node, end = self._flow_value(said, anchor.end(), number, offset)
            if said[end : end + 1] == ":":
                raise Unusual
            return self._remember(anchor[1], node, number, offset + at), end
        if first == "*":
            return self._alias(said, at)
        if first and first in "[{":
            return self._flow(said, at, number, offset)
        if first and first in "\"'":
            node, end = self._quoted(said, at, number, offset + at)
            if said[end : end + 1] not in (",", "]", "}", " ", ":"):
                raise Unusual
            return node, end
        plain = _FLOW_PLAIN.match(said, at)
        if plain is None:
            raise Unusual
        text = plain[0].rstrip(" ")
        end = at + len(text)
        if said[plain.end() : plain.end() + 1] in ("", "#") or (said[plain.end()] == ":" and end != plain.end()):
            raise Unusual
        if said[end : end + 1] == ":" and said[end + 1 : end + 2] != " ":
            raise Unusual
        return self._plain(text, number, offset + at), end

    # -- literal blocks --------------------------------------------------------------------------------------------

    def _literal(self, said: str, number: int, column: int, indent: int) -> Node:
        header, _, _ = said.partition(" #")
        header = header.rstrip(" ")
        if header not in ("|", "|-", ">", ">-"):
            raise Unusual
        at = number + 1
        while at < len(self._raw) and not self._raw[at].strip(" "):
            at += 1
        if at == len(self._raw):
            raise Unusual
        depth = len(self._raw[at]) - len(self._raw[at].lstrip(" "))
        if depth <= max(indent, 0) or any(len(blank) > depth for blank in self._raw[number + 1 : at]):
            raise Unusual
        prefix = " " * depth
        content: list[str] = []
        at = number + 1
        while at < len(self._raw):
            line = self._raw[at]
            if line.startswith(prefix):
                content.append(line[depth:])
            elif line.strip(" "):
                break
            else:
                content.append("")
            at += 1
        else:
            content.pop()  # what comes after the last line break is no line
            if self._raw[-1]:
                raise Unusual
        text = "\n".join(content).rstrip("\n")
        if header[0] == ">":
            if "\n\n" in text or "\n " in text or text[:1] == " ":
                raise Unusual
            text = text.replace("\n", " ")
        if not text or (text.endswith(" ") and not text.rsplit("\n", 1)[-1].strip(" ")):
            raise Unusual
        self._at = _line_at(self._lines, at, self._at)
        self._refuse_deeper(indent)
        if at < len(self._raw) and self._raw[at].lstrip(" ").startswith("#") and not self._raw[at].startswith("#"):
            raise Unusual
        return Node("text", text + ("" if header[1:] == "-" else "\n"), self._path, number + 1, column + 1)


def _line_at(lines: list[tuple[int, int, str]], number: int, start: int) -> int:
    """The place of the first line from this number on."""
    for at in range(start, len(lines)):
        if lines[at][0] >= number:
            return at
    return len(lines)


def _skip(said: str, at: int) -> int:
    """The first place from `at` on where no space is."""
    while said[at : at + 1] == " ":
        at += 1
    return at
