"""Paths inside a scenario: relative to the world's working directory, with forward slashes."""

from __future__ import annotations

from ._node import Node

__all__ = ["read_path", "read_paths"]


def read_path(text: str, node: Node) -> str:
    """`text` as a path; `node` is where it is written."""
    parts = text.split("/")
    if text.startswith("/") or ".." in parts:
        node.fail(f"{text!r} leads out of the world's working directory; write a path below it")
    if "" in parts or "." in parts:
        node.fail(f"{text!r} is not a plain path; write it as in 'docs/a.md'")
    return text


def read_paths(node: Node) -> tuple[str, ...]:
    """One path, or a list of them, each once."""
    if not node.is_list:
        return (read_path(node.text("a path or a list of paths"), node),)
    paths: dict[str, None] = {}
    for item in node.items("a list of paths"):
        path = read_path(item.text("a path"), item)
        if path in paths:
            item.fail(f"{path!r} is in this list twice")
        paths[path] = None
    return tuple(paths)
