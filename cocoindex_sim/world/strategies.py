"""Hypothesis strategies for stories: what happens is Hypothesis' to choose and to shrink, the schedule a seed's.

This module alone needs the package `hypothesis`. A property test of a connector:

    @given(stories("prices.py:Prices", HERE, script=map_scripts(), entries=map_entries()), seeds())
    def test_nothing_is_lost(story, seed):
        check(story, seed)

`seeds` is one integer, drawn apart from the story, so each shrinks without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

import hypothesis.strategies as st

from ._place import Place
from ._story import (
    Advance,
    Crash,
    DeleteKeys,
    MoveFile,
    Ready,
    RemoveFiles,
    Restart,
    SetKeys,
    Settle,
    Start,
    Step,
    Stop,
    Story,
    TouchFiles,
    Update,
    WriteFiles,
)

__all__ = ["file_scripts", "files", "map_entries", "map_scripts", "seeds", "stories"]

_FILE: Final = Path("(generated)")
_NOWHERE: Final = Place(_FILE)
_NAMES: Final = ("a.txt", "b.txt", "c.txt", "sub/a.txt")
_KEYS: Final = ("a", "b", "c")
_SIZE_MAX: Final = 6

Script = tuple[Step, ...]


def seeds() -> st.SearchStrategy[int]:
    """Seeds of schedules. They shrink towards 0, which is a seed like any other."""
    return st.integers(0, 2**32 - 1)


def _contents() -> st.SearchStrategy[bytes]:
    """Short texts, often the same one again."""
    return (st.sampled_from(["", "a", "b", "line\nline\n"]) | st.text(max_size=8)).map(str.encode)


def files(
    directory: str = "in", names: Sequence[str] = _NAMES, *, size_min: int = 1
) -> st.SearchStrategy[tuple[tuple[str, bytes], ...]]:
    """Files to begin with: some of these names below a directory, with contents; without one there is no directory."""
    paths = st.sampled_from([f"{directory}/{name}" for name in names])
    return st.dictionaries(paths, _contents(), min_size=size_min).map(lambda found: tuple(sorted(found.items())))


@st.composite
def file_scripts(
    draw: st.DrawFn,
    directory: str = "in",
    names: Sequence[str] = _NAMES,
    existing: Sequence[str] = (),
    size_max: int = _SIZE_MAX,
) -> Script:
    """What happens to files below a directory: writes, removals, moves and touches, each of them possible.

    `existing`: which of the paths there are at the beginning; only the others have to be written first.
    """
    paths = [f"{directory}/{name}" for name in names]
    there = set(existing)
    steps: list[Step] = []
    for _ in range(draw(st.integers(0, size_max))):
        known = sorted(there)
        kind = draw(st.sampled_from(["write", "remove", "move", "touch"] if known else ["write"]))
        if kind == "write":
            path = draw(st.sampled_from(paths))
            steps.append(WriteFiles(_NOWHERE, ((path, draw(_contents())),)))
            there.add(path)
            continue
        path = draw(st.sampled_from(known))
        if kind == "remove":
            steps.append(RemoveFiles(_NOWHERE, (path,)))
            there.remove(path)
        elif kind == "touch":
            steps.append(TouchFiles(_NOWHERE, ((path, None),)))
        else:
            target = draw(st.sampled_from(paths))
            steps.append(MoveFile(_NOWHERE, path, target))
            there = {*there - {path}, target}
    return tuple(steps)


def map_entries(name: str = "map", keys: Sequence[str] = _KEYS) -> st.SearchStrategy[tuple[tuple[str, str, str], ...]]:
    """What an external map holds at the beginning."""
    return st.dictionaries(st.sampled_from(keys), _values()).map(
        lambda found: tuple((name, key, value) for key, value in sorted(found.items()))
    )


def map_scripts(name: str = "map", keys: Sequence[str] = _KEYS, size_max: int = _SIZE_MAX) -> st.SearchStrategy[Script]:
    """What happens to an external map: keys get values, or go, also those that are not there."""
    key = st.sampled_from(keys)
    sets = st.builds(lambda key, value: SetKeys(_NOWHERE, ((name, key, value),)), key, _values())
    deletes = st.builds(lambda key: DeleteKeys(_NOWHERE, ((name, key),)), key)
    return st.lists(sets | deletes, max_size=size_max).map(tuple)


def _values() -> st.SearchStrategy[str]:
    return st.sampled_from(["1", "2", "3"])


@st.composite
def stories(
    draw: st.DrawFn,
    app: str,
    base: Path,
    *,
    script: st.SearchStrategy[Script] | None = None,
    given: st.SearchStrategy[tuple[tuple[str, bytes], ...]] | None = None,
    entries: st.SearchStrategy[tuple[tuple[str, str, str], ...]] | None = None,
    live: st.SearchStrategy[bool] | None = None,
    crashes: bool = False,
    watch: str = "inotify",
    oracles_off: tuple[tuple[str, str], ...] = (),
) -> Story:
    """Whole stories without expectations, for the oracles to judge: a script, told while updates run or between them.

    `app`: a pipeline, or a connector under test when `entries` of external maps are given; relative to `base`.
    `script`: what happens outside, by default to the files `given`. `live`: whether there is one live update, or
    updates to catch up. With `crashes`, the process may die between two steps, and is restarted. Steps are numbered in
    place of lines.
    """
    begin = draw(given) if given is not None else ()
    if script is None:
        script = file_scripts(existing=[path for path, _ in begin])
    outside = draw(script)
    is_live = draw(st.booleans() if live is None else live)
    steps = _live(draw, outside, crashes) if is_live else _catching_up(draw, outside, crashes)
    return Story(
        name="generated",
        place=Place(_FILE, 1),
        app=app,
        app_place=Place(_FILE, 1),
        base=base,
        steps=tuple(replace(step, place=Place(_FILE, number)) for number, step in enumerate(steps, 1)),
        files=begin,
        watch=watch,
        entries=() if entries is None else draw(entries),
        is_source=entries is not None,
        oracles_off=oracles_off,
    )


def _catching_up(draw: st.DrawFn, outside: Script, crashes: bool) -> list[Step]:
    steps: list[Step] = []
    for step in outside:
        if draw(st.booleans()):
            steps.append(Update(_NOWHERE))
        if crashes and draw(st.integers(0, 3)) == 3:
            steps += (Crash(_NOWHERE), Restart(_NOWHERE))
        steps.append(step)
    return [*steps, Update(_NOWHERE)]


def _live(draw: st.DrawFn, outside: Script, crashes: bool) -> list[Step]:
    start = Start(_NOWHERE, live=True)
    pauses: tuple[Step | None, ...] = (
        None,
        Settle(_NOWHERE),
        Ready(_NOWHERE),
        Advance(_NOWHERE, timedelta(milliseconds=50)),
        Advance(_NOWHERE, timedelta(minutes=1)),
    )
    steps: list[Step] = [start]
    for step in outside:
        pause = draw(st.sampled_from(pauses))
        if pause is not None:
            steps.append(pause)
        if crashes and draw(st.integers(0, 3)) == 3:
            steps += (Crash(_NOWHERE), Restart(_NOWHERE), start)
        steps.append(step)
    return [*steps, Ready(_NOWHERE), Settle(_NOWHERE), Stop(_NOWHERE)]
