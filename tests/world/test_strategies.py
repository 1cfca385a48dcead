"""Goal: what is drawn can be performed, seeds and data shrink apart, and Hypothesis is needed by its own module alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from cocoindex_sim.world import (
    Crash,
    ExpectationFailed,
    MoveFile,
    Recording,
    RemoveFiles,
    Start,
    Step,
    Story,
    TouchFiles,
    Update,
    WriteFiles,
    check,
    first_refusal,
    replay,
)
from cocoindex_sim.world.strategies import file_scripts, files, map_entries, map_scripts, seeds, stories

from .planted import LOST_UPDATE, at, story_of, write

PIPELINE = """
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs

@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@coco.fn(memo=True)
async def copy(file, output):
    output.declare_file(str(file.file_path.path).replace("/", "-"), await file.read())

@coco.fn
async def main():
    target = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(copy, localfs.walk_dir(pathlib.Path("in"), recursive=True, live=True).items(), target)

app = coco.App("Copies", main)
"""
MIRROR = "from cocoindex_sim.world import MapView as MapView\n"

slowly = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(PIPELINE)
    (tmp_path / "view.py").write_text(MIRROR)
    return tmp_path


def apply(steps: tuple[Step, ...], there: set[str]) -> None:
    for step in steps:
        if isinstance(step, WriteFiles):
            there |= {path for path, _ in step.files}
        elif isinstance(step, RemoveFiles):
            assert set(step.paths) <= there
            there -= set(step.paths)
        elif isinstance(step, TouchFiles):
            assert {path for path, _ in step.paths} <= there
        else:
            assert isinstance(step, MoveFile)
            assert step.source in there
            there -= {step.source}
            there |= {step.target}


@given(st.data())
def test_only_files_that_are_there_are_touched_moved_and_removed(data: st.DataObject) -> None:
    begin = data.draw(files("docs"))
    script = data.draw(file_scripts("docs", existing=[path for path, _ in begin]))
    assert all(path.startswith("docs/") for path, _ in begin)
    apply(script, {path for path, _ in begin})


@given(stories("main.py", Path(), given=files(), crashes=True))
def test_a_story_that_is_drawn_can_be_performed_in_its_order(story: Story) -> None:
    assert first_refusal(story.steps) is None
    assert [step.place.line for step in story.steps] == list(range(1, len(story.steps) + 1))
    assert isinstance(story.steps[0], Start) or isinstance(story.steps[-1], Update)


def test_every_kind_of_story_is_drawn(tmp_path: Path) -> None:
    quick = settings(database=None, max_examples=500, phases=[Phase.generate])
    for wanted in (
        lambda story: isinstance(story.steps[0], Start),
        lambda story: isinstance(story.steps[0], Update) and len(story.steps) > 3,
        lambda story: any(isinstance(step, Crash) for step in story.steps),
        lambda story: any(isinstance(step, MoveFile) for step in story.steps),
    ):
        find(stories("main.py", tmp_path, given=files(), crashes=True), wanted, settings=quick)


def test_pipelines_over_files_converge_whatever_happens_to_the_files(project: Path) -> None:
    @slowly
    @given(stories("main.py", project, given=files(), crashes=True, watch="perfect"), seeds())
    def converge(story: Story, seed: int) -> None:
        check(story, seed)

    converge()


def test_a_view_of_a_map_mirrors_it_whatever_happens_to_it(project: Path) -> None:
    @slowly
    @given(stories("view.py:MapView", project, script=map_scripts(), entries=map_entries(), crashes=True), seeds())
    def mirror(story: Story, seed: int) -> None:
        assert story.is_source
        check(story, seed)

    mirror()


def test_the_seed_is_shrunk_and_the_story_is_too(project: Path) -> None:
    # As a user would see it: the least seed that fails, and the least story.
    def fails(drawn: tuple[tuple[Step, ...], int]) -> bool:
        script, seed = drawn
        return seed >= 5 and any(isinstance(step, RemoveFiles) for step in script)

    found = find(st.tuples(file_scripts(existing=["in/a.txt"]), seeds()), fails, settings=settings(database=None))
    script, seed = found
    assert seed == 5
    assert [type(step) for step in script] == [RemoveFiles]


def test_a_failure_carries_the_recording_that_repeats_it(tmp_path: Path) -> None:
    story = story_of(tmp_path, LOST_UPDATE, write(2, b="b", c="c"), Update(at(3)))
    with pytest.raises(ExpectationFailed) as caught:
        for seed in range(50):
            check(story, seed)
    assert seed > 0  # so a seed that fails not was accepted
    (note,) = caught.value.__notes__
    outcome, found = replay(story, Recording.parse(note.removeprefix("recording: ")))
    assert found is not None
    assert str(outcome.failure) == str(caught.value)


def test_only_this_module_needs_hypothesis() -> None:
    code = "import sys, cocoindex_sim.world, cocoindex_sim.scenario; print('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
