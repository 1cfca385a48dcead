"""Whole runs of a pipeline in a simulated world: twenty Markdown files, followed live through thirty changes.

A run is a new world with an empty store in memory, a seeded random schedule and its trace on: the pipeline is loaded
and started, every change is settled before the next one, and the update is stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cocoindex_sim.world import (
    Case,
    Judges,
    Place,
    Ready,
    RemoveFiles,
    SeededRandom,
    Settle,
    Start,
    Step,
    Stop,
    Story,
    WriteFiles,
    attempt,
)

_ROOT = Path(__file__).resolve().parent.parent
_HERE = Place(Path(__file__))
_FILES = 20
_CHANGES = 30

PIPELINES = {
    "plain": "benchmarks/plain_pages/main.py",
    "markdown": "examples/markdown_to_html/main.py",
}


def _path(number: int) -> str:
    return f"docs/{number % 4}/{number}.md"


def _page(number: int) -> bytes:
    return f"# Page {number}\n\nSome *text* of revision {number}, and `code`.\n\n* one\n* two\n".encode()


def _change(number: int) -> Step:
    """An edit, then a new file, then its end, and so on: there are twenty files again when all is done."""
    if number % 3 == 0:
        return WriteFiles(_HERE, ((_path(number % _FILES), _page(number + 100)),))
    if number % 3 == 1:
        return WriteFiles(_HERE, ((_path(_FILES + number), _page(number)),))
    return RemoveFiles(_HERE, (_path(_FILES + number - 1),))


def story(pipeline: str) -> Story:
    """The story, for one of `PIPELINES`."""
    changes = (step for number in range(_CHANGES) for step in (_change(number), Settle(_HERE)))
    return Story(
        name=pipeline,
        place=_HERE,
        app=PIPELINES[pipeline],
        app_place=_HERE,
        base=_ROOT,
        steps=(Start(_HERE, live=True), Ready(_HERE), *changes, Stop(_HERE)),
        files=tuple((_path(number), _page(number)) for number in range(_FILES)),
    )


def runner(pipeline: str, *, oracles: bool) -> Callable[[int], None]:
    """What performs one run, given its seed. With `oracles`, all that judge a single run do."""
    told = story(pipeline)
    judges = Judges(told) if oracles else None

    def run(seed: int) -> None:
        case = Case(told, seed, policy=lambda streams: SeededRandom(streams.schedule))
        outcome = attempt(case, judges=judges)
        if outcome.failure is not None:
            raise outcome.failure

    return run
