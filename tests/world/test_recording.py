"""Goal: what was recorded of a run repeats it event for event, also through its text and across a crash."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.fakes import Hazard
from cocoindex_sim.world import Dfs, Fifo, Pct, Policy, Recording, SeededRandom, Streams, World

PIPELINE = """
import asyncio
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs

@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@coco.fn(memo=True)
async def shout(file, output):
    text = await asyncio.to_thread(str.upper, await file.read_text())
    await asyncio.sleep(0.01)
    output.declare_file(file.file_path.name, text)

@coco.fn
async def main():
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(shout, localfs.walk_dir(pathlib.Path("in")).items(), target)

app = coco.App("Shout", main)
"""


def a_life_with_crashes(project: Path, seed: int, policy: Policy) -> World:
    """What happened: two crashes, the second in the middle of what the first had left to do."""
    with World(seed, policy=policy) as world:
        world.load("main.py", base=project)
        for name in "abcd":
            world.files.write(f"in/{name}", name.encode(), parents=True)
        for event in ("pre_committed", "committed"):
            world.start()
            world.run_until_event(event)
            world.crash()
            world.advance(1)
            world.restart()
        world.files.write("in/a", b"new")
        world.update()
        assert sorted(world.target_files().values()) == [b"B", b"C", b"D", b"NEW"]
        return world


@pytest.mark.parametrize(
    "policy",
    [
        Fifo(),
        SeededRandom(Streams(7).schedule),
        Pct(Streams(7).schedule, depth=5, decisions=100),
    ],
    ids=["fifo", "random", "pct"],
)
def test_a_replay_has_the_same_trace_event_for_event_across_crashes(tmp_path: Path, policy: Policy) -> None:
    (tmp_path / "main.py").write_text(PIPELINE)
    first = a_life_with_crashes(tmp_path, 7, policy)
    recording = first.recording()
    assert len(recording.choices) > 20 or isinstance(policy, Fifo)
    for again in (recording, Recording.parse(str(recording))):
        second = a_life_with_crashes(tmp_path, again.seed, again.policy())
        assert second.trace.entries == first.trace.entries
        assert list(second.trace.json_lines()) == list(first.trace.json_lines())
        if not isinstance(policy, Fifo):
            assert second.recording() == recording


def test_other_choices_are_another_trace(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PIPELINE)
    first = a_life_with_crashes(tmp_path, 7, SeededRandom(Streams(7).schedule))
    second = a_life_with_crashes(tmp_path, 7, Recording(7, (0, *first.recording().choices)).policy())
    assert second.trace.entries != first.trace.entries


def test_the_schedules_of_a_search_repeat_themselves_across_crashes(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PIPELINE)
    recordings = []
    for policy in itertools.islice(Dfs(deviations_max=1), 4):
        first = a_life_with_crashes(tmp_path, 7, policy)
        recordings.append(first.recording())
        assert a_life_with_crashes(tmp_path, 7, recordings[-1].policy()).trace.entries == first.trace.entries
    assert [sum(map(bool, recording.choices)) for recording in recordings] == [0, 1, 1, 1]
    assert len({str(recording) for recording in recordings}) == 4


def test_each_schedule_of_a_search_can_be_recorded() -> None:
    async def nothing() -> None:
        pass

    found = []
    for policy in Dfs():
        with World(policy=policy) as world:
            for _ in range(3):
                world.loop.create_task(nothing())
            world.settle()
            found.append(str(world.recording()))
    assert found == ["0.", "0.01", "0.1", "0.11", "0.2", "0.21"]


@pytest.mark.parametrize(
    ("choices", "text"),
    [
        ([], "3."),
        ([0, 0, 0], "3."),
        ([1, 0, 35, 0, 0], "3.10z"),
        ([36, 1], "3.-36-1"),
        ([0] * 12 + [2] * 4 + [40] * 5, "3.0_12_2222-40-_5_"),
    ],
)
def test_the_text_is_short_and_can_be_read(choices: list[int], text: str) -> None:
    assert str(Recording(3, tuple(choices))) == text


names = st.text(min_size=1, max_size=12) | st.sampled_from(["fs.read", "crash", "target.rows", "ack_lost"])
kept_steps = st.none() | st.sets(st.integers(0, 30)).map(sorted).map(tuple)
hazard_lists = st.none() | st.lists(st.builds(Hazard, names, st.integers(1, 99), names), max_size=4).map(tuple)


@given(
    st.integers(),
    st.lists(st.integers(0, 40) | st.just(0), max_size=60),
    st.integers(0, 9),
    kept_steps,
    hazard_lists,
    st.sets(st.integers(0, 30)).map(sorted).map(tuple),
)
def test_what_is_written_can_be_parsed_but_for_zeros_at_the_end(
    seed: int,
    choices: list[int],
    zeros: int,
    kept: tuple[int, ...] | None,
    hazards: tuple[Hazard, ...] | None,
    left_out: tuple[int, ...],
) -> None:
    text = str(Recording(seed, (*choices, *[0] * zeros), kept, hazards, left_out))
    parsed = Recording.parse(text)
    assert (parsed.seed, parsed.kept, parsed.hazards, parsed.left_out) == (seed, kept, hazards, left_out)
    assert [*parsed.choices, *[0] * (len(choices) - len(parsed.choices))] == choices
    assert not parsed.choices or parsed.choices[-1]
    # What a shell leaves alone, and every file system takes.
    assert re.fullmatch(r"-?[0-9]+\.[A-Za-z0-9._~+-]*", text)


@given(st.text("0123456789.kph_-+~ax", max_size=20))
def test_a_text_is_a_recording_or_refused(text: str) -> None:
    try:
        recording = Recording.parse(text)
    except ValueError as refusal:
        assert "recording" in str(refusal)
    else:
        assert Recording.parse(str(recording)) == recording


@pytest.mark.parametrize(
    ("recording", "text"),
    [
        (Recording(3, (), (0, 1, 2, 5), ()), "3..k0-2_5.h"),
        (Recording(3, (1,), ()), "3.1.k"),
        (Recording(3, (1,), (0,), (), (2, 3, 7)), "3.1.k0.p2-3_7.h"),
        (Recording(3, (1,), left_out=(2,)), "3.1.p2"),
        (
            Recording(3, (1,), None, (Hazard("fs.read", 2, "EIO"), Hazard("target.a b", 1, "ack_lost"))),
            "3.1.hfs.read~2~EIO+target.a-20b~1~ack_lost",
        ),
    ],
)
def test_steps_parts_and_hazards_come_after_the_choices(recording: Recording, text: str) -> None:
    assert str(recording) == text
    assert Recording.parse(text) == recording


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("17", "begins with a seed and a dot, as in '17.0012'; got '17'"),
        ("a.1", "got 'a.1'"),
        ("17.01A2", "'A2' is no choice, at character 6 of the recording '17.01A2'"),
        ("17.0_x_", "'_x_' is no choice, at character 5"),
        ("17.0.k2_1", "'1' is no step, at character 9 of the recording '17.0.k2_1': steps are numbers that rise"),
        ("17.0.k3-1", "'3-1' is no step, at character 7"),
        ("17.0.k1_", "a step is missing, at character 9"),
        ("17.0.p2_2", "'2' is no part, at character 9 of the recording '17.0.p2_2': parts are numbers that rise"),
        ("17.0.h.k1", "'.k1' is no hazard, at character 7"),
        ("17.0.hfs.read~0~EIO", "is no hazard, at character 7 of the recording '17.0.hfs.read~0~EIO': one is a site"),
        ("17.0.hfs.read~1~EIO+", "a hazard is missing, at character 21"),
        ("17.0.hfs-2~1~EIO", "is no hazard, at character 7"),
        ("17.0.x", "'.x' is no part of it, at character 5"),
    ],
)
def test_a_text_that_is_no_recording_is_refused_with_the_place(text: str, message: str) -> None:
    with pytest.raises(ValueError, match="recording") as caught:
        Recording.parse(text)
    assert message in str(caught.value)
