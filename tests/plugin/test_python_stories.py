# Goal: a story that is written in Python is collected by its name, and is a scenario to every option and report.

from __future__ import annotations

import pytest

from .plugin_project import PIPELINE, Project, report_of

STORIES = """
from cocoindex_sim.scenario import StoryBuilder

test_a_cold_run_shouts = (
    StoryBuilder("../app/main.py")
    .given(files={"docs/a.txt": "a"})
    .update()
    .expect(targets={"out/a.txt": "A"}, stats={"shout": {"num_adds": 1}})
)

test_wrong = (
    StoryBuilder("../app/main.py", description="It is not B.")
    .given(files={"docs/a.txt": "a"})
    .update()
    .expect(targets={"out/a.txt": "B"})
)

not_a_test = StoryBuilder("../app/main.py").update()


def test_ordinary():
    pass
"""


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    project = Project(pytester)
    project.write("app/main.py", PIPELINE)
    project.write("tests/test_stories.py", STORIES)
    return project


def test_builders_are_collected_by_their_names(project: Project) -> None:
    result = project.run("--collect-only", "-q", "tests")
    assert [line for line in result.outlines if "::" in line] == [
        "tests/test_stories.py::test_a_cold_run_shouts",
        "tests/test_stories.py::test_wrong",
        "tests/test_stories.py::test_ordinary",
    ]


def test_they_run_as_scenarios_do_and_fail_at_their_line(project: Project) -> None:
    result = project.run("tests", "--coco-runs=2")
    result.assert_outcomes(passed=2, failed=1)
    report = report_of(result, "test_wrong")
    assert report[0] == "tests/test_stories.py:15: the target files are not as expected: 1 different."
    assert any("--coco-replay" in line and "test_stories.py::test_wrong" in line for line in report)


def test_what_cannot_be_run_as_written_is_an_error_of_collection(project: Project) -> None:
    project.write(
        "tests/test_stories.py",
        'from cocoindex_sim.scenario import StoryBuilder\n\ntest_it = StoryBuilder("../app/main.py").crash(at="comit")\n',
    )
    result = project.run("tests")
    result.assert_outcomes(errors=1)
    assert any(
        "test_stories.py:3: unknown event 'comit'; did you mean 'committed'?" in line for line in result.outlines
    )


def test_what_is_written_in_python_is_not_rewritten(project: Project) -> None:
    before = (project.path / "tests/test_stories.py").read_text()
    result = project.run("tests", "--coco-update")
    result.assert_outcomes(passed=2, failed=1)
    assert (project.path / "tests/test_stories.py").read_text() == before


def test_a_failure_is_promoted_to_a_file_and_the_module_is_not_rewritten(project: Project) -> None:
    result = project.run("tests", "--coco-update", "--coco-promote")
    result.assert_outcomes(passed=2, failed=1)
    assert (project.path / "tests/test_stories.py").read_text("utf-8") == STORIES
    assert "promoted: tests/test_stories-test_wrong.coco.yaml" in result.outlines
    again = project.run("--coco-scenarios", "tests/test_stories-test_wrong.coco.yaml")
    again.assert_outcomes(failed=1)
    assert "found by: the recording in the file, run 1 of this scenario" in again.outlines


def test_the_replay_command_of_a_story_in_python_fails_again_alike(project: Project) -> None:
    lines = report_of(project.run("tests"), "test_wrong")
    (command,) = (line.split() for line in lines if "--coco-replay=" in line)
    assert command[:2] == ["pytest", "tests/test_stories.py::test_wrong"]
    again = project.run(*command[1:])
    again.assert_outcomes(failed=1)
    assert report_of(again, "test_wrong")[0] == lines[0]
