# Goal: a scenario runs where it is asked to, by real pytest: simulated, on real files, in CocoIndex, or it says why not.

from __future__ import annotations

import sys

import pytest

from .plugin_project import FAILING, PASSING, Project, report_of

SIM_ONLY = """\
app: ../app/main.py
steps:
  - inject: {fault: EIO, path: docs/a.txt}
  - fs.write: {docs/a.txt: a}
  - update
  - expect: {targets: {}}
"""


@pytest.mark.parametrize(
    ("options", "arms"),
    [
        ([], ["sim"]),
        (["--coco-backend=both"], ["sim", "real"]),
        (["--coco-backend=real"], ["real"]),
        (["--coco-engine=both"], ["sim", "cocoindex"]),
        (["--coco-backend=both", "--coco-engine=both"], ["sim", "real", "cocoindex"]),
        (["--coco-backend=real", "--coco-engine=both"], ["real", "cocoindex"]),
    ],
)
def test_each_arm_that_is_asked_for_has_a_test_of_its_own(
    project: Project, options: list[str], arms: list[str]
) -> None:
    result = project.run("--coco-scenarios", "--collect-only", "-q", *options)
    names = [line.split("::")[1] for line in result.outlines if "::" in line]
    marks = {"sim": "", "real": "[real]", "cocoindex": "[cocoindex]"}
    assert names == [name + marks[arm] for arm in arms for name in ("a cold run shouts", "a new file is shouted too")]


def test_the_ini_file_and_the_header_know_the_arms(project: Project) -> None:
    project.write("pytest.ini", "[pytest]\ncoco_backend = both\ncoco_engine = both\n")
    result = project.run("--coco-scenarios", "--collect-only")
    result.stdout.fnmatch_lines(["coco: *backend both*engine both*"])
    result.stdout.no_fnmatch_line("coco: *backend sim*")


def test_what_only_the_simulation_has_is_skipped_with_the_reason(project: Project) -> None:
    project.write("scenarios/sim.coco.yaml", SIM_ONLY)
    result = project.run("--coco-scenarios", "--coco-backend=real", "-rs", "scenarios/sim.coco.yaml")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(
        ["*in the simulation only: a fault of the kernel can't be had from an operating system"]
    )


def test_an_engine_that_is_not_there_is_a_usage_error_or_with_both_a_skip(project: Project) -> None:
    absent = "--coco-engine-python=no/such/python"
    result = project.run("--coco-scenarios", "--coco-engine=cocoindex", absent)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --coco-engine=cocoindex: there is no interpreter 'no/such/python'; name an *"])
    result = project.run("--coco-scenarios", "--coco-engine=both", absent, "-rs", "-k", "cold")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*there is no interpreter 'no/such/python'; name an interpreter that has it with *"])


@pytest.mark.real
def test_on_real_files_scenarios_pass(project: Project) -> None:
    result = project.run_apart("--coco-scenarios", "--coco-backend=both", "--coco-real-within=60")
    result.assert_outcomes(passed=4)


@pytest.mark.real
def test_a_failure_elsewhere_names_line_difference_and_how_to_repeat_it(project: Project) -> None:
    project.write("scenarios/fails.coco.yaml", FAILING)
    result = project.run_apart("--coco-scenarios", "--coco-backend=real", "scenarios/fails.coco.yaml")
    result.assert_outcomes(failed=1)
    assert report_of(result, "b is not c[real]") == [
        "scenarios/fails.coco.yaml:11: the target files are not as expected: 1 missing, 1 different.",
        "repeat (from the rootdir):",
        "  pytest --coco-scenarios 'scenarios/fails.coco.yaml::b is not c[real]' --coco-backend=real",
        "",
        "  missing    out/d.txt",
        "  different  out/b.txt   (- expected, + actual)",
        "      -C",
        "      +B",
        "       (no line break at the end)",
    ]


@pytest.mark.real
def test_in_cocoindex_scenarios_pass(project: Project) -> None:
    pytest.importorskip("cocoindex", reason="needs the package cocoindex beside this one")
    python = f"--coco-engine-python={sys.executable}"
    result = project.run_apart("--coco-scenarios", "--coco-engine=cocoindex", python, "--coco-real-within=60")
    result.assert_outcomes(passed=2)
    assert PASSING.count("- name:") == 2


def test_kafka_in_a_container_needs_an_engine_which_is_an_error_only_where_nothing_else_is_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/such/socket")
    project.write(
        "scenarios/kafka.coco.yaml",
        "app: ../app/main.py\ngiven: {files: {docs/a.txt: a}, kafka: {notes: {}}}\n"
        "steps: [update, expect: {targets: {out/a.txt: A}}]\n",
    )
    asked = ("--coco-scenarios", "--coco-kafka=container", "-rs", "scenarios/kafka.coco.yaml")
    result = project.run_apart(*asked, "--coco-backend=both")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["coco: *kafka container*", "*no container engine answers: *"])
    result = project.run_apart(*asked, "--coco-backend=real")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no container engine answers: *"])
