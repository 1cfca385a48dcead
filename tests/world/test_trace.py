"""Goal: a trace holds every event with its moment, and its text depends on the run alone."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys

from cocoindex_sim.ports import Observer
from cocoindex_sim.values import Committed, ComponentFailed, PreCommitted, RunStarted, StablePath
from cocoindex_sim.world._loop import VirtualLoop
from cocoindex_sim.world._policy import SeededRandom
from cocoindex_sim.world._streams import Streams
from cocoindex_sim.world._trace import Trace

PATH = StablePath.of("a", 1)


def traced_run(seed: int) -> Trace:
    """Components that commit at a moment that the seed decides."""

    async def component(trace: Trace, name: str) -> None:
        for pause in (0, 0.5, 0):
            await asyncio.sleep(pause)
        trace.on_event(Committed(StablePath.of(name)))
        if name in {"b", "d"}:
            trace.on_event(ComponentFailed(StablePath.of(name), f"ValueError: {object()!r}"))

    async def main(trace: Trace) -> None:
        trace.on_event(RunStarted("app", "update"))
        trace.note("fs.write a.txt")
        await asyncio.gather(*(component(trace, name) for name in "abcd"))

    loop = VirtualLoop(SeededRandom(Streams(seed).schedule))
    trace = Trace(loop)
    loop.run_until_complete(main(trace))
    return trace


def test_an_entry_has_the_virtual_time_and_the_step() -> None:
    loop = VirtualLoop(start_ns=1_500_000_000)
    trace = Trace(loop)
    observer: Observer = trace
    observer.on_event(RunStarted("app", "update"))
    loop.call_later(0.25, trace.on_event, PreCommitted(PATH, (StablePath.of("t"),)))
    loop.call_later(0.25, trace.note, "fs.write a.txt")
    loop.advance(10**9)
    assert list(trace.lines()) == [
        "1.500000 0 run_started app=app mode=update",
        '1.750000 1 pre_committed path=/"a"/1 targets=[/"t"]',
        "1.750000 2 fs.write a.txt",
    ]
    assert [json.loads(line) for line in trace.json_lines()] == [
        {"time_ns": 1_500_000_000, "step": 0, "event": "run_started", "app": "app", "mode": "update"},
        {"time_ns": 1_750_000_000, "step": 1, "event": "pre_committed", "path": '/"a"/1', "targets": ['/"t"']},
        {"time_ns": 1_750_000_000, "step": 2, "note": "fs.write a.txt"},
    ]


def test_take_events_gives_each_event_once_and_no_notes() -> None:
    trace = Trace(VirtualLoop())
    assert trace.take_events() == []
    trace.on_event(Committed(PATH))
    trace.note("crash")
    assert trace.take_events() == [Committed(PATH)]
    assert trace.take_events() == []
    trace.on_event(RunStarted("app", "drop"))
    assert trace.take_events() == [RunStarted("app", "drop")]
    assert len(trace.entries) == 3


def test_another_process_writes_the_same_trace_and_another_seed_another_one() -> None:
    outputs = {
        subprocess.run(
            [sys.executable, __file__],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1")
    }
    assert outputs == {"".join(f"{line}\n" for line in (*traced_run(3).lines(), *traced_run(3).json_lines()))}
    assert list(traced_run(3).lines()) != list(traced_run(4).lines())


if __name__ == "__main__":
    for line in (*traced_run(3).lines(), *traced_run(3).json_lines()):
        print(line)
