"""What has happened in a test's world, in order, and expectations about that order."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import NamedTuple

from cocoindex_sim.values import EVENT_NAMES, Event, StablePath, event_name, event_text, key_text
from cocoindex_sim.world import World

from ._unmet import refuse

__all__ = ["CocoTimeline", "Happening"]

LINES_MAX = 20


class Happening(NamedTuple):
    """One thing that happened: an event of the engine, or what the world notes, such as a row written to a target.

    `seconds`: virtual, since the world began; `step`: of the run, from 1. `name`: of the event, empty for a note.
    `path`: the component's, as in `/docs/a.txt`, empty for none. `text`: all of it, as the trace has it.
    """

    seconds: float
    step: int
    name: str
    path: str
    text: str

    def matches(self, pattern: str) -> bool:
        """Whether it is what an expectation means: `component_ready`, `component_ready /docs/*`, or a note's text."""
        known = (self.name, f"{self.name} {self.path}") if self.name else ()
        return any(pattern == text or fnmatchcase(text, pattern) for text in (*known, self.text))

    def __str__(self) -> str:
        return f"{self.seconds:.6f} s, step {self.step}: {f'{self.name} {self.path}' if self.path else self.text}"


def _plain(path: StablePath) -> str:
    return "/" + "/".join(part if isinstance(part, str) else key_text(part) for part in path.parts())


def _happening(time_ns: int, step: int, what: Event | str) -> Happening:
    if isinstance(what, str):
        return Happening(time_ns / 1e9, step, "", "", what)
    path = getattr(what, "path", None)
    return Happening(time_ns / 1e9, step, event_name(what), "" if path is None else _plain(path), event_text(what))


def _ready_text(path: str) -> str:
    """What is expected of a component that becomes ready; of a live one, both events have its path."""
    return f"*_ready {path}"


class CocoTimeline:
    """What has happened in a world, with virtual times.

    A pattern is the name of an event, with the path of its component if that matters (`component_ready /docs/a.txt`),
    or the text of a note (`crash`, `target mirror: 'a' = 1`). `*` stands for any text. Expectations raise `Unmet`.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._from = 0

    def forget(self) -> None:
        """Look from now on only at what comes after this moment."""
        self._from = len(self._world.trace.entries)

    @property
    def happenings(self) -> list[Happening]:
        """Everything since the beginning, or since `forget`."""
        return [_happening(*entry) for entry in self._world.trace.entries[self._from :]]

    def times(self, pattern: str) -> list[Happening]:
        """Each time that this happened."""
        return [happening for happening in self.happenings if happening.matches(pattern)]

    def expect(self, pattern: str, *, times: int | None = None) -> list[Happening]:
        """This has happened, so many times if that is said; each of them."""
        __tracebackhide__ = True
        found = self.times(pattern)
        if times is None and not found:
            refuse(f"{pattern!r} never happened", self._around(pattern))
        if times is not None and len(found) != times:
            lines = [str(happening) for happening in found] or self._around(pattern)
            refuse(f"{pattern!r} happened {len(found)} times, not {times}", _tail(lines))
        return found

    def expect_never(self, pattern: str) -> None:
        """This has not happened. ValueError for what looks like an event and is none, as that never happens anyway."""
        __tracebackhide__ = True
        _check_event(pattern)
        found = self.times(pattern)
        if found:
            refuse(f"{pattern!r} happened, and should never have", _tail([str(each) for each in found]))

    def expect_order(self, *patterns: str) -> None:
        """Each of these has happened, for the first time after the one before it."""
        __tracebackhide__ = True
        first: list[tuple[int, str, Happening]] = []
        happenings = self.happenings
        for pattern in patterns:
            at = next((at for at, each in enumerate(happenings) if each.matches(pattern)), None)
            if at is None:
                refuse(f"{pattern!r} never happened", self._around(pattern))
            first.append((at, pattern, happenings[at]))
        for (at, pattern, _), (next_at, next_pattern, _) in itertools.pairwise(first):
            if next_at <= at:
                found = sorted(first)
                lines = ["expected   " + ", then ".join(patterns), *(f"happened   {each}" for _, _, each in found)]
                refuse(f"{next_pattern!r} came before {pattern!r}", lines)

    def expect_ready_order(self, *paths: str) -> None:
        """The components at these paths became ready, for the first time each, in this order."""
        __tracebackhide__ = True
        self.expect_order(*(_ready_text(path) for path in paths))

    def lines(self) -> list[str]:
        """The timeline as text, a line for each thing."""
        return [str(happening) for happening in self.happenings]

    def _around(self, pattern: str) -> list[str]:
        """What is worth knowing when nothing matches: a name that is near, and what did happen."""
        name = pattern.partition(" ")[0]
        alike = [each for each in self.happenings if each.name == name or (each.name and fnmatchcase(each.name, name))]
        if alike:
            return ["others of that name:", *_tail([f"  {each}" for each in alike])]
        near = [] if name in EVENT_NAMES or "*" in name else get_close_matches(name, EVENT_NAMES, 1)
        meant = [f"no event is called {name!r}; did you mean {near[0]!r}?"] if near else []
        return [*meant, "the end of the timeline:", *_tail([f"  {line}" for line in self.lines()])]


def _check_event(pattern: str) -> None:
    """ValueError for a pattern that can't match because no event has this name. Notes are any text with blanks."""
    __tracebackhide__ = True
    name, _, path = pattern.partition(" ")
    if "*" in name or name in EVENT_NAMES or (path and not path.startswith("/")):
        return
    near = get_close_matches(name, EVENT_NAMES, 1)
    if near:
        raise ValueError(f"no event is called {name!r}; did you mean {near[0]!r}? known: {', '.join(EVENT_NAMES)}")


def _tail(lines: Iterable[str]) -> list[str]:
    kept = list(lines)
    more = len(kept) - LINES_MAX
    return kept if more <= 0 else [f"... {more} more before", *kept[-LINES_MAX:]]
