"""Looks, before anything is run, whether what was asked for can be written afterwards."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ._options import Options

__all__ = ["check_paths"]


def check_paths(options: Options) -> None:
    """Make the directories of the files that are asked for.

    Raises: pytest.UsageError for one that can't be there.
    """
    for name, path in ("report", options.report), ("conformance", options.conformance):
        if path is not None:
            _make(name, path, path.parent)
            if path.is_dir():
                _refuse(name, path, "it is a directory; name a file")
    if options.trace is not None:
        _make("trace", options.trace, options.trace)


def _make(name: str, path: Path, directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _refuse(name, path, f"there is no directory {str(directory)!r}, and none can be made ({error.strerror})")
    if not os.access(directory, os.W_OK):
        _refuse(name, path, f"nothing can be written into {str(directory)!r}")


def _refuse(name: str, path: Path, why: str) -> None:
    raise pytest.UsageError(f"--coco-{name} or coco_{name}: can't write {str(path)!r}: {why}")
