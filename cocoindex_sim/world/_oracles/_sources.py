"""What a pipeline can see of its sources at one moment, as a value: compared, cached by, and put into a fresh world."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple

from ...fakes.filesystem import Directory, File, FileKernel, Link

if TYPE_CHECKING:
    from .._world import World

__all__ = ["Sources", "fill", "sources_of"]


class Sources(NamedTuple):
    """Everything that the story, not the pipeline, put into the file system, by path in the order it stands there.

    Each entry is path, kind, content or link target, and mode. Modification times are left out.
    """

    entries: tuple[tuple[str, str, bytes | str | None, int], ...]


def sources_of(files: FileKernel, made_by_pipeline: Collection[str]) -> Sources:
    """The sources as they are, without the directories that the pipeline made."""
    entries: list[tuple[str, str, bytes | str | None, int]] = []
    for below, node in files.walk():
        path = f"/{below}"
        if isinstance(node, File):
            if node.writer == "script":
                entries.append((path, "file", node.data, node.mode))
        elif isinstance(node, Link):
            entries.append((path, "link", node.target, 0))
        elif isinstance(node, Directory) and path not in made_by_pipeline:
            entries.append((path, "directory", None, node.mode))
    return Sources(tuple(entries))


def fill(world: World, sources: Sources) -> None:
    """Put these sources into a world where a pipeline is loaded and nothing has happened yet."""
    files = world.files
    for path, kind, content, _ in sources.entries:
        if kind == "directory":
            files.mkdir(path, parents=True)
        elif kind == "file":
            assert isinstance(content, bytes)
            files.write(path, content, parents=True)
    for path, kind, content, mode in sources.entries:
        if kind == "link":
            files.symlink(str(content), path)
        elif mode != (0o755 if kind == "directory" else 0o644):
            files.chmod(path, mode)
