"""What the kernel tells of every change, at once and in order; `_watching` makes of it what a watch would tell."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ._inodes import Writer

__all__ = ["KernelChange"]


class KernelChange(NamedTuple):
    """One change of one name, made by `writer`.

    `path` is absolute, without links; `before` is where a name that was moved stood.

    `modified` is the content, `touched` time or permissions. A name moved over another, and a file whose content is
    replaced in one step, are `moved` too: the latter from nowhere, so `before` is empty.
    """

    kind: Literal["added", "modified", "touched", "removed", "moved"]
    path: str
    writer: Writer = "script"
    is_dir: bool = False
    before: str = ""
