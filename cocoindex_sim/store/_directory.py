"""The state directory around the data: whose it is, its format, and the lock that admits one process.

db_path/sim/format.json    {"format": 1, "written_by": "0.1.0"}, written before anything else
db_path/sim/lock           held by the process that writes
db_path/sim/holder         its process id
db_path/sim/data.mdb       the records, with LMDB's own lock.mdb
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from ..values import StateError, StateFormatError, StateLockedError
from ._layout import FORMAT_VERSION

__all__ = ["DATA_FILE", "FORMAT_FILE", "SUBDIRECTORY", "check_directory", "claim_directory", "release_directory"]

SUBDIRECTORY: Final = "sim"
"""The part of `db_path` that is ours."""

FORMAT_FILE: Final = "format.json"
"""What says which version wrote the directory."""

DATA_FILE: Final = "data.mdb"
"""LMDB's file; also CocoIndex's, elsewhere."""

_CHOOSE_ANOTHER: Final = "choose another directory (Settings.db_path or COCOINDEX_DB)"


def _package_version() -> str:
    try:
        return version("cocoindex-sim")
    except PackageNotFoundError:
        return "unknown"


def _check_format(ours: Path) -> bool:
    file = ours / FORMAT_FILE
    try:
        content = json.loads(file.read_bytes())
        found = content["format"]
        written_by = content["written_by"]
        if type(found) is not int or found < 1:
            raise ValueError(f"format is {found!r}")
    except NotADirectoryError:
        raise
    except FileNotFoundError:
        if not (ours / DATA_FILE).exists():
            return False
        raise StateFormatError(
            f"{os.fspath(ours)!r} has state but no {FORMAT_FILE!r} that says who wrote it; it was left untouched:"
            f" restore the file, delete the directory, or {_CHOOSE_ANOTHER}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StateFormatError(
            f"{os.fspath(file)!r} can't be read ({type(error).__name__}: {error}); the directory was left untouched:"
            f" restore the file, delete the directory, or {_CHOOSE_ANOTHER}"
        ) from error
    if found > FORMAT_VERSION:
        raise StateFormatError(
            f"the state in {os.fspath(ours)!r} has format {found}, written by cocoindex-sim {written_by}; this is"
            f" cocoindex-sim {_package_version()}, which reads format {FORMAT_VERSION}; it was left untouched:"
            f" upgrade cocoindex-sim, or {_CHOOSE_ANOTHER}"
        )
    return True


def check_directory(directory: str) -> bool:
    """Whether `directory` holds state of ours, in a format this version reads. Changes nothing.

    Raises: StateFormatError for CocoIndex's own state or a format this version can't read, StateError for a path that
    is not a directory or can't be looked into.
    """
    path = Path(directory)
    try:
        if path.exists() and not path.is_dir():
            raise StateError(f"the state directory {directory!r} is not a directory; {_CHOOSE_ANOTHER}")
        for name in ("mdb", DATA_FILE):
            if (path / name).exists():
                raise StateFormatError(
                    f"{directory!r} holds CocoIndex's own state ({name!r}); it was left untouched, and can't be shared:"
                    f" {_CHOOSE_ANOTHER}"
                )
        return _check_format(path / SUBDIRECTORY)
    except OSError as error:
        raise _unusable(directory, error) from error


def claim_directory(directory: str) -> FileLock:
    """Create the directory where it is missing and hold it against other processes, until released or killed.

    Raises what `check_directory` raises, and StateLockedError, and StateError for a directory that can't be written.
    """
    check_directory(directory)
    ours = Path(directory) / SUBDIRECTORY
    try:
        ours.mkdir(parents=True, exist_ok=True)
        # Not the thread's own: whoever closes the store may be another thread.
        lock = FileLock(ours / "lock", thread_local=False)
        lock.acquire(timeout=0)
    except Timeout:
        raise StateLockedError(
            f"the state directory {directory!r} is held by another process{_holder(ours)}; wait until it ends or stop"
            f" it, or {_CHOOSE_ANOTHER}"
        ) from None
    except (OSError, NotImplementedError) as error:
        raise _unusable(directory, error) from error
    try:
        # The file of its own because old versions of filelock truncate theirs.
        (ours / "holder").write_text(str(os.getpid()))
        if not check_directory(directory):
            _write_format(ours)
    except OSError as error:
        lock.release()
        raise _unusable(directory, error) from error
    except BaseException:
        lock.release()
        raise
    return lock


def release_directory(directory: str, lock: FileLock) -> None:
    """Let other processes in."""
    with suppress(OSError):
        (Path(directory) / SUBDIRECTORY / "holder").unlink()
    lock.release()


def _holder(ours: Path) -> str:
    try:
        return f" (process {int((ours / 'holder').read_text())})"
    except (OSError, ValueError):
        return ""


def _write_format(ours: Path) -> None:
    new = ours / (FORMAT_FILE + ".new")
    content = {"format": FORMAT_VERSION, "written_by": _package_version()}
    with new.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(ours / FORMAT_FILE)


def _unusable(directory: str, error: Exception) -> StateError:
    return StateError(
        f"the state directory {directory!r} can't be used ({type(error).__name__}: {error}); make it readable and"
        f" writable, or {_CHOOSE_ANOTHER}"
    )
