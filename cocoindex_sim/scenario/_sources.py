"""Connectors that scenarios may call by a short name, wherever their files are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["forget_source", "register_source", "registered_sources", "resolved_source"]

_registered: Final[dict[str, tuple[Path, str]]] = {}


def register_source(name: str, target: str, base: Path) -> None:
    """Let scenarios say `source: name` for `path/prices.py:prices`, which is relative to `base`.

    Raises: ValueError for a name that is no word, or a target that names nothing in a Python file that is there.
    """
    file, colon, factory = target.rpartition(":")
    if not name.isidentifier():
        raise ValueError(f"{name!r} can't be the name of a source; write a word, as in 'prices'")
    if not colon or not factory.isidentifier() or not file.endswith(".py"):
        raise ValueError(
            f"source {name!r} is {target!r}; write a Python file and what makes it, as in 'path/prices.py:prices'"
        )
    path = (base / file).resolve()
    if not path.is_file():
        raise ValueError(f"source {name!r} is {target!r}, and there is no file {str(path)!r}")
    _registered[name] = path, factory


def forget_source(name: str) -> None:
    """Undo a `register_source`."""
    _registered.pop(name, None)


def registered_sources() -> tuple[str, ...]:
    """The names that `register_source` was told."""
    return tuple(_registered)


def resolved_source(text: str, base: Path) -> str:
    """What a scenario in the directory `base` means by `source: text`, as a path relative to it."""
    if text not in _registered:
        return text
    path, factory = _registered[text]
    return f"{Path(os.path.relpath(path, base.resolve())).as_posix()}:{factory}"
