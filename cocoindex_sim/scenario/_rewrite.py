"""Changing values in the text of a YAML file, and nothing else of it: comments, order, spelling and layout stay."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from ._emit import Spelled, after_colon, block_text, flow_entry, flow_text, key_text
from ._shapes import Plain
from ._spans import Span, spans_of

__all__ = ["YamlPath", "rewritten"]

YamlPath: TypeAlias = tuple[str | int, ...]
"""From the root to a value: keys of mappings, and numbers of items from 0."""

_LINE_MAX: Final = 120


class _Edit(NamedTuple):
    start: int
    end: int
    text: str


def rewritten(text: str, changes: Mapping[YamlPath, Plain]) -> str:
    """The text with these values in place of what is there.

    Of a value that is a mapping, entries stay where they are the same, and change, come and go where not. An alias
    of what changes for itself alone becomes what it stood for.
    """
    if not changes:
        return text
    root = spans_of(text)
    wanted = root.plain()
    for path, value in changes.items():
        wanted = _changed(wanted, path, value)
    rewriter = _Rewriter(text)
    rewriter.sync(root, wanted)
    result = _applied(text, rewriter.edits)
    return result.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else result


def _changed(value: Any, path: YamlPath, new: Any) -> Any:
    if not path:
        return new
    key, *rest = path
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[key] = _changed(copy[key], tuple(rest), new)
    return copy


def _applied(text: str, edits: list[_Edit], begin: int = 0, end: int | None = None) -> str:
    """The part of the text from `begin` to `end`, with the edits in it."""
    pieces, at = [], begin
    for edit in sorted(edits, key=lambda edit: (edit.start, edit.end)):
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:end]])


def _same(old: Any, new: Any) -> bool:
    """Whether they mean the same to whoever reads the scenario."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        return old.keys() == new.keys() and all(_same(old[key], new[key]) for key in old)
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(_same, old, new))
    if isinstance(old, list) != isinstance(new, list):  # one thing is as good as a list of it
        (one,) = old if isinstance(old, list) and len(old) == 1 else (old,)
        (other,) = new if isinstance(new, list) and len(new) == 1 else (new,)
        return not isinstance(one, list | Mapping) and not isinstance(other, list | Mapping) and _same(one, other)
    if isinstance(old, Spelled) or isinstance(new, Spelled):
        return bool(_spelling(old) == _spelling(new))
    return bool(old == new) and isinstance(old, Mapping) == isinstance(new, Mapping)


