"""Reference runs: the pipeline in a fresh world, from an empty state, on the sources as they were at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .._story import Story
from .._world import World
from ._reports import Reports, reports_in
from ._sources import Sources, fill

__all__ = ["Reference", "References"]


class Reference(NamedTuple):
    """The targets after one catch-up update, what it reported, and the error it raised."""

    targets: Mapping[str, object]
    reports: Reports
    error: Exception | None


class References:
    """The reference runs of one story: one for each content of its sources, made when it is asked for."""

    def __init__(self, story: Story) -> None:
        self._story = story
        self._known: dict[Sources, Reference] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, sources: Sources) -> Reference:
        """What a fresh run makes of these sources. No world may be in the middle of a step."""
        found = self._known.get(sources)
        if found is None:
            found = self._known[sources] = _run(self._story, sources)
        return found


def _run(story: Story, sources: Sources) -> Reference:
    error: Exception | None = None
    with World() as world:
        world.load(story.app, base=story.base, is_source=story.is_source)
        fill(world, sources)
        try:
            world.update()
        except Exception as raised:
            error = raised
        return Reference(world.target_files(), reports_in(world.trace.entries), error)
