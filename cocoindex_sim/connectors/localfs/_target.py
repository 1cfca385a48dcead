"""Declaring files and directories (FS-31, FS-36)."""

from __future__ import annotations

import pathlib
from typing import Any, Generic

from ...engine import (
    ContextKey,
    MaybePendingS,
    PendingS,
    ResolvedS,
    TargetState,
    TargetStateProvider,
    current_process,
    declare_target_state,
    declare_target_state_with_child,
    mount_target,
    offer_root_provider,
)
from ._entries import DirSpec, EntryHandler, FileSpec, is_plain
from ._path import FilePath, as_file_path, base_of

__all__ = ["DirTarget", "declare_dir_target", "declare_file", "dir_target", "mount_dir_target"]

_PROVIDER = "cocoindex/localfs"
offer_root_provider(_PROVIDER, EntryHandler)


class DirTarget(Generic[MaybePendingS]):
    """A declared directory. Files and directories can be declared in it once the component that declared it committed.

    Files that nobody declares are left alone; those that are no longer declared are deleted.
    """

    __slots__ = ("_provider",)

    def __init__(self, provider: TargetStateProvider[Any, EntryHandler]) -> None:
        self._provider = provider

    def declare_file(
        self, filename: str | pathlib.PurePath, content: bytes | str, *, create_parent_dirs: bool = False
    ) -> None:
        """Declare a file of this directory by its relative path; a str is written as UTF-8.

        ValueError for a path that leaves the directory, TypeError for other content. The file is written when the
        component commits, if its content is not what was last written; a missing parent fails the component with
        FileNotFoundError unless `create_parent_dirs`.
        """
        spec = FileSpec(_content_bytes(content), create_parent_dirs)
        declare_target_state(self._provider.target_state(_entry_name(filename), spec))

    def declare_dir_target(
        self, path: str | pathlib.PurePath, *, create_parent_dirs: bool = False
    ) -> DirTarget[PendingS]:
        """Declare a directory in this directory. ValueError for a path that leaves it."""
        state = self._provider.target_state(_entry_name(path), DirSpec(create_parent_dirs))
        return DirTarget(declare_target_state_with_child(state))

    def __coco_memo_key__(self) -> object:
        return self._provider.memo_key


def declare_file(
    path: FilePath | pathlib.Path | ContextKey[pathlib.Path], content: bytes | str, *, create_parent_dirs: bool = False
) -> None:
    """Declare one file; a str is written as UTF-8.

    TypeError for other content. The file is written when the component commits, if its content is not what was last
    written; a missing parent fails the component with FileNotFoundError unless `create_parent_dirs`.
    """
    file_path = as_file_path(path)
    spec = FileSpec(_content_bytes(content), create_parent_dirs, base_of(file_path))
    declare_target_state(_root_state(file_path, spec))


def dir_target(
    path: FilePath | pathlib.Path | ContextKey[pathlib.Path], *, create_parent_dirs: bool = True
) -> TargetState[EntryHandler]:
    """The target state of a directory, for `mount_target` and `declare_target_state_with_child`."""
    file_path = as_file_path(path)
    return _root_state(file_path, DirSpec(create_parent_dirs, base_of(file_path)))


def declare_dir_target(
    path: FilePath | pathlib.Path | ContextKey[pathlib.Path], *, create_parent_dirs: bool = True
) -> DirTarget[PendingS]:
    """Declare a directory; files can be declared in it once this component committed.

    It is created in every run in which it is missing, and removed, when this engine created it and it is empty, once
    it is no longer declared.
    """
    return DirTarget(declare_target_state_with_child(dir_target(path, create_parent_dirs=create_parent_dirs)))


async def mount_dir_target(
    path: FilePath | pathlib.Path | ContextKey[pathlib.Path], *, create_parent_dirs: bool = True
) -> DirTarget[ResolvedS]:
    """Declare a directory in a component of its own, so that files can be declared in it at once."""
    return DirTarget(await mount_target(dir_target(path, create_parent_dirs=create_parent_dirs)))


def _root_state(path: FilePath, spec: FileSpec | DirSpec) -> TargetState[Any]:
    provider = current_process().root_provider(_PROVIDER)
    base_key = None if path.base_dir is None else path.base_dir.key
    return provider.target_state((base_key, str(path)), spec)


def _content_bytes(content: bytes | str) -> bytes:
    if isinstance(content, str):
        return content.encode()
    if isinstance(content, bytes):
        return content
    raise TypeError(f"the content of a file is bytes or str, got a {type(content).__name__}; convert it first")


def _entry_name(name: str | pathlib.PurePath) -> str:
    if type(name) is str and is_plain(name):
        return name
    path = pathlib.PurePath(name)
    if path.anchor or ".." in path.parts or not path.parts:
        raise ValueError(f"{str(name)!r} is not the path of an entry of the directory: use a relative one without '..'")
    return name if isinstance(name, str) else str(name)
