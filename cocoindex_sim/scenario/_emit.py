"""Plain values as YAML text, laid out as a person would: short collections in one line, long ones in blocks."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = ["WIDTH_MAX", "Spelled", "after_colon", "block_text", "flow_entry", "flow_text", "key_text", "yaml_text"]

WIDTH_MAX: Final = 110
"""What is longer goes into a block."""

_INDENT: Final = 2

_SAFE: Final = re.compile(r"[A-Za-z0-9_/.<(+$^\\][A-Za-z0-9_/.<>()+$^=;@%!*&?'\"\\| -]*")
_SAFE_KEY: Final = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.@+ -]*")
_NOT_TEXT: Final = re.compile(
    r"""(?ix) ~ | null | true | false | yes | no | on | off | = | << | [-+]? \.? (inf|nan)
    | [-+.0-9] [-+.0-9_:eTZxob a-f]* | \.{3} .*"""
)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r", "\0": "\\0"}
_LITERAL_LINE: Final = re.compile(r"[\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")


class Spelled(str):
    """A plain scalar as somebody spelled it; written as it is."""

    __slots__ = ()


def yaml_text(value: Mapping[str, Any], *, blocks: Sequence[str] = ()) -> str:
    """A whole file. The lists and mappings below the top-level keys `blocks` are never in one line."""
    lines: list[str] = []
    for key, item in value.items():
        if key in blocks and item:
            rest = "".join(f"\n  - {block_text(each, 4)}" for each in item)
            lines.append(f"{key_text(key)}:{rest}")
        else:
            lines.append(f"{key_text(key)}:{after_colon(item, len(key) + 2, 0)}")
    return "\n".join(lines) + "\n"


def block_text(value: Any, indent: int) -> str:
    """A value as it stands in a block whose lines begin at column `indent`, where its first one is begun already."""
    if isinstance(value, Mapping) and value:
        margin = "\n" + " " * indent
        return margin.join(
            f"{key_text(key)}:{after_colon(item, indent + len(key) + 2, indent)}" for key, item in value.items()
        )
    if isinstance(value, list) and value:
        flow = flow_text(value)
        if indent + len(flow) <= WIDTH_MAX and not _has_lines(value):
            return flow
        return ("\n" + " " * indent).join(f"- {block_text(each, indent + _INDENT)}" for each in value)
    if isinstance(value, str) and not isinstance(value, Spelled) and _has_lines(value):
        literal = _literal(value, indent)
        if literal is not None:
            return literal
    return flow_text(value, inside=False)


def after_colon(value: Any, column: int, indent: int) -> str:
    """The value of a key that stands at `indent`, with what comes between; its text would begin at `column`."""
    if value is None:
        return ""
    if isinstance(value, Mapping | list) and value:
        flow = flow_text(value)
        if column + len(flow) <= WIDTH_MAX and not _has_lines(value):
            return " " + flow
        below = indent + _INDENT
        return "\n" + " " * below + block_text(value, below)
    return " " + block_text(value, indent + _INDENT)


def _has_lines(value: Any) -> bool:
    """Whether there is text in it that is read line by line."""
    if isinstance(value, Mapping):
        return any(_has_lines(item) for item in value.values())
    if isinstance(value, list):
        return any(_has_lines(item) for item in value)
    return isinstance(value, str) and "\n" in value.rstrip("\n")


def _literal(text: str, indent: int) -> str | None:
    """The text behind `|`, or None when it can't be."""
    body = text.removesuffix("\n")
    lines = body.split("\n")
    if body.endswith("\n") or not lines[0] or lines[0][0] == " " or not all(map(_LITERAL_LINE.fullmatch, lines)):
        return None
    margin = "\n" + " " * indent
    return ("|" if text.endswith("\n") else "|-") + "".join(margin + line if line else "\n" for line in lines)


def flow_text(value: Any, *, inside: bool = True) -> str:
    """A value in one line; `inside` another collection in one line, where a comma ends text."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(flow_entry(key, item) for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow_text(item) for item in value) + "]"
    if isinstance(value, bytes):
        return f"!!binary {base64.b64encode(value).decode() or chr(34) * 2}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Spelled) and not re.search(r"[,\[\]{}\n]", value):
        return value
    return _scalar(str(value), inside)


def flow_entry(key: str, item: Any) -> str:
    """An entry of a mapping in braces."""
    # Nothing is written where nothing is meant: `null` is a word, and `{a:}` would be the key `a:`.
    return f"{key_text(key)}: " + ("" if item is None else flow_text(item))


def key_text(key: str) -> str:
    """The key of a mapping."""
    if _SAFE_KEY.fullmatch(key) and not key.endswith(" ") and not _NOT_TEXT.fullmatch(key):
        return key
    return _quoted(key)


def _scalar(text: str, inside: bool) -> str:
    if _SAFE.fullmatch(text) and not text.endswith(" ") and not _NOT_TEXT.fullmatch(text):
        return text
    if not inside and re.fullmatch(r"[A-Za-z(][^\x00-\x1f\x7f-\x9f\ud800-\udfff\ufeff]*", text):
        plain = not re.search(r":(\s|$)|\s#|\s$|[\u2028\u2029\ufffe\uffff]", text)
        if plain and not _NOT_TEXT.fullmatch(text):
            return text
    return _quoted(text)


def _quoted(text: str) -> str:
    if text and _LITERAL_LINE.fullmatch(text):
        return "'" + text.replace("'", "''") + "'"
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if _LITERAL_LINE.fullmatch(char):
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
