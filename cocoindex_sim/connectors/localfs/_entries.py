"""What is at a path, what should be, and the action that makes it so (FS-31..40).

Unlike CocoIndex, nothing is deleted that was not written here: a directory goes when this engine created it and it is
empty; a file whose write may never have happened goes when it holds what was to be written.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Final, NamedTuple, TypeAlias, cast

import msgspec

from ...engine import ContextProvider, TargetActionSink, TargetReconcileOutput, current_process, fingerprint_bytes
from ...ports import FileSystem
from ...values import NON_EXISTENCE, NonExistenceType, StableKey

__all__ = ["DirRecord", "DirSpec", "EnsureDir", "EntryHandler", "FileSpec", "Place", "Remove", "WriteFile", "is_plain"]


class FileSpec(msgspec.Struct, frozen=True):
    """A file that should be there. `base`: what the base of its key stands for in this run."""

    content: bytes
    create_parent_dirs: bool
    base: str | None = None


class DirSpec(msgspec.Struct, frozen=True):
    """A directory that should be there. `base`: what the base of its key stands for in this run."""

    create_parent_dirs: bool
    base: str | None = None


class DirRecord(msgspec.Struct, frozen=True, tag="dir"):
    """A directory was made sure of; `created` if it was not there before."""

    created: bool


EntryRecord: TypeAlias = bytes | DirRecord
"""What is remembered of an entry; of a file, the 16-byte fingerprint of its content."""


def is_plain(name: str) -> bool:
    """Whether a path is a single name on every system: most are, and need no path object."""
    return _PLAIN(name) is not None


_PLAIN: Final = re.compile(r"(?!\.{1,2}\Z)[^/\\:\0]+\Z").match


class Place(NamedTuple):
    """Where an entry is: relative to a base directory from the context, or to the current directory.

    `base` is the base directory where it is known already; a deletion learns it when it is applied.
    """

    base_key: str | None
    base: str | None
    path: str

    def below(self, name: str) -> Place:
        """The place of an entry of this directory."""
        posix = name if is_plain(name) else PurePath(name).as_posix()
        return Place(self.base_key, self.base, posixpath.join(self.path, posix))

    def settled(self, context: ContextProvider) -> Place:
        """This place with its base known. KeyError if the base is not provided any more."""
        if self.base is None and self.base_key is not None:
            return self._replace(base=str(context.get(self.base_key)))
        return self

    @property
    def location(self) -> str:
        """What to give to the file system; for a settled place."""
        if self.base is not None and self.path == ".":
            return self.base  # `rmdir` takes no path that ends in a dot
        return posixpath.join(self.base or "", self.path)


class WriteFile(NamedTuple):
    """Make the file hold this content."""

    place: Place
    content: bytes
    create_parent_dirs: bool

    def __repr__(self) -> str:
        return f"WriteFile({self.place.location!r}, {len(self.content)} bytes)"


class EnsureDir(NamedTuple):
    """Make sure of the directory."""

    place: Place
    create_parent_dirs: bool

    def __repr__(self) -> str:
        return f"EnsureDir({self.place.location!r})"


class Remove(NamedTuple):
    """Remove what was written here.

    `fingerprints`: of what the file may hold, none if it never was one. `is_in_doubt`: it may never have been written,
    so only its content can tell. `is_own_dir`: a directory here was created by this engine.
    """

    place: Place
    fingerprints: tuple[bytes, ...]
    is_in_doubt: bool
    is_own_dir: bool

    def __repr__(self) -> str:
        return f"Remove({self.place.location!r})"


Action: TypeAlias = WriteFile | EnsureDir | Remove


class EntryHandler:
    """Files and directories: the entries of one directory, or the roots, whose keys are (base key or None, path)."""

    __slots__ = ("_directory",)

    def __init__(self, directory: Place | None = None) -> None:
        self._directory = directory

    def reconcile(
        self,
        key: StableKey,
        desired_state: FileSpec | DirSpec | NonExistenceType,
        prev_possible_records: Collection[EntryRecord],
        prev_may_be_missing: bool,
        /,
    ) -> TargetReconcileOutput | None:
        """The action an entry needs."""
        if isinstance(desired_state, NonExistenceType):
            return _removal(self._place(key, None), prev_possible_records, prev_may_be_missing)
        place = self._place(key, desired_state.base)
        if isinstance(desired_state, DirSpec):
            # Always an action: the directory is made again when it is gone (FS-37), and its entries need a handler.
            created = _was_created(prev_possible_records) or not _exists(place.location)
            return TargetReconcileOutput(EnsureDir(place, desired_state.create_parent_dirs), SINK, DirRecord(created))
        fingerprint = fingerprint_bytes(desired_state.content)
        if not prev_may_be_missing and all(record == fingerprint for record in prev_possible_records):
            return None
        action = WriteFile(place, desired_state.content, desired_state.create_parent_dirs)
        return TargetReconcileOutput(action, SINK, fingerprint)

    def child_handler_for_deletion(
        self,
        key: StableKey,
        prev_possible_records: Collection[EntryRecord],
    ) -> EntryHandler:
        """The handler of what is tracked below a directory that goes."""
        return EntryHandler(self._place(key, None))

    def _place(self, key: StableKey, base: str | None) -> Place:
        if self._directory is not None:
            return self._directory.below(str(key))
        base_key, path = cast("tuple[str | None, str]", key)
        return Place(base_key, base, path)


def _was_created(records: Collection[EntryRecord]) -> bool:
    return any(isinstance(record, DirRecord) and record.created for record in records)


def _exists(location: str) -> bool:
    try:
        current_process().ports.file_system.stat(location, follow_symlinks=False)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _removal(place: Place, records: Collection[EntryRecord], may_be_missing: bool) -> TargetReconcileOutput:
    fingerprints = tuple(record for record in records if isinstance(record, bytes))
    action = Remove(place, fingerprints, may_be_missing, _was_created(records))
    return TargetReconcileOutput(action, SINK, NON_EXISTENCE)


def apply_entries(context: ContextProvider, actions: Sequence[Action]) -> None:
    """The sink: apply actions in order, but directories go last and deepest first, when they are empty."""
    file_system = current_process().ports.file_system
    own_dirs = []
    for action in actions:
        location = action.place.settled(context).location
        if isinstance(action, WriteFile):
            _write(file_system, location, action)
        elif isinstance(action, EnsureDir):
            _ensure(file_system, location, action)
        else:
            _remove_file(file_system, location, action)
            if action.is_own_dir:
                own_dirs.append(location)
    for location in sorted(own_dirs, key=lambda location: location.count("/"), reverse=True):
        with suppress(OSError):  # not empty, or not there, or not ours to touch any more: it stays as it is
            file_system.rmdir(location)


def entries_below(context: ContextProvider, action: EnsureDir) -> EntryHandler:
    """The handler of the entries of a directory."""
    return EntryHandler(action.place.settled(context))


SINK: Final = TargetActionSink.from_fn(apply_entries, child_handler=entries_below)


def _write(file_system: FileSystem, location: str, action: WriteFile) -> None:
    try:
        try:
            file_system.replace_content(location, action.content)
        except FileNotFoundError:
            if not action.create_parent_dirs:
                raise
            file_system.mkdir(posixpath.dirname(location), parents=True)
            file_system.replace_content(location, action.content)
    except FileNotFoundError as error:
        raise _without_parent(error, location) from None
    except IsADirectoryError as error:
        fact = "A directory is where a file is declared; remove it, or declare another path"
        raise IsADirectoryError(error.errno, fact, location) from None


def _ensure(file_system: FileSystem, location: str, action: EnsureDir) -> None:
    try:
        file_system.mkdir(location, parents=action.create_parent_dirs)
    except FileNotFoundError as error:
        raise _without_parent(error, location) from None
    except FileExistsError as error:
        fact = "A file is where a directory is declared; remove it, or declare another path"
        raise FileExistsError(error.errno, fact, location) from None


def _without_parent(error: FileNotFoundError, location: str) -> FileNotFoundError:
    parent = posixpath.dirname(location) or "."
    fact = f"The parent directory {parent!r} does not exist; create it, or pass create_parent_dirs=True"
    return FileNotFoundError(error.errno, fact, location)


def _remove_file(file_system: FileSystem, location: str, action: Remove) -> None:
    if not action.fingerprints:
        return
    try:
        if action.is_in_doubt and fingerprint_bytes(file_system.read(location)) not in action.fingerprints:
            return
    except FileNotFoundError:
        pass  # `unlink` still clears what a killed write may have left beside it
    except (IsADirectoryError, NotADirectoryError):
        return
    with suppress(FileNotFoundError, IsADirectoryError, NotADirectoryError):
        file_system.unlink(location)
