"""Goal: one run is decided by its case alone, repeated by its recording, and goes on past what goes wrong."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cocoindex_sim.fakes import CRASH_SITE, Hazard
from cocoindex_sim.world import (
    Advance,
    Case,
    Draw,
    Exactly,
    Expect,
    ExpectationFailed,
    Outcome,
    Place,
    Ready,
    Recording,
    SeededRandom,
    Start,
    Step,
    Stop,
    Story,
    Update,
    World,
    WriteFiles,
    attempt,
)

PIPELINE = """
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs

@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@coco.fn(memo=True)
async def shout(file, output):
    output.declare_file(file.file_path.name, (await file.read_text()).upper())

@coco.fn
async def main():
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(shout, localfs.walk_dir(pathlib.Path("in"), live=True).items(), target)

app = coco.App("Shout", main)
"""
PLACE = Place(Path("x.coco.yaml"), 1, 1)


def at(line: int) -> Place:
    return Place(Path("x.coco.yaml"), line, 1)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(PIPELINE)
    return tmp_path


def story_of(project: Path, *steps: Step) -> Story:
    files = (("in/a", b"a"), ("in/b", b"b"))
    return Story("shouting", PLACE, "main.py", PLACE, project, steps, files, watch="perfect")


def live_story(project: Path) -> Story:
    return story_of(
        project,
        Start(at(2), live=True),
        Ready(at(3)),
        WriteFiles(at(4), (("in/a", b"aa"), ("in/c", b"c"))),
        Advance(at(5), timedelta(seconds=5)),
        Expect(at(6), targets=(("out/a", Exactly(b"AA")), ("out/b", Exactly(b"B")), ("out/c", Exactly(b"C")))),
        Stop(at(7)),
        Update(at(8)),
    )


class Looker:
    """Attends runs, and keeps what it saw at the end of each."""

    def __init__(self) -> None:
        self.changes = 0
        self.seen: list[tuple[bool, dict[str, bytes]]] = []

    def attend(self, world: World) -> Looker:
        self.world = world
        return self

    def source_changed(self) -> None:
        self.changes += 1

    def judge(self, *, supervised: bool) -> None:
        self.seen.append((supervised, self.world.target_files()))


def lines(outcome: Outcome) -> list[str]:
    return list(outcome.trace.lines())


def test_a_case_without_hazards_is_judged_by_its_expectations(project: Path) -> None:
    looker = Looker()
    assert attempt(Case(live_story(project)), judges=looker).failure is None
    assert (looker.changes, [supervised for supervised, _ in looker.seen]) == (2, [False])
    wrong = story_of(project, Update(at(2)), Expect(at(3), targets=()))
    outcome = attempt(Case(wrong))
    assert isinstance(outcome.failure, ExpectationFailed)
    assert (outcome.failure.place, outcome.oracle) == (at(3), "")


def test_the_expectations_of_a_supervised_run_do_not_count(project: Path) -> None:
    wrong = story_of(project, Update(at(2)), Expect(at(3), targets=()))
    assert attempt(Case(wrong, draw=Draw(faults_max=0))).failure is None


def test_the_same_case_gives_the_same_run_and_its_recording_repeats_it(project: Path) -> None:
    def seeded(seed: int) -> Case:
        return Case(
            live_story(project), seed, lambda streams: SeededRandom(streams.schedule), Draw(rate=0.1), crash_at=3 + seed
        )

    sites: set[str] = set()
    for seed in range(8):
        first = attempt(seeded(seed))
        again = attempt(Case.again(live_story(project), Recording.parse(str(first.recording))))
        assert lines(first) == lines(attempt(seeded(seed))) == lines(again)
        assert first.hazards == again.hazards
        sites |= {hazard.site for hazard in first.hazards}
    assert lines(attempt(seeded(1))) != lines(attempt(seeded(2)))
    assert {CRASH_SITE, "fs.read"} < sites


def test_a_story_ends_alike_wherever_the_process_dies(project: Path) -> None:
    looker = Looker()
    steps = attempt(Case(live_story(project)), judges=looker).durable_steps
    for crash_at in range(1, steps + 1):
        outcome = attempt(Case(live_story(project), crash_at=crash_at), judges=looker)
        assert outcome.failure is None
        assert [hazard.nth for hazard in outcome.hazards] == [crash_at]
    assert len(looker.seen) == steps + 1
    assert {tuple(files.items()) for _, files in looker.seen} == {
        (("out/a", b"AA"), ("out/b", b"B"), ("out/c", b"C")),
    }


def test_an_update_that_a_fault_fails_is_noted_and_the_story_goes_on(project: Path) -> None:
    looker = Looker()
    recording = Recording(0, (), hazards=(Hazard("fs.mkdir", 1, "EIO"),))
    story = story_of(project, Update(at(2)), Update(at(3)))
    outcome = attempt(Case.again(story, recording), judges=looker)
    assert outcome.failure is None
    assert looker.seen == [(True, {"out/a": b"A", "out/b": b"B"})]
    assert any("the story goes on after" in line for line in lines(outcome))


def test_only_the_steps_kept_are_performed(project: Path) -> None:
    looker = Looker()
    outcome = attempt(Case.again(live_story(project), Recording(0, (), kept=(2, 6))), judges=looker)
    assert outcome.failure is None
    assert outcome.recording.kept == (2, 6)
    assert sum("run_started" in line for line in lines(outcome)) == 1
    assert looker.seen[0][1] == {"out/a": b"AA", "out/b": b"B", "out/c": b"C"}


def test_what_could_have_gone_wrong_is_counted(project: Path) -> None:
    outcome = attempt(Case(story_of(project, Update(at(2))), draw=Draw(rate=0.0)))
    assert outcome.met["fs.read", "EIO"] == outcome.met["fs.replace_content", "ENOSPC"] == 2


def test_a_run_knows_where_in_it_each_step_began(project: Path) -> None:
    outcome = attempt(Case(live_story(project), 3, lambda streams: SeededRandom(streams.schedule)))
    assert outcome.before_steps[0] == (0, 0)
    assert len(outcome.before_steps) == len(live_story(project).steps)
    assert list(outcome.before_steps) == sorted(outcome.before_steps)
    assert outcome.before_steps[2] == outcome.before_steps[3] > (0, 0)  # writing files is nothing the pipeline does
    assert outcome.before_steps[-1][0] < len(outcome.recording.choices)


def test_a_policy_that_is_given_comes_before_the_choices_of_a_recording(project: Path) -> None:
    recording = Recording(3, (), kept=(6,), hazards=())
    drawn = attempt(Case(live_story(project), 3, lambda streams: SeededRandom(streams.schedule), recording=recording))
    assert drawn.recording.deviations
    assert (drawn.recording.kept, drawn.recording.hazards) == ((6,), ())
    assert lines(attempt(Case.again(live_story(project), drawn.recording))) == lines(drawn)
