"""Reference runs: the pipeline in a fresh world, from an empty state, on the sources as they were at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .._story import Story
from .._world import World
from ._reports import Reports, reports_in
from ._sources import Sources, fill
from ._targets import targets_of

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
        self._known: dict[object, Reference] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, sources: Sources) -> Reference:
        """What a fresh run makes of these sources. No world may be in the middle of a step."""
        key = _key(sources)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _run(self._story, sources)
        return found


def _key(sources: Sources) -> object:
    try:
        hash(sources)
    except TypeError:  # the values of a map are anything
        return repr(sources)
    return sources


def _run(story: Story, sources: Sources) -> Reference:
    error: Exception | None = None
    with World() as world:
        world.load(story.app, base=story.base, is_source=story.is_source)
        fill(world, sources)
        try:
            world.update()
        except Exception as raised:
            error = raised
        return Reference(targets_of(world), reports_in(world.trace.entries), error)
