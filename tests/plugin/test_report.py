# Goal: a failed scenario says in this order what is wrong and where, how to repeat it, what differs, and what happened.

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cocoindex_sim.world import World, explore
from pytest_coco._limits import limit_lines
from pytest_coco._options import Options
from pytest_coco._report import failure_text
from pytest_coco._run import ScenarioFailed
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


def test_a_failure_is_told_from_the_verdict_down_to_the_trace(project: Project) -> None:
    lines = only_failure(project, FAILING)
    seed = derived_seed(0, FAILING_ID, 0)
    assert lines[:17] == [
        "scenarios/failing.coco.yaml:11: the target files are not as expected: 1 missing, 1 different.",
        "replay (from the rootdir):",
        f"  pytest --coco-scenarios '{FAILING_ID}' --coco-replay={seed}.",
        "",
        "  missing    out/d.txt",
        "  different  out/b.txt   (- expected, + actual)",
        "      -C",
        "      +B",
        "       (no line break at the end)",
        "",
        "found by: in order, run 1 of this scenario",
        "",
        "shrunk in 3 runs to 2 steps, 0 deviations, 0 hazards:",
        "  line 9  update",
        "  line 10  expect",
        "",
        "trace, the last 20 of 23 lines:",
    ]
    assert any("run_started" in line or "run_finished" in line for line in lines[17:])


def test_the_replay_command_fails_again_alike(project: Project) -> None:
    lines = only_failure(project, FAILING, "--coco-seed=7", "--coco-runs=1")
    (recording,) = (line.partition(" --coco-replay=")[2] for line in lines if " --coco-replay=" in line)
    again = project.run("--coco-scenarios", FAILING_ID, f"--coco-replay={recording}")
    assert f"coco: replay of {recording}" in again.outlines
    without = [*lines[: lines.index("found by: in order, run 1 of this scenario") - 1], *lines[15:]]
    assert report_of(again, "b is not c") == without


def test_an_error_that_nothing_expects_names_the_update_and_the_line_of_the_pipeline(project: Project) -> None:
    lines = only_failure(project, steps("  - fs.write: {docs/a.txt: BAD}\n  - update\n"))
    assert lines[0] == "scenarios/failing.coco.yaml:6: the update raised ValueError: bad document."
    assert lines[3:5] == ["", "  its first word is BAD"]
    frames = lines[5 : lines.index("", 5)]
    assert [line.partition(":")[0] for line in frames] == ["  ../app/main.py"] * 2
    assert frames[1].endswith(' in shout: raise ValueError("bad document\\nits first word is BAD")')


def test_an_update_that_should_go_on_and_raises_is_told_by_what_it_raises(project: Project) -> None:
    broken = "  - fs.write: {docs/a.txt: BAD}\n  - start: {live: true}\n  - expect: {terminates: false}\n"
    lines = only_failure(project, steps(broken))
    assert lines[0] == "scenarios/failing.coco.yaml:6: the update raised ValueError: bad document."


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


def test_a_failure_that_depends_on_the_schedule_says_where_it_parts_from_asyncios(project: Project) -> None:
    project.write("app/main.py", PIPELINE + RACE)
    off = "oracles_off: {convergence: the order, ready: is what, idempotence: this is about}\n"
    story = off + steps("  - update\n  - expect: {targets: {out/order.txt: abc}}\n")
    lines = only_failure(project, story, "--coco-runs=8", "--coco-crashes=none")
    seed = derived_seed(0, "scenarios/failing.coco.yaml::story", 0)
    found = next(line for line in lines if line.startswith("found by: "))
    number = int(found.partition(", run ")[2].split()[0])
    assert found == f"found by: seed {seed + number - 1}, run {number} of this scenario"
    assert "first divergence, from the steps below in order with nothing going wrong (-):" in lines
    assert any(line.startswith("  + ") for line in lines)
    assert any(line.endswith(" to 2 steps, 1 deviation, 0 hazards:") for line in lines)
    plain = only_failure(project, story, "--coco-runs=8", "--coco-crashes=none", "--coco-no-shrink")
    assert f"first divergence, from the run {'in order' if number == 2 else f'seed {seed + number - 2}'} (-):" in plain
    assert not [line for line in plain if line.startswith("shrunk ")]


