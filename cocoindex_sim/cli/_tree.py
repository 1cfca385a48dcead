"""Paths below each other: as trees two spaces further in for each part, and target states as a list with owners."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence

from ..ports import StateSpace, TargetRecord
from ..values import ROOT_PATH, StableKey, StablePath

__all__ = ["path_tree_lines", "target_lines", "target_owners", "target_tree_lines"]

Owner = tuple[StablePath, StablePath]
"""A target state, and the component that owns it."""


def path_tree_lines(paths: Sequence[StablePath], components: Container[StablePath]) -> Iterator[str]:
    """The tree of components and the directories between them."""
    if not paths:
        yield "(none)"
    for path in paths:
        keys = path.parts()
        label = _label(keys[-1]) if keys else "/"
        yield f"{'  ' * (len(keys) - 1)}- {label}" + (" [component]" if path in components else "")


def _label(key: StableKey) -> str:
    """A key as Python shows it; a string as it is if it can be printed."""
    text = str(key)
    return text if text.isprintable() else repr(key)


def target_owners(space: StateSpace) -> list[Owner]:
    """The target states on record, sorted, with their owners."""
    found: list[Owner] = []
    after = None
    while page := space.scan("target", ROOT_PATH, after=after):
        found.extend((key.path, StablePath(record.owner)) for key, record in page if isinstance(record, TargetRecord))
        after = page[-1][0]
    return found


def target_lines(owners: Sequence[Owner], text: Callable[[StablePath], str]) -> Iterator[str]:
    """Each target state, with its owner below it. `text`: how target states are shown."""
    for path, owner in owners:
        yield f"  {text(path)}"
        yield f"    owner:{owner}"


def target_tree_lines(owners: Sequence[Owner], text: Callable[[StablePath], str]) -> Iterator[str]:
    """The tree of target states below their providers and containers."""
    shown: set[StablePath] = set()
    for path, owner in owners:
        nodes = [*path.ancestors(), path][1:]  # there is nothing at the root
        for depth, node in enumerate(nodes):
            if node not in shown:
                shown.add(node)
                label = text(StablePath.of(node.parts()[-1])).removeprefix("/")
                yield f"{'  ' * depth}- {label}" + (f" owner:{owner}" if node == path else "")
