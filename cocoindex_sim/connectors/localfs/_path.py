"""Where a local file is: relative to a directory from the context, or to the current directory."""

from __future__ import annotations

import pathlib

from ...engine import ContextKey, current_process, use_context
from ...resources import file as resources_file

__all__ = ["FilePath", "as_file_path", "base_of"]


class FilePath(resources_file.FilePath[pathlib.Path]):
    """The path of a local file. Its identity is the name of `base_dir` and the path, so the base may move (FS-01)."""

    __slots__ = ()

    def __init__(self, path: str | pathlib.PurePath = ".", *, base_dir: ContextKey[pathlib.Path] | None = None) -> None:
        if base_dir is not None and not isinstance(base_dir, ContextKey):
            raise TypeError(f"base_dir is a ContextKey, got {base_dir!r}; put a plain directory into the path instead")
        super().__init__(base_dir, pathlib.PurePath(path))

    def resolve(self) -> pathlib.Path:
        """The absolute path, with links resolved as far as it exists.

        RuntimeError when a base directory is needed and the call is not inside a component.
        """
        path = pathlib.PurePath(base_of(self) or ".") / self._path
        return pathlib.Path(current_process().ports.file_system.realpath(str(path)))


def as_file_path(path: FilePath | pathlib.PurePath | ContextKey[pathlib.Path] | str) -> FilePath:
    """The path that an argument stands for; a context key is its directory itself (FS-04)."""
    if isinstance(path, FilePath):
        return path
    if isinstance(path, ContextKey):
        return FilePath(base_dir=path)
    return FilePath(path)


def base_of(path: FilePath) -> str | None:
    """The base directory as provided in this run, if the path has one."""
    return None if path.base_dir is None else str(use_context(path.base_dir))
