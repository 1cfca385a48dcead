# Goal: `--coco-scenarios` runs scenario files and nothing else; without it no scenario file is touched.

from __future__ import annotations

import pytest

from cocoindex_sim.scenario import STEP_NAMES
from cocoindex_sim.scenario import SUFFIX as SCENARIO_SUFFIX
from pytest_coco._selection import SUFFIX

from .plugin_project import FAILING, PASSING, Project


def passed(result: pytest.RunResult) -> list[str]:
    return sorted(line.partition(" PASSED")[0] for line in result.outlines if " PASSED" in line)


ALL = ["scenarios/shout.coco.yaml::a cold run shouts", "scenarios/shout.coco.yaml::a new file is shouted too"]


def test_without_a_path_the_default_directory_is_run_and_testpaths_is_not(project: Project) -> None:
    result = project.run("--coco-scenarios", "-v")
    assert passed(result) == ALL
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.OK


def test_a_session_without_scenarios_says_where_it_looked(project: Project) -> None:
    looked = "coco: there is no scenario file (*.coco.yaml) in {}; name a path, or set coco_scenario_paths"
    assert looked.format("'tests'") in project.run("--coco-scenarios", "tests").outlines
    assert not any("coco: there is no" in line for line in project.run("--coco-scenarios", "-k", "none").outlines)
    project.write("pytest.ini", "[pytest]\ncoco_scenario_paths = tests app\n")
    assert looked.format("'tests', 'app'") in project.run("--coco-scenarios", "-q").outlines


def test_without_the_option_only_ordinary_tests_run(project: Project) -> None:
    result = project.run("-v", ".")
    assert passed(result) == ["tests/test_ordinary.py::test_ordinary"]
    result.assert_outcomes(passed=1)


@pytest.mark.parametrize("path", [".", "scenarios", "scenarios/shout.coco.yaml"])
def test_a_path_that_is_given_is_run_without_the_ordinary_tests_in_it(path: str, project: Project) -> None:
    project.write("scenarios/test_beside.py", "def test_beside(): pass\n")
    project.write("scenarios/other.yaml", "not: a scenario\n")
    assert passed(project.run("--coco-scenarios", "-v", path)) == ALL


def test_one_scenario_can_be_named_by_its_id(project: Project) -> None:
    assert passed(project.run("--coco-scenarios", "-v", ALL[1])) == ALL[1:]


