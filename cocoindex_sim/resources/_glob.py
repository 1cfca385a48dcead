"""Globs as CocoIndex reads them (FS-13, FS-14), as regular expressions over the UTF-8 bytes of a path."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, NoReturn

__all__ = ["BRACE_LIMIT", "compile_globs", "expand_braces", "literal_parents"]

BRACE_LIMIT: Final = 1000
"""How many alternatives the braces of one re-including glob may stand for."""

# Pieces of a pattern. A path has no fixed depth for `*`, `?` and classes: all of them match `/` too.
_ANY_BYTE: Final = b"."
_ANY: Final = b".*"
_ANY_PARENTS: Final = b"(?:.*/)?"
_ANY_BETWEEN: Final = b"(?:/|/.*/)"
_ANY_BELOW: Final = b"/.*"
_SLASH: Final = b"/"


def compile_globs(globs: Sequence[str]) -> re.Pattern[bytes] | None:
    """One expression whose `fullmatch` tells whether any of the globs matches; None for no globs.

    Raises: ValueError naming the glob that can't be read.
    """
    if not globs:
        return None
    return re.compile(b"|".join(b"(?:" + _Reader(glob).read() + b")" for glob in globs), re.DOTALL)


class _Reader:
    """Reads one glob from left to right."""

    def __init__(self, glob: str) -> None:
        self.glob = glob
        self.at = 0

    def read(self) -> bytes:
        pieces = self._sequence(depth=0)
        return _ANY if pieces == [_ANY_PARENTS] else b"".join(pieces)

    def _fail(self, fact: str) -> NoReturn:
        raise ValueError(f"error parsing glob {self.glob!r}: {fact}")

    def _peek(self) -> str:
        return self.glob[self.at : self.at + 1]

    def _next(self) -> str:
        char = self._peek()
        self.at += 1
        return char

    def _sequence(self, *, depth: int) -> list[bytes]:
        """The pieces up to the end, or up to the `,` or `}` that ends this alternative."""
        pieces: list[bytes] = []
        while char := self._peek():
            if depth and char in ",}":
                return pieces
            self.at += 1
            if char == "*":
                self._star(pieces, depth)
            elif char == "?":
                pieces.append(_ANY_BYTE)
            elif char == "[":
                pieces.append(self._char_class())
            elif char == "{":
                pieces.append(self._alternatives(depth + 1))
            elif char == "}":
                self._fail("a '}' without '{'; write '[}]' for the character")
            else:
                if char == "\\" and not (char := self._next()):
                    self._fail("a '\\' at the end; write '\\\\' for the character")
                pieces.append(re.escape(char.encode("utf-8", "surrogateescape")))
        if depth:
            self._fail("a '{' without '}'; write '[{]' for the character")
        return pieces

    def _star(self, pieces: list[bytes], depth: int) -> None:
        """`**` spans whole names where slashes or ends surround it; anywhere else stars are one star."""
        before = self.glob[: self.at - 1]
        if self._peek() != "*":
            return _add_any(pieces)
        self.at += 1
        after = self._peek()
        if not pieces:
            if after in ("", "/"):
                self.at += 1
                return pieces.append(_ANY_PARENTS)
        elif before.endswith("/"):
            if after == "/":
                self.at += 1
                last = pieces.pop()
                return pieces.append(last if last == _ANY_PARENTS else _ANY_BETWEEN)
            if after == "" or (depth and after in ",}"):
                last = pieces.pop()
                return pieces.append(last if last == _ANY_PARENTS else _ANY_BELOW)
        return _add_any(pieces)

    def _alternatives(self, depth: int) -> bytes:
        alternatives: list[bytes] = []
        while True:
            pieces = self._sequence(depth=depth)
            if pieces:  # an empty alternative is none: `a{,b}` matches `ab` only
                alternatives.append(b"".join(pieces))
            if self._next() == "}":
                return b"(?:" + b"|".join(alternatives) + b")"

    def _char_class(self) -> bytes:
        """A class matches one byte, so a character beyond ASCII stands for each of its bytes."""
        negated = self._peek() in ("!", "^")
        self.at += negated
        ranges: list[list[str]] = []
        open_range = False
        while (char := self._next()) != "]" or not ranges:
            if not char:
                self._fail("a '[' without ']'; write '[[]' for the character")
            if char == "-" and ranges and not open_range:
                open_range = True
            elif open_range:
                open_range = False
                ranges[-1][1] = char
                if char < ranges[-1][0]:
                    self._fail(f"the range {ranges[-1][0]!r} to {char!r} runs backwards")
            else:
                ranges.append([char, char])
        if open_range:
            ranges.append(["-", "-"])
        members = {byte for low, high in ranges for byte in self._range_bytes(low, high)}
        body = b"".join(b"\\x%02x" % byte for byte in sorted(members))
        return b"[" + (b"^" if negated else b"") + body + b"]"

    def _range_bytes(self, low: str, high: str) -> Iterator[int]:
        first, last = (char.encode("utf-8", "surrogateescape") for char in (low, high))
        if low == high:
            yield from first
            return
        if first[-1] > last[0]:
            self._fail(f"the range {low!r} to {high!r} has no bytes")
        yield from first[:-1]
        yield from range(first[-1], last[0] + 1)
        yield from last[1:]


def _add_any(pieces: list[bytes]) -> None:
    # `**/*` and `**` + `*` match what `*` does; fewer wildcards backtrack less.
    while pieces and pieces[-1] in (_ANY_PARENTS, _ANY):
        pieces.pop()
    pieces.append(_ANY)


def expand_braces(glob: str) -> list[str]:
    """The brace-free globs that a glob stands for, in order, for globs that `compile_globs` accepts.

    Raises: ValueError beyond `BRACE_LIMIT` of them.
    """
    done: list[str] = []
    waiting = [glob]
    while waiting:
        found = waiting.pop()
        group = _first_group(found)
        if group is None:
            done.append(found)
        else:
            head, alternatives, tail = group
            waiting.extend(head + alternative + tail for alternative in reversed(alternatives))
        if len(done) + len(waiting) > BRACE_LIMIT:
            raise ValueError(f"glob {glob!r} has more than {BRACE_LIMIT} alternatives; write it as several globs")
    return done


def _first_group(glob: str) -> tuple[str, list[str], str] | None:
    """The first `{...}`: what is before it, its alternatives, what is after it."""
    depth = start = at = 0
    cuts: list[int] = []
    while at < len(glob):
        char = glob[at]
        if char == "\\":
            at += 1
        elif char == "[":
            at = _class_end(glob, at)
        elif char == "{":
            depth += 1
            if depth == 1:
                start, cuts = at, [at]
        elif char == "," and depth == 1:
            cuts.append(at)
        elif char == "}":
            depth -= 1
            if depth == 0:
                cuts.append(at)
                alternatives = [glob[a + 1 : b] for a, b in pairwise(cuts)]
                return glob[:start], alternatives, glob[at + 1 :]
        at += 1
    return None


def _class_end(glob: str, at: int) -> int:
    at += 2 if glob[at + 1] in "!^" else 1
    return glob.index("]", at + 1)


def literal_parents(glob: str) -> Iterator[str]:
    """The leading directories of a brace-free glob, as far as they are spelled out: `a`, `a/b` for `a/b/c`."""
    for slash in re.finditer("/", glob):
        parent = glob[: slash.start()]
        if any(char in "*?[\\" for char in parent):
            return
        if parent:
            yield parent