def _spelling(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else value


class _Rewriter:
    def __init__(self, text: str) -> None:
        self._text = text
        self._kept: dict[int, Any] = {}
        """By the identity of a span that stays: what its value is then."""
        self.edits: list[_Edit] = []

    def sync(self, span: Span, wanted: Any, key: Span | None = None) -> None:
        """Make the value of a span what is wanted; `key` is the one it belongs to."""
        if span.kind == "alias":
            target = id(span.target)
            if target not in self._kept or not _same(self._kept[target], wanted):
                self._replace(span, wanted, key)
            return
        self._kept[id(span)] = wanted
        if span.kind == "mapping" and isinstance(wanted, Mapping):
            if span.flow and not span.inside and not _same(span.plain(), wanted):
                self._sync_line(span, wanted, key)
            elif wanted or not span.entries:
                self._sync_entries(span, wanted, key)
            else:
                self._replace(span, wanted, key)
        elif span.kind == "list" and isinstance(wanted, list) and len(wanted) == len(span.entries):
            for (_, item), new in zip(span.entries, wanted, strict=True):
                self.sync(item, new)
        elif not _same(span.plain(), wanted):
            self._replace(span, wanted, key)

    def _sync_line(self, span: Span, wanted: Mapping[str, Any], key: Span | None) -> None:
        """A mapping in braces, which may get too long for its line."""
        before, self.edits = self.edits, []
        self._sync_entries(span, wanted, key)
        inner, self.edits = self.edits, before
        text = _applied(self._text, inner, span.start, span.end)
        is_long = "\n" not in text and self._column(span.start) + len(text) > _LINE_MAX
        if is_long and not re.search(r"\s#", text):
            self._replace(span, wanted, key)
        else:
            self.edits += inner

    def _sync_entries(self, span: Span, wanted: Mapping[str, Any], key: Span | None) -> None:
        old = [name.value for name, _ in span.entries]
        kept = [name in wanted for name in old]
        added = [(name, value) for name, value in wanted.items() if name not in old]
        if not any(kept) and not span.flow and old:
            self._replace(span, wanted, key)
            return
        for (name, value), stays in zip(span.entries, kept, strict=True):
            if stays:
                self.sync(value, wanted[name.value], name)
        if span.flow:
            self._in_braces(span, kept, added)
        else:
            self._in_block(span, kept, added)

    def _in_braces(self, span: Span, kept: list[bool], added: list[tuple[str, Any]]) -> None:
        entries = span.entries
        texts = [flow_entry(name, value) for name, value in added]
        if not any(kept):
            if entries or texts:
                opened = self._text.index("{", span.start) + 1
                self.edits.append(_Edit(opened, span.end - 1, ", ".join(texts)))
            return
        first = kept.index(True)
        for at, stays in enumerate(kept):
            if stays:
                continue
            if at < first:
                self.edits.append(_Edit(entries[at][0].start, entries[at + 1][0].start, ""))
            else:
                self.edits.append(_Edit(_end(entries[at - 1]), _end(entries[at]), ""))
        end = _end(entries[-1])
        self.edits += [_Edit(end, end, f", {text}") for text in texts]

    def _in_block(self, span: Span, kept: list[bool], added: list[tuple[str, Any]]) -> None:
        entries = span.entries
        for at, stays in enumerate(kept):
            if stays:
                continue
            start = entries[at][0].start
            if self._text[self._line_start(start) : start].strip():  # it stands behind the dash of a list
                self.edits.append(_Edit(start, entries[at + 1][0].start, ""))
            else:
                after = self._line_end(_end(entries[at])) + 1
                self.edits.append(_Edit(self._line_start(start), min(after, len(self._text)), ""))
        if not added:
            return
        indent = self._column(entries[0][0].start)
        last = max(at for at, stays in enumerate(kept) if stays)
        end = self._line_end(_end(entries[last]))
        margin = "\n" + " " * indent
        lines = (
            f"{margin}{key_text(name)}:{after_colon(value, indent + len(name) + 2, indent)}" for name, value in added
        )
        self.edits.append(_Edit(end, end, "".join(lines)))

    def _replace(self, span: Span, wanted: Any, key: Span | None) -> None:
        anchor = f"&{span.anchor} " if span.anchor else ""
        start = span.start
        if wanted is None:
            new = anchor.rstrip()
        elif span.inside:
            new = anchor + flow_text(wanted)
        elif key is None or key is span:
            new = anchor + block_text(wanted, self._column(start))
        else:
            colon = self._text.index(":", key.end) + 1
            if "#" in self._text[colon:start]:
                new = anchor + block_text(wanted, self._column(start))
            else:
                start = colon
                column, indent = self._column(colon) + 1 + len(anchor), self._column(key.start)
                new = after_colon(wanted, column, indent)
                if anchor:
                    new = f" {anchor.rstrip()}{new}"
        end, rest = span.end, ""
        if "\n" in new:  # a comment behind the value goes on standing behind its first line
            rest = self._text[end : self._line_end(end)]
            first, _, lines = new.partition("\n")
            new = f"{first}{rest.rstrip()}\n{lines}"
        self.edits.append(_Edit(start, end + len(rest), new))

    def _line_start(self, at: int) -> int:
        return self._text.rfind("\n", 0, at) + 1

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return len(self._text) if end < 0 else end

    def _column(self, at: int) -> int:
        return at - self._line_start(at)


def _end(entry: tuple[Span, Span]) -> int:
    return max(entry[0].end, entry[1].end)
