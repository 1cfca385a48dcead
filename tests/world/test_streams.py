"""Goal: the streams of a seed are independent, and the same in every process."""

from __future__ import annotations

import os
import subprocess
import sys

from cocoindex_sim.world._streams import Streams


def test_a_draw_from_one_stream_does_not_move_another() -> None:
    alone = [Streams(7).faults.random() for _ in range(1)]
    streams = Streams(7)
    for _ in range(100):
        streams.schedule.random()
        streams.fs.random()
    assert [streams.faults.random()] == alone


def test_streams_and_seeds_differ_and_a_stream_is_one_object() -> None:
    streams = Streams(7)
    draws = {stream.random() for stream in (streams.schedule, streams.faults, streams.fs, streams.user)}
    draws |= {Streams(8).schedule.random(), Streams(7).stream("kafka").random()}
    assert len(draws) == 6
    assert streams.stream("fs") is streams.fs


def test_another_process_draws_the_same() -> None:
    program = "from cocoindex_sim.world._streams import Streams; print(Streams(7).user.random())"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("0", "1")
    }
    assert outputs == {str(Streams(7).user.random())}
