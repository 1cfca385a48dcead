"""What a pipeline can see of its sources at one moment, as a value: compared, cached by, and put into a fresh world."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from ...fakes.filesystem import Directory, File, Link
from ...fakes.maps import MapChange

if TYPE_CHECKING:
    from .._world import World

__all__ = ["Sources", "fill", "sources_of"]

_Entry: TypeAlias = tuple[str, str, bytes | str | None, int]


class Sources(NamedTuple):
    """Everything that the story, not the pipeline, put into the file system, and what happened to the external maps.

    `files`: path, kind, content or link target, and mode of each, in the order it stands there. Modification times are
    left out. `maps`: the whole log of each, by name.
    """

    files: tuple[_Entry, ...]
    maps: tuple[tuple[str, tuple[MapChange, ...]], ...] = ()

    def until(self, name: str, count: int) -> Sources:
        """The same when only the first `count` changes of a map had happened."""
        maps = tuple((each, log[:count] if each == name else log) for each, log in self.maps)
        return self._replace(maps=maps)


def sources_of(world: World, made_by_pipeline: Collection[str]) -> Sources:
    """The sources as they are, without the directories that the pipeline made."""
    entries: list[_Entry] = []
    for below, node in world.files.walk():
        path = f"/{below}"
        if isinstance(node, File):
            if node.writer == "script":
                entries.append((path, "file", node.data, node.mode))
        elif isinstance(node, Link):
            entries.append((path, "link", node.target, 0))
        elif isinstance(node, Directory) and path not in made_by_pipeline:
            entries.append((path, "directory", None, node.mode))
    maps = sorted(world.external.maps.items())
    return Sources(tuple(entries), tuple((name, tuple(each.log)) for name, each in maps if each.log))


def fill(world: World, sources: Sources) -> None:
    """Put these sources into a world where a pipeline is loaded and nothing has happened yet."""
    files = world.files
    for path, kind, content, _ in sources.files:
        if kind == "directory":
            files.mkdir(path, parents=True)
        elif kind == "file":
            assert isinstance(content, bytes)
            files.write(path, content, parents=True)
    for path, kind, content, mode in sources.files:
        if kind == "link":
            files.symlink(str(content), path)
        elif mode != (0o755 if kind == "directory" else 0o644):
            files.chmod(path, mode)
    for name, log in sources.maps:
        world.map(name).replay(log)
