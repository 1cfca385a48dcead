"""What is in the targets of a world, by key: paths of files, and `target/key` of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...values import StableKey, key_text

if TYPE_CHECKING:
    from .._world import World

__all__ = ["row_key", "rows_of", "targets_of"]


def row_key(target: str, key: StableKey) -> str:
    """How a row of a simulated target is called here."""
    return f"{target}/{key if isinstance(key, str) else key_text(key)}"


def rows_of(world: World) -> dict[str, object]:
    """The rows of every simulated target."""
    return {row_key(name, key): value for name, target in world.targets.items() for key, value in target.rows.items()}


def targets_of(world: World) -> dict[str, object]:
    """Everything that the pipeline brought about: files by path relative to the working directory, and rows."""
    return {**world.target_files(), **rows_of(world)}