def test_a_traceback_is_shown_once_however_many_runs_there_were(project: Project) -> None:
    broken = PIPELINE.replace("coco.use_mount(", "coco.mount(")
    project.write("app/main.py", broken)
    story = steps("  - fs.write: {docs/a.txt: BAD}\n  - update\n  - expect: {targets: {out/a.txt: A}}\n")
    project.write("scenarios/failing.coco.yaml", story)
    (project.path / "scenarios/shout.coco.yaml").unlink(missing_ok=True)
    result = project.run("--coco-scenarios", "--coco-crashes=all", "--coco-faults=all")
    result.assert_outcomes(failed=1)
    assert result.outlines.count("Traceback (most recent call last):") == 1


def test_who_waits_where_ends_the_report(project: Project) -> None:
    project.write("app/main.py", PIPELINE)
    hanging = PIPELINE.replace(
        "async def main() -> None:\n", "async def main() -> None:\n    await asyncio.Event().wait()\n"
    )
    project.write("app/main.py", hanging)
    lines = only_failure(project, steps("  - start\n  - expect: {terminates: true}\n"))
    start = lines.index("who waits where:")
    assert any("main.py" in line for line in lines[start + 1 :])


def test_limits_are_part_of_the_replay_command(project: Project) -> None:
    lines = only_failure(project, steps("  - update\n"), "--coco-steps-max=10", "--coco-time-max=60")
    assert "steps_max=10" in " ".join(lines[:2])
    assert "to raise the limit: --coco-steps-max=N, or coco_steps_max = N in the ini file" in lines
    assert next(line for line in lines if "--coco-replay" in line).endswith(" --coco-steps-max=10 --coco-time-max=60")
    project.run("--coco-scenarios", "--coco-events-max=3").assert_outcomes(failed=1)


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
    def body(world: World) -> None:
        world.trace.note("a line of the trace")
        raise RuntimeError("the world broke\x1b[0m " + "x" * 200)

    (found,) = explore(body, seed=17).failures
    lines = failure_text(ScenarioFailed(found, 1), "x.coco.yaml::a", Options()).splitlines()
    assert lines[0].startswith("RuntimeError: the world broke")
    assert "  Traceback (most recent call last):" in lines
    assert "  pytest --coco-scenarios x.coco.yaml::a --coco-replay=17." in lines
    assert lines[-2:] == ["trace, the last 1 of 1 line:", "  0.000000 0 a line of the trace"]
    assert max(len(line) for line in lines if "pytest --coco-scenarios" not in line) <= 100
    assert not any("\x1b" in line for line in lines)


def test_what_is_given_and_not_needed_is_not_in_the_shrunk_story(project: Project) -> None:
    text = steps("  - update\n").replace("docs/a.txt: a", "docs/a.txt: a, docs/b.txt: BAD, docs/c.txt: c")
    lines = only_failure(project, text)
    at = next(number for number, line in enumerate(lines) if line.startswith("shrunk in"))
    assert lines[at + 1 : at + 3] == ["  given    docs/b.txt", "  line 5  update"]


@pytest.mark.parametrize(
    ("sentence", "line"),
    [
        ("the trace holds events_max=50 events", "--coco-events-max=N, or coco_events_max = N in the ini file"),
        (
            "the run would go past time_ns_max=60 (6e-08 s",
            "--coco-time-max=N, in virtual seconds, or coco_time_max = N in the ini file",
        ),
    ],
)
def test_a_limit_is_told_by_the_option_that_raises_it(sentence: str, line: str) -> None:
    assert limit_lines(sentence) == [f"to raise the limit: {line}"]


def test_a_limit_that_no_option_raises_names_none() -> None:
    assert limit_lines("the update is live and goes on after 30 days of virtual time") == []


def test_a_test_with_a_world_is_told_what_raises_its_limit(project: Project) -> None:
    project.write(
        "tests/test_ordinary.py",
        """
def test_it(coco_app, coco_fs):
    coco_app.load("../app/main.py:Shout")
    coco_fs.write("docs/a.txt", "a")
    coco_app.update()
""",
    )
    result = project.run("--coco-steps-max=10")
    result.assert_outcomes(failed=1)
    assert "to raise the limit: --coco-steps-max=N, or coco_steps_max = N in the ini file" in result.outlines
