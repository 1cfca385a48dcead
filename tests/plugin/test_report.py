# Goal: a failed scenario says in this order what is wrong and where, how to repeat it, and what happened last.

from __future__ import annotations

from xml.etree import ElementTree

from pytest_coco._options import Options
from pytest_coco._report import failure_text
from pytest_coco._run import Run, ScenarioFailed
from pytest_coco._seeds import derived_seed

from .plugin_project import FAILING, PIPELINE, RACE, Project, report_of

FAILING_ID = "scenarios/failing.coco.yaml::b is not c"


def steps(text: str) -> str:
    return f"app: ../app/main.py\ngiven: {{files: {{docs/a.txt: a}}}}\nname: story\nsteps:\n{text}"


def only_failure(project: Project, scenario: str, *arguments: str) -> list[str]:
    (project.path / "scenarios/shout.coco.yaml").unlink(missing_ok=True)
    project.write("scenarios/failing.coco.yaml", scenario)
    result = project.run("--coco-scenarios", *arguments)
    result.assert_outcomes(failed=1)
    lines = report_of(result, "b is not c" if scenario == FAILING else "story")
    assert not [line for line in lines if len(line) > 100 and "pytest --coco-scenarios" not in line]
    assert not [line for line in lines if "asyncio" in line or line.startswith("Traceback")]
    return lines


def test_a_difference_is_told_from_the_verdict_down_to_the_trace(project: Project) -> None:
    lines = only_failure(project, FAILING)
    seeds = [derived_seed(0, FAILING_ID, number) for number in (1, 2, 3)]
    assert lines[:12] == [
        "scenarios/failing.coco.yaml:11: the target files are not as expected: 1 missing, 1 different.",
        "",
        "  missing    out/d.txt",
        "  different  out/b.txt   (- expected, + actual)",
        "      -C",
        "      +B",
        "       (no line break at the end)",
        "",
        f"fails: in order, seed {seeds[0]}, seed {seeds[1]}, seed {seeds[2]}",
        "replay (from the rootdir):",
        f"  pytest --coco-scenarios '{FAILING_ID}' --coco-seed=0 --coco-runs=3 --coco-policy=random",
        "",
    ]
    assert lines[12].startswith("trace of the run in order, the last ")
    assert any("run_started" in line or "run_finished" in line for line in lines[13:])


def test_the_replay_command_fails_again(project: Project) -> None:
    lines = only_failure(project, FAILING, "--coco-seed=7", "--coco-runs=1")
    assert any("--coco-seed=7 --coco-runs=1" in line for line in lines)
    again = project.run("--coco-scenarios", FAILING_ID, "--coco-seed=7", "--coco-runs=1")
    assert report_of(again, "b is not c") == lines


def test_an_error_that_nothing_expects_names_the_update_and_the_line_of_the_pipeline(project: Project) -> None:
    lines = only_failure(project, steps("  - fs.write: {docs/a.txt: BAD}\n  - update\n"))
    assert lines[:3] == [
        "scenarios/failing.coco.yaml:6: the update raised ValueError: bad document.",
        "",
        "  its first word is BAD",
    ]
    frames = lines[3 : lines.index("", 3)]
    assert [line.partition(":")[0] for line in frames] == ["  ../app/main.py"] * 2
    assert frames[1].endswith(' in shout: raise ValueError("bad document\\nits first word is BAD")')


def test_an_update_that_hangs_is_told_apart_from_one_that_fails(project: Project) -> None:
    hanging = PIPELINE.replace(
        "async def main() -> None:\n", "async def main() -> None:\n    await asyncio.Event().wait()\n"
    )
    project.write("app/main.py", hanging)
    lines = only_failure(project, steps("  - start\n  - expect: {terminates: true}\n"))
    assert lines[0].startswith(
        "scenarios/failing.coco.yaml:6: the update started on line 5 does not end: DeadlockError:"
    )
    project.write("scenarios/failing.coco.yaml", steps("  - start\n  - expect: {terminates: false}\n"))
    project.run("--coco-scenarios").assert_outcomes(passed=1)


def test_a_failure_that_depends_on_the_schedule_says_which_seeds_fail(project: Project) -> None:
    racing = PIPELINE + RACE
    project.write("app/main.py", racing)
    lines = only_failure(project, steps("  - update\n  - expect: {targets: {out/order.txt: abc}}\n"), "--coco-runs=8")
    fails = next(line for line in lines if line.startswith("fails: "))
    passes = next(line for line in lines if line.startswith("passes: "))
    assert "in order" in passes and "in order" not in fails
    assert fails.startswith("fails: seed ")


def test_the_reported_place_is_the_line_of_the_scenario(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    result = project.run("--coco-scenarios", "--junitxml=out.xml", "-o", "junit_family=xunit1")
    cases = ElementTree.parse(project.path / "out.xml").getroot().iter("testcase")
    places = {case.get("name"): (case.get("file"), int(case.get("line", 0)) + 1) for case in cases}
    assert places == {
        "b is not c": ("scenarios/failing.coco.yaml", 7),
        "a cold run shouts": ("scenarios/shout.coco.yaml", 6),
        "a new file is shouted too": ("scenarios/shout.coco.yaml", 12),
    }
    result.stdout.fnmatch_lines([f"FAILED {FAILING_ID} - the target files are not as*"])


def test_an_error_of_another_kind_shows_the_way_there() -> None:
    try:
        raise RuntimeError("the world broke\x1b[0m " + "x" * 200)
    except RuntimeError as error:
        failure = ScenarioFailed(error, Run(1, 17), ["a line of the trace"])
    options = Options(scenarios=True, seed=2, runs=3, policy="pct", check_determinism=True, trace=None)
    lines = failure_text(failure, "x.coco.yaml::a", options).splitlines()
    assert lines[0].startswith("RuntimeError: the world broke")
    assert "  Traceback (most recent call last):" in lines
    assert lines[-6:] == [
        "fails: seed 17",
        "replay (from the rootdir):",
        "  pytest --coco-scenarios x.coco.yaml::a --coco-seed=2 --coco-runs=3 --coco-policy=pct --coco-check-determinism",
        "",
        "trace of the run seed 17, the last 1 of 1 lines:",
        "  a line of the trace",
    ]
    assert max(len(line) for line in lines if "pytest --coco-scenarios" not in line) <= 100
    assert not any("\x1b" in line for line in lines)
