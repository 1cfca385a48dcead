"""Reference runs: the pipeline in a fresh world, from an empty state, on the sources as they were at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Final, NamedTuple

from ...values import ComponentFailed, ComponentReady, ComponentRemoved, ComponentStarted, StablePath
from .._silence import silent_logs
from .._story import Story
from .._trace import Entry
from .._world import World
from ._reports import Reports, reports_in
from ._sources import Sources, fill
from ._targets import targets_of

__all__ = ["STEPS_MAX", "TIME_NS_MAX", "Reference", "References", "shared_references"]


STEPS_MAX: Final = 1_000_000
"""How many steps what is judged may take."""
TIME_NS_MAX: Final = 86_400_000_000_000
"""How long it may take, in virtual nanoseconds: a day, in which what looks every hour has looked a few times."""


class Reference(NamedTuple):
    """The targets of a run that had nothing left to do, what it reported, and the error it raised."""

    targets: Mapping[str, object]
    reports: Reports
    error: Exception | None


_shared: dict[object, dict[object, Reference]] | None = None


@contextmanager
def shared_references() -> Iterator[None]:
    """Have the stories of a block share their reference runs where they have the same pipeline.

    Its files must not change meanwhile. A run of a trivial story takes half the time if another had the same sources.
    """
    global _shared
    before, _shared = _shared, {}
    try:
        yield
    finally:
        _shared = before


class References:
    """The reference runs of one story: one for each content of its sources, made when it is asked for."""

    def __init__(self, story: Story) -> None:
        self._story = story
        pipeline = story.app, story.base, story.is_source, story.drivers
        self._known: dict[object, Reference] = {} if _shared is None else _shared.setdefault(pipeline, {})

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
    with World(steps_max=STEPS_MAX, time_ns_max=TIME_NS_MAX) as world, silent_logs():
        world.employ(story.drivers, story.base)
        world.load(story.app, base=story.base, is_source=story.is_source)
        fill(world, sources)
        try:
            _bring_about(world)
        except Exception as raised:
            error = raised
        return Reference(targets_of(world), reports_in(world.trace.entries), error)


def _bring_about(world: World) -> None:
    """A live update that has nothing left to do: it holds what is right also where one is ready too early."""
    world.start(live=True)
    world.wait_ready()
    if world.running:
        world.settle()
    if not world.running:
        world.finish()
    elif _is_at_work(world.trace.entries):
        world.stop()
        world.update()


def _is_at_work(entries: Iterable[Entry]) -> bool:
    at_work: set[StablePath] = set()
    for entry in entries:
        event = entry.what
        if isinstance(event, ComponentStarted):
            at_work.add(event.path)
        elif isinstance(event, ComponentReady | ComponentFailed | ComponentRemoved):
            at_work.discard(event.path)
    return bool(at_work)
