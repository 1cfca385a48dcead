# Goal: a session tells how much was run, writes it to a file that is asked for, and colours only what goes to a terminal.

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from .plugin_project import FAILING, Project, report_of

PASSES = "scenarios/shout.coco.yaml::a cold run shouts"
FAILS = "scenarios/failing.coco.yaml::b is not c"


@pytest.fixture
def failing(project: Project) -> Project:
    project.write("scenarios/failing.coco.yaml", FAILING)
    return project


def told(result: pytest.RunResult) -> str:
    """The summary, empty for none."""
    lines = [line.strip("- ") for line in result.outlines if line.startswith("--") and "coco: " in line]
    return lines[0] if lines else ""


def test_the_summary_counts_scenarios_runs_crashes_and_faults(project: Project) -> None:
    result = project.run("--coco-scenarios", "--coco-seed=4", "--coco-runs=1")
    assert told(result) == "coco: 2 scenarios in 8 runs, 4 of them killed, 0 faults; seed 4"
    assert told(project.run()) == ""
    faulty = project.run("--coco-scenarios", "--coco-faults=all", "--coco-runs=9", "--coco-crashes=none")
    line = told(faulty)
    assert line.startswith("coco: 2 scenarios in 40 runs, 0 of them killed, ")
    assert int(line.rpartition(" faults;")[0].rpartition(" ")[2]) > 0


def test_a_report_in_markdown_has_the_options_a_row_each_and_how_to_repeat_failures(failing: Project) -> None:
    failing.run("--coco-scenarios", "--coco-report=reports/coco.md", "--coco-crashes=none").assert_outcomes(
        passed=2, failed=1
    )
    lines = (failing.path / "reports/coco.md").read_text("utf-8").splitlines()
    assert lines[0] == "# CocoIndex scenarios"
    assert "| seed | 0 |" in lines
    assert f"| {PASSES} | passed | 4 | 0 | 0 |  |" in lines
    (row,) = (line for line in lines if line.startswith(f"| {FAILS} | failed | 1 | "))
    assert row.endswith("| the target files are not as expected: 1 missing, 1 different |")
    assert any(line.startswith(f"* {FAILS}: `pytest --coco-scenarios '{FAILS}' --coco-replay=") for line in lines)


def test_a_report_in_json_has_the_same(failing: Project) -> None:
    failing.write("pytest.ini", "[pytest]\ncoco_report = coco.json\n")
    failing.run("--coco-scenarios", "--coco-crashes=none")
    report = json.loads((failing.path / "coco.json").read_text("utf-8"))
    assert report["options"]["runs"] == 3
    rows = {row["nodeid"]: row for row in report["tests"]}
    assert rows[PASSES]["told"] == {"runs": 4, "crashes": 0, "faults": 0}
    assert rows[FAILS]["outcome"] == "failed"
    assert rows[FAILS]["told"]["oracle"] == "expectation"


def test_junit_files_have_what_a_scenario_tells_as_properties(failing: Project) -> None:
    failing.run("--coco-scenarios", "--coco-crashes=none", "--junitxml=out.xml")
    cases = {case.get("name"): case for case in ElementTree.parse(failing.path / "out.xml").getroot().iter("testcase")}
    told = {each.get("name"): each.get("value") for each in cases["b is not c"].iter("property")}
    assert (told["coco_oracle"], told["coco_runs"]) == ("expectation", "1")
    assert "--coco-replay=" in str(told["coco_replay"])


@pytest.mark.real
def test_workers_tell_the_same(failing: Project) -> None:
    result = failing.run_apart(
        "--coco-scenarios", "-n", "2", "--coco-crashes=none", "--coco-report=coco.json", "--color=yes"
    )
    assert any("coco: 3 scenarios in 9 runs, 0 of them killed, 0 faults; seed 0" in line for line in result.outlines)
    rows = json.loads((failing.path / "coco.json").read_text("utf-8"))["tests"]
    assert {row["nodeid"]: row["outcome"] for row in rows}[FAILS] == "failed"
    assert any(line.startswith("\x1b[31m") and "scenarios/failing.coco.yaml:11" in line for line in result.outlines)


def test_a_failure_has_colours_on_a_terminal_and_the_same_text_without(failing: Project) -> None:
    plain = report_of(failing.run("--coco-scenarios", "--color=no"), "b is not c")
    coloured = failing.run("--coco-scenarios", "--color=yes").outlines
    start = next(number for number, line in enumerate(coloured) if "\x1b[31m\x1b[1mscenarios/failing" in line)
    assert not any("\x1b" in line for line in plain)
    assert any("\x1b[1mreplay (from the rootdir):" in line for line in coloured[start:])
    assert any(line.startswith("\x1b[31m      -C") for line in coloured[start:])
    assert any(line.startswith("\x1b[32m      +B") for line in coloured[start:])
    stripped = list(coloured[start : start + len(plain)])
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[1m", "\x1b[0m"):
        stripped = [line.replace(code, "") for line in stripped]
    assert stripped == plain


@pytest.mark.parametrize("option", ["report", "conformance", "trace"])
def test_what_can_not_be_written_is_said_before_anything_is_run(option: str, project: Project) -> None:
    project.write("a_file", "")
    result = project.run("--coco-scenarios", f"--coco-{option}=a_file/x")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    (line,) = (line for line in result.errlines if line.startswith("ERROR: "))
    path = str(project.path / "a_file/x")
    assert line.startswith(f"ERROR: --coco-{option} or coco_{option}: can't write {path!r}: there is no directory '")


@pytest.mark.parametrize("option", ["report", "conformance"])
def test_a_directory_is_no_file_to_write_a_report_into(option: str, project: Project) -> None:
    project.write("pytest.ini", f"[pytest]\ncoco_{option} = .\n")
    assert "it is a directory; name a file" in "\n".join(project.run("--coco-scenarios").errlines)
