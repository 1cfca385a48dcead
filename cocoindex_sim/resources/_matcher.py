"""Which files a walk yields and which directories it enters (FS-12..18)."""

from __future__ import annotations

from pathlib import PurePath
from typing import Final, Protocol

from ._glob import compile_globs, expand_braces, literal_parents

__all__ = ["FilePathMatcher", "MatchAllFilePathMatcher", "PatternFilePathMatcher"]

# "Keeps everything directly below" is asked by the name of a child that CocoIndex asks with too, so that patterns
# which only match some children (`!*_*`) reopen the same directories there and here.
_ANY_CHILD: Final = b"/__probe__"


class FilePathMatcher(Protocol):
    """Decides about paths relative to the root of a walk."""

    def is_dir_included(self, path: PurePath) -> bool:
        """Whether the walk enters this directory."""
        ...

    def is_file_included(self, path: PurePath) -> bool:
        """Whether the walk yields this file."""
        ...


class MatchAllFilePathMatcher(FilePathMatcher):
    """Includes every file and enters every directory."""

    def is_dir_included(self, path: PurePath) -> bool:
        """True."""
        return True

    def is_file_included(self, path: PurePath) -> bool:
        """True."""
        return True


class PatternFilePathMatcher(FilePathMatcher):
    """Includes files by globs over their whole relative path.

    `*` and `?` match `/` too; `**/`, `/**/` and `/**` span directories; `[ab]`, `[!a]`, `[^a]`, `{a,b}` and `\\`
    escapes work. Matching is case-sensitive and by UTF-8 byte: `?` is one byte. `included_patterns` None includes every
    file, an empty list none; directories ignore it. `excluded_patterns` beat includes, and one that starts with `!`
    takes back what any other excludes, wherever it stands.

    Raises: ValueError naming the glob that can't be read.
    """

    def __init__(self, included_patterns: list[str] | None = None, excluded_patterns: list[str] | None = None) -> None:
        excluded_patterns = [] if excluded_patterns is None else excluded_patterns
        _check_patterns("included_patterns", [] if included_patterns is None else included_patterns)
        _check_patterns("excluded_patterns", excluded_patterns)
        self._key: Final = (None if included_patterns is None else tuple(included_patterns), tuple(excluded_patterns))
        self._includes_all: Final = included_patterns is None
        self._included: Final = compile_globs(included_patterns or [])
        self._excluded: Final = compile_globs([p for p in excluded_patterns if not p.startswith("!")])
        kept = [p[1:] for p in excluded_patterns if p.startswith("!")]
        self._kept: Final = compile_globs(kept)
        self._kept_parents: Final = frozenset(
            parent for pattern in kept for glob in expand_braces(pattern) for parent in literal_parents(glob)
        )

    def is_dir_included(self, path: PurePath) -> bool:
        """Whether the directory is not excluded, or a `!` pattern keeps something below it (FS-18)."""
        return self.enters(path.as_posix())

    def enters(self, text: str) -> bool:
        """As `is_dir_included`, given the path with slashes."""
        raw = text.encode("utf-8", "surrogateescape")
        if not self._is_excluded(raw):
            return True
        if self._kept is None:
            return False
        return text in self._kept_parents or self._kept.fullmatch(raw + _ANY_CHILD) is not None

    def is_file_included(self, path: PurePath) -> bool:
        """Whether the file's own path is included and not excluded; its directories are not looked at (FS-17)."""
        return self.yields(path.as_posix())

    def yields(self, text: str) -> bool:
        """As `is_file_included`, given the path with slashes."""
        raw = text.encode("utf-8", "surrogateescape")
        if not self._includes_all and (self._included is None or not self._included.fullmatch(raw)):
            return False
        return not self._is_excluded(raw)

    def _is_excluded(self, raw: bytes) -> bool:
        if self._excluded is None or not self._excluded.fullmatch(raw):
            return False
        return self._kept is None or not self._kept.fullmatch(raw)

    def __coco_memo_key__(self) -> object:
        return self._key

    def __repr__(self) -> str:
        included, excluded = self._key
        return f"PatternFilePathMatcher({included and list(included)!r}, {list(excluded)!r})"


def _check_patterns(name: str, patterns: list[str]) -> None:
    if isinstance(patterns, str) or not all(isinstance(pattern, str) for pattern in patterns):
        raise TypeError(f"{name} is a list of globs, got {patterns!r}")