def test_the_ini_paths_replace_the_default(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ncoco_scenario_paths = more/one.coco.yaml stories\n")
    project.write("more/one.coco.yaml", PASSING)
    project.write("stories/deep/two.coco.yaml", PASSING.replace("../app", "../../app"))
    result = project.run("--coco-scenarios", "-v")
    assert [line.partition("::")[0] for line in passed(result)] == [
        *["more/one.coco.yaml"] * 2,
        *["stories/deep/two.coco.yaml"] * 2,
    ]


def test_the_default_is_found_from_another_directory(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project.path / "tests")
    project.run("--coco-scenarios").assert_outcomes(passed=2)


def test_no_scenario_at_all_is_exit_code_5(project: Project) -> None:
    (project.path / "scenarios/shout.coco.yaml").unlink()
    assert project.run("--coco-scenarios").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    (project.path / "scenarios").rmdir()
    assert project.run("--coco-scenarios").ret == pytest.ExitCode.NO_TESTS_COLLECTED
    assert project.run("--coco-scenarios", "tests").ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--coco-scenarios", "missing"], "--coco-scenarios: there is no file or directory 'missing'"),
        (
            ["--coco-scenarios", "scenarios/x.coco.yaml::a"],
            "--coco-scenarios: there is no file or directory 'scenarios/x.coco.yaml::a'",
        ),
        (
            ["--coco-scenarios", "tests/test_ordinary.py"],
            "--coco-scenarios: 'tests/test_ordinary.py' is not a scenario file (*.coco.yaml)",
        ),
        (
            ["scenarios/shout.coco.yaml"],
            "'scenarios/shout.coco.yaml' is a scenario file: add --coco-scenarios to run it",
        ),
        (["--coco-seed=x"], "--coco-seed is a whole number, not negative; got 'x'"),
        (["--coco-runs=-1"], "--coco-runs is a whole number, not negative; got '-1'"),
        (["-o", "coco_runs=many"], "coco_runs is a whole number, not negative; got 'many'"),
        (["--coco-policy=chance"], "--coco-policy is one of random, pct, dfs, fifo; got 'chance'"),
        (["--coco-profile=fast"], "--coco-profile is one of dev, ci, nightly; got 'fast'"),
        (["-o", "coco_profile=CI"], "coco_profile is one of dev, ci, nightly; got 'CI'"),
        (["--coco-crashes=some"], "--coco-crashes is one of none, one, sweep, all; got 'some'"),
        (["--coco-faults=EIO,,x"], "--coco-faults is none, all, or kinds of faults with commas between; got 'EIO,,x'"),
        (
            ["-o", "coco_faults=all,EIO"],
            "coco_faults is none, all, or kinds of faults with commas between; got 'all,EIO'",
        ),
        (["--coco-pct-depth=0"], "--coco-pct-depth is a whole number, at least 1; got '0'"),
        (["-o", "coco_steps_max=0"], "coco_steps_max is a whole number, at least 1; got '0'"),
        (["--coco-time-max=1h"], "--coco-time-max is a whole number, at least 1; got '1h'"),
        (["-o", "coco_policy=Random"], "coco_policy is one of random, pct, dfs, fifo; got 'Random'"),
    ],
)
def test_what_cannot_be_run_is_a_usage_error(arguments: list[str], message: str, project: Project) -> None:
    result = project.run(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: {message}" in result.errlines


def test_an_ini_path_that_is_not_there_is_a_usage_error(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ncoco_scenario_paths = scenarios gone\n")
    result = project.run("--coco-scenarios")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    gone = project.path / "gone"
    assert f"ERROR: coco_scenario_paths names {str(gone)!r}, and there is no such file or directory" in result.errlines
    project.run().assert_outcomes(passed=1)


def test_a_file_that_cannot_be_run_is_an_error_with_its_message_alone(project: Project) -> None:
    project.write("scenarios/bad.coco.yaml", "app: ../app/main.py\nsteps:\n  - updat\n")
    result = project.run("--coco-scenarios")
    result.assert_outcomes(errors=1)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    start = next(i for i, line in enumerate(result.outlines) if "ERROR collecting" in line)
    assert result.outlines[start + 1] == (
        "scenarios/bad.coco.yaml:3:5: unknown step 'updat'; did you mean 'update'? known: " + ", ".join(STEP_NAMES)
    )
    assert result.outlines[start + 2].startswith("=====")


def test_the_options_of_the_run_stand_in_the_header(project: Project) -> None:
    assert (
        "coco: profile dev, seed 0, one run in order and 3 by policy random, crashes one, faults none"
        in project.run("--coco-scenarios").outlines
    )
    project.write("pytest.ini", "[pytest]\ncoco_seed = 4\ncoco_runs = 0\ncoco_trace = traces\n")
    traces = project.path / "traces"
    assert (
        f"coco: profile dev, seed 4, one run in order and 0 by policy random, crashes one, faults none, traces in {traces}"
        in project.run("--coco-scenarios").outlines
    )
    command_line = project.run("--coco-scenarios", "--coco-seed=5", "--coco-runs=1", "--coco-trace=elsewhere")
    elsewhere = project.path / "elsewhere"
    (line,) = (line for line in command_line.outlines if line.startswith("coco: "))
    assert line.startswith("coco: profile dev, seed 5, one run in order and 1 by policy random, ")
    assert line.endswith(f", traces in {elsewhere}")


@pytest.mark.parametrize(
    ("ini", "arguments", "header"),
    [
        ("", [], "3 by policy random, crashes one, faults none"),
        ("coco_policy = pct", [], "3 by policy pct of depth 3, crashes"),
        ("coco_policy = pct\ncoco_pct_depth = 5", ["--coco-pct-depth=2"], "3 by policy pct of depth 2, crashes"),
        ("coco_policy = pct", ["--coco-policy=dfs"], "3 by policy dfs, crashes"),
        ("", ["--coco-policy=fifo", "--coco-check-determinism"], "3 by policy fifo, each twice, crashes"),
        ("coco_check_determinism = true", [], "3 by policy random, each twice, crashes"),
        ("coco_check_determinism = true", ["--coco-no-check-determinism"], "3 by policy random, crashes"),
        ("coco_crashes = none", [], "3 by policy random, crashes none, faults none"),
        (
            "coco_crashes = none\ncoco_faults = all",
            ["--coco-crashes=sweep"],
            "3 by policy random, crashes sweep, faults all",
        ),
        ("", ["--coco-faults=EIO, EACCES"], "3 by policy random, crashes one, faults EACCES,EIO"),
        (
            "coco_steps_max = 5000",
            ["--coco-events-max=900", "--coco-time-max=7200"],
            "3 by policy random, crashes one, faults none, at most 5000 steps, at most 900 events in its trace, at most 7200",
        ),
    ],
)
def test_the_command_line_goes_before_the_ini_file(
    ini: str, arguments: list[str], header: str, project: Project
) -> None:
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    result = project.run("--coco-scenarios", "--collect-only", *arguments)
    (line,) = (line for line in result.outlines if line.startswith("coco: "))
    assert line.startswith(f"coco: profile dev, seed 0, one run in order and {header}")


@pytest.mark.real
def test_scenarios_run_distributed(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    result = project.run_apart("--coco-scenarios", "-n", "2")
    result.assert_outcomes(passed=2, failed=1)
    # The summary's message survives the way from the worker.
    result.stdout.fnmatch_lines(["FAILED scenarios/failing.coco.yaml::b is not c - the target files are not as*"])


@pytest.mark.real
def test_no_scenario_is_exit_code_5_when_distributed(project: Project) -> None:
    (project.path / "scenarios/shout.coco.yaml").unlink()
    assert project.run_apart("--coco-scenarios", "-n", "2").ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.real
def test_the_plugin_can_be_left_out(project: Project) -> None:
    project.run_apart("-p", "no:coco").assert_outcomes(passed=1)
    refused = project.run_apart("-p", "no:coco", "--coco-scenarios")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR
    assert "unrecognized arguments: --coco-scenarios" in refused.stderr.str()


def test_the_suffix_is_that_of_the_scenario_room() -> None:
    assert SUFFIX == SCENARIO_SUFFIX
