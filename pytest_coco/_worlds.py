"""Makes the world of a test that takes one, and tells about it when the test fails."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import cocoindex_sim
import pytest_coco
from cocoindex_sim.values import LimitError
from cocoindex_sim.world import DrawnHazards, Fifo, Hazards, Pct, Policy, Recording, SeededRandom, Streams, World

from ._limits import limit_lines, limits_of
from ._marker import marker_values
from ._options import LAYERS, TABLE, Options
from ._report import indented, tail_lines
from ._traces import write_trace

__all__ = ["leave_out_frames", "make_world", "world_report", "write_world_trace"]

# What a story can be asked for, and a function can't: it has no steps, and can't be killed between them.
_FOR_SCENARIOS = ("crashes", "check_determinism", "shrink")


def make_world(node: Any, options: Options, seed: int, run: int | None) -> World:
    """The world for one run of a test, as its marker and the options say."""
    marked = marker_values(node)
    for name in _FOR_SCENARIOS:
        if name in marked:
            pytest.fail(
                f"the marker coco of {node.name!r} says {name}, which is for scenarios: a test that drives a world"
                " itself is run once for each of `runs`",
                pytrace=False,
            )
    limits = limits_of(options)
    recording = None if options.replay is None else Recording.parse(options.replay)
    streams = Streams(seed)
    return World(
        seed if recording is None else recording.seed,
        policy=_policy(node, options, streams, run) if recording is None else recording.policy(),
        hazards=_hazards(options, streams) if "faults" in marked else None,
        steps_max=limits.steps_max,
        events_max=limits.events_max,
        time_ns_max=limits.time_ns_max,
    )


def _policy(node: Any, options: Options, streams: Streams, run: int | None) -> Policy:
    if run == 0 or (run is None and "policy" not in marker_values(node)) or options.policy == "fifo":
        return Fifo()
    if options.policy == "dfs":
        pytest.fail(
            f"{node.name!r} drives a world itself, and a search needs to run it again and again: take another policy,"
            " or cocoindex_sim.world.explore(function, policy='dfs')",
            pytrace=False,
        )
    if options.policy == "pct":
        return Pct(streams.schedule, depth=options.pct_depth)
    return SeededRandom(streams.schedule)


def _hazards(options: Options, streams: Streams) -> Hazards | None:
    if options.faults == frozenset():
        return None
    return DrawnHazards(streams.faults, rate=0.1, kinds=options.faults)


_PACKAGES = tuple(str(Path(module.__file__ or "").parent) + os.sep for module in (pytest_coco, cocoindex_sim))


def leave_out_frames(error: pytest.ExceptionInfo[BaseException]) -> None:
    """Have an error shown where the test, and the pipeline, is, without the frames of these packages.

    pytest's `--full-trace` shows them.
    """
    frames, kept = [], None
    raw: TracebackType | None = error.tb
    while raw is not None:
        frames.append(raw)
        raw = raw.tb_next
    for each in reversed(frames):  # as tracebacks, for pytest cuts them once more, and goes by their links
        if not each.tb_frame.f_code.co_filename.startswith(_PACKAGES):
            kept = TracebackType(kept, each.tb_frame, each.tb_lasti, each.tb_lineno)
    if kept is not None:
        error.traceback = type(error.traceback)(kept)


def world_report(item: pytest.Item, world: World, error: BaseException | None = None) -> str:
    """What a failed test with a world has to say beside its traceback: how to repeat it, and what happened."""
    lines = limit_lines(str(error)) if isinstance(error, LimitError) else []
    lines += ["replay (from the rootdir):", f"  {_command(item)}"]
    lines += tail_lines(list(world.trace.lines()))
    waiting = world.loop.waiting()
    if waiting:
        lines += ["", "who waits where:", *indented(waiting.splitlines())]
    return "\n".join(lines)


def _command(item: pytest.Item) -> str:
    layers = item.config.stash[LAYERS]
    given = {**layers.drawn, **layers.line}
    options = [each.written(given[each.name]) for each in TABLE if each.is_per_test and each.name in given]
    return " ".join(["pytest", shlex.quote(item.nodeid), *options])


def write_world_trace(directory: Path | None, nodeid: str, world: World) -> None:
    """Keep the trace of a test's world, where traces are asked for."""
    write_trace(directory, nodeid, "test", world.trace)
