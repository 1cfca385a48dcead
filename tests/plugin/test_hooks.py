# Goal: the plugin's own hooks are called where they say, and the alias holds from the first import to the last.

from __future__ import annotations

import sys

import pytest

from .plugin_project import FAILING, Project, report_of

CONFTEST = """
def pytest_coco_scenario_loaded(story, nodeid):
    print("loaded", nodeid, len(story.steps))

def pytest_coco_after_run(run, outcome):
    print("after", run, outcome.failure is None)

def pytest_coco_failure(nodeid, found):
    return [f"look at the dashboard of {nodeid}", "x" * 200]
"""


def test_hooks_are_told_of_scenarios_runs_and_failures(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    project.write("scenarios/conftest.py", CONFTEST)
    result = project.run("--coco-scenarios", "-s", "--coco-runs=1", "--coco-crashes=none")
    lines = result.outlines
    assert "loaded scenarios/failing.coco.yaml::b is not c 2" in lines
    assert "loaded scenarios/shout.coco.yaml::a cold run shouts 2" in lines
    told = [line[line.index("after ") :] for line in lines if "after " in line and line.endswith(("True", "False"))]
    assert [line.replace("seed ", "seed").split()[1] for line in told][:2] == ["in", "in"]
    assert [line.split()[-1] for line in told] == ["False", "True", "True", "True", "True"]
    report = report_of(result, "b is not c")
    assert [line for line in report if line][-2:] == [
        "look at the dashboard of scenarios/failing.coco.yaml::b is not c",
        "x" * 99 + "…",
    ]


def test_a_hook_that_is_misspelt_is_refused(project: Project) -> None:
    project.write("scenarios/conftest.py", "def pytest_coco_after_runs(run): pass\n")
    result = project.run("--coco-scenarios", "scenarios")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    where = project.path / "scenarios/conftest.py"
    told = f"ERROR: {where}: unknown hook 'pytest_coco_after_runs'; did you mean 'pytest_coco_after_run'? known: "
    assert any(line.startswith(told) for line in result.errlines), result.errlines
    assert not any("INTERNALERROR" in line for line in (*result.errlines, *result.outlines))


def test_a_hook_that_is_misspelt_in_a_conftest_found_late_is_refused_alike(project: Project) -> None:
    project.write("scenarios/deep/conftest.py", "def pytest_coco_failures(found): pass\n")
    project.write("scenarios/deep/shout.coco.yaml", FAILING.replace("../app", "../../app"))
    result = project.run("--coco-scenarios", "scenarios")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any("unknown hook 'pytest_coco_failures'; did you mean 'pytest_coco_failure'?" in x for x in result.errlines)


def test_a_hook_that_says_it_is_optional_is_left_alone(project: Project) -> None:
    project.write(
        "scenarios/conftest.py",
        "import pytest\n@pytest.hookimpl(optionalhook=True)\ndef pytest_coco_tomorrow(): pass\n",
    )
    project.run("--coco-scenarios", "scenarios").assert_outcomes(passed=2)


@pytest.mark.parametrize(("ini", "arguments"), [("coco_alias = true", []), ("", ["--coco-alias"])])
def test_the_alias_holds_in_conftest_files_and_tests_and_ends_with_the_session(
    ini: str, arguments: list[str], project: Project
) -> None:
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    project.write("tests/conftest.py", "import cocoindex\n")
    project.write(
        "tests/test_ordinary.py",
        """
import cocoindex
import cocoindex_sim

def test_it():
    assert cocoindex is cocoindex_sim
""",
    )
    result = project.run("tests", *arguments)
    result.assert_outcomes(passed=1)
    assert any(line.startswith("coco: ") and line.endswith("cocoindex is cocoindex_sim") for line in result.outlines)
    assert "cocoindex" not in sys.modules


def test_the_alias_can_be_taken_back(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ncoco_alias = true\n")
    project.write(
        "tests/test_ordinary.py",
        """
import sys

def test_it():
    assert not any(type(finder).__name__ == "_Alias" for finder in sys.meta_path)
""",
    )
    project.run("--coco-no-alias").assert_outcomes(passed=1)


def test_the_alias_is_refused_where_the_real_cocoindex_is_imported(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cocoindex", type(sys)("cocoindex"))
    monkeypatch.setattr(sys.modules["cocoindex"], "__file__", "/real/cocoindex.py", raising=False)
    result = project.run("--coco-alias")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any(
        "--coco-alias: the real cocoindex is imported already, from /real/cocoindex.py" in line
        for line in result.errlines
    )


def test_a_recording_repeats_a_test_with_a_world(project: Project) -> None:
    project.write(
        "tests/test_ordinary.py", "def test_it(coco_world): print('seed', coco_world.seed)\ndef test_not(): pass\n"
    )
    assert any("seed 17" in line for line in project.run("-s", "--coco-replay=17.", "tests").outlines)
    refused = project.run("--coco-replay=17", "tests")
    assert any("a recording begins with a seed and a dot" in line for line in refused.errlines)
