"""Paths whose identity does not depend on where their base directory is (FS-01..03)."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Generic, Self

from ..engine import ContextKey

if TYPE_CHECKING:
    from typing_extensions import TypeVar  # has defaults; in `typing` from 3.13 on

    ResolvedPathT = TypeVar("ResolvedPathT", default=Any)
else:
    from typing import TypeVar

    ResolvedPathT = TypeVar("ResolvedPathT")

__all__ = ["FilePath", "ResolvedPathT"]


class FilePath(Generic[ResolvedPathT]):
    """A path relative to a base directory that a context key names, or to the current directory without one.

    Equality, order, hash and memo key are those of (name of the key, path). Operations of `PurePath` keep the base.
    Connectors subclass it and define `resolve`.
    """

    __slots__ = ("_base_dir", "_path")

    def __init__(self, base_dir: ContextKey[ResolvedPathT] | None, path: PurePath) -> None:
        self._base_dir = base_dir
        self._path = path

    def _with_path(self, path: PurePath) -> Self:
        new = object.__new__(type(self))
        new._base_dir = self._base_dir
        new._path = path
        return new

    @property
    def base_dir(self) -> ContextKey[ResolvedPathT] | None:
        """The key of the base directory."""
        return self._base_dir

    @property
    def path(self) -> PurePath:
        """The path relative to the base directory."""
        return self._path

    def resolve(self) -> ResolvedPathT:
        """The full path."""
        raise NotImplementedError(f"{type(self).__name__} does not say how to resolve {self!r}")

    @property
    def name(self) -> str:
        """The last part."""
        return self._path.name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return self._path.stem

    @property
    def suffix(self) -> str:
        """The last suffix with its dot, or an empty string."""
        return self._path.suffix

    @property
    def suffixes(self) -> list[str]:
        """All suffixes with their dots."""
        return self._path.suffixes

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the relative path."""
        return self._path.parts

    @property
    def parent(self) -> Self:
        """The path without its last part, at the same base."""
        return self._with_path(self._path.parent)

    @property
    def parents(self) -> tuple[Self, ...]:
        """All parents, nearest first."""
        return tuple(map(self._with_path, self._path.parents))

    def __truediv__(self, other: str | PurePath) -> Self:
        return self._with_path(self._path / other)

    def __rtruediv__(self, other: str | PurePath) -> Self:
        return self._with_path(other / self._path)

    def joinpath(self, *pathsegments: str | PurePath) -> Self:
        """This path extended by segments."""
        return self._with_path(self._path.joinpath(*pathsegments))

    def with_name(self, name: str) -> Self:
        """This path with another last part."""
        return self._with_path(self._path.with_name(name))

    def with_stem(self, stem: str) -> Self:
        """This path with another stem and the same suffix."""
        return self._with_path(self._path.with_stem(stem))

    def with_suffix(self, suffix: str) -> Self:
        """This path with another suffix."""
        return self._with_path(self._path.with_suffix(suffix))

    def with_segments(self, *pathsegments: str) -> Self:
        """A path of these segments, at the same base."""
        return self._with_path(PurePath(*pathsegments))

    def is_absolute(self) -> bool:
        """Whether the path has a root, so that the base does not matter."""
        return self._path.is_absolute()

    def is_relative_to(self, other: str | PurePath) -> bool:
        """Whether the path is at or below another one."""
        return self._path.is_relative_to(other)

    def relative_to(self, other: str | PurePath) -> PurePath:
        """The path as seen from another one, without a base. ValueError if it is not below it."""
        return self._path.relative_to(other)

    def match(self, pattern: str) -> bool:
        """Whether the path matches a glob of `PurePath.match`."""
        return self._path.match(pattern)

    def as_posix(self) -> str:
        """The path with forward slashes."""
        return self._path.as_posix()

    def _base_dir_key(self) -> str | None:
        return None if self._base_dir is None else self._base_dir.key

    def _identity(self) -> tuple[bool, str, PurePath]:
        return (self._base_dir is not None, self._base_dir_key() or "", self._path)

    def __fspath__(self) -> str:
        return str(self.resolve())

    def __str__(self) -> str:
        return str(self._path)

    def __repr__(self) -> str:
        base = "" if self._base_dir is None else f", base_dir_key={self._base_dir.key!r}"
        return f"FilePath({self._path!r}{base})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FilePath) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())

    def __lt__(self, other: Self) -> bool:
        return self._identity() < other._identity() if isinstance(other, FilePath) else NotImplemented

    def __le__(self, other: Self) -> bool:
        return self._identity() <= other._identity() if isinstance(other, FilePath) else NotImplemented

    def __gt__(self, other: Self) -> bool:
        return self._identity() > other._identity() if isinstance(other, FilePath) else NotImplemented

    def __ge__(self, other: Self) -> bool:
        return self._identity() >= other._identity() if isinstance(other, FilePath) else NotImplemented

    def __coco_memo_key__(self) -> object:
        path = str(self._path)
        return path if self._base_dir is None else (self._base_dir.key, path)
