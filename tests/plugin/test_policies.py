# Goal: the policy that is asked for orders the runs, and a run that does not repeat itself fails with the place shown.

from __future__ import annotations

import pytest

from cocoindex_sim.world import Recording
from pytest_coco._seeds import derived_seed

from .plugin_project import PIPELINE, RACE, Project, report_of

NODE = "scenarios/story.coco.yaml::story"


def scenario(steps: str) -> str:
    return f"app: ../app/main.py\ngiven: {{files: {{docs/a.txt: a}}}}\nname: story\nsteps:\n{steps}"


# A component whose path tells how many runs this process has had.
MEMORY = """

import sys

@coco.fn
async def note(path, output):
    output.declare_file("note.txt", "x")


@coco.fn
async def remember() -> None:
    sys.coco_runs = getattr(sys, "coco_runs", 0) + 1
    output = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.use_mount(coco.component_subpath(f"run {min(sys.coco_runs, LIMIT)}"), note, "x", output)


del app
app = coco.App("Memory", remember)
"""


def only_failure(project: Project, *arguments: str) -> list[str]:
    (project.path / "scenarios/shout.coco.yaml").unlink(missing_ok=True)
    result = project.run("--coco-scenarios", *arguments)
    result.assert_outcomes(failed=1)
    return report_of(result, "story")


def line_of(lines: list[str], start: str) -> str:
    return next(line.removeprefix(start) for line in lines if line.startswith(start))


OFF = "oracles_off: {convergence: the order, ready: is what, idempotence: this is about}\n"


def race(project: Project, order: str) -> None:
    project.write("app/main.py", PIPELINE + RACE)
    steps = f"  - update\n  - expect: {{targets: {{out/order.txt: {order}}}}}\n"
    project.write("scenarios/story.coco.yaml", OFF + scenario(steps))


@pytest.mark.parametrize("policy", ["random", "pct"])
def test_seeds_find_what_the_order_of_asyncio_hides(project: Project, policy: str) -> None:
    race(project, "abc")
    lines = only_failure(project, f"--coco-policy={policy}", "--coco-runs=8")
    assert line_of(lines, "found by: ").startswith("seed ")
    assert line_of(lines, "passes: ").startswith(("in order", "seed "))
    recording = Recording.parse(line_of(lines, "  pytest ").partition("--coco-replay=")[2])
    assert recording.deviations == 1


def test_under_fifo_the_seeds_do_not_change_the_order(project: Project) -> None:
    race(project, "abc")
    (project.path / "scenarios/shout.coco.yaml").unlink()
    project.run("--coco-scenarios", "--coco-policy=fifo", "--coco-runs=8").assert_outcomes(passed=1)


def test_a_search_takes_one_schedule_after_the_other_until_there_is_none(project: Project) -> None:
    race(project, "abc")
    directory = project.path / "traces"
    lines = only_failure(project, "--coco-policy=dfs", "--coco-runs=2000", f"--coco-trace={directory}")
    assert line_of(lines, "found by: ").startswith("schedule ")
    traces = sorted(path.name.split(".")[-2] for path in directory.iterdir())
    assert "in-order" in traces
    traces = [trace for trace in traces if "killed" not in trace]
    assert 3 < len(traces) < 2000
    assert set(traces) == {"in-order", "shrunk", *(f"schedule-{number}" for number in range(1, len(traces) - 1))}


@pytest.mark.parametrize("policy", ["random", "pct", "dfs", "fifo"])
def test_what_repeats_itself_passes_the_check_under_every_policy(project: Project, policy: str) -> None:
    project.run("--coco-scenarios", "--coco-check-determinism", f"--coco-policy={policy}").assert_outcomes(passed=2)


def test_a_failure_that_repeats_itself_is_reported_as_it_is_without_the_check(project: Project) -> None:
    race(project, "cba")
    plain = only_failure(project)
    assert only_failure(project, "--coco-check-determinism") == plain
    assert "determinism" not in plain[0]


@pytest.mark.parametrize("policy", ["random", "dfs"])
def test_a_run_that_does_not_repeat_itself_fails_and_shows_where(
    project: Project, policy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.coco_runs", 0, raising=False)
    project.write("app/main.py", PIPELINE + MEMORY.replace("LIMIT", "2"))
    project.write("scenarios/story.coco.yaml", scenario("  - update\n"))
    directory = project.path / "traces"
    lines = only_failure(
        project, "--coco-check-determinism", f"--coco-policy={policy}", "--coco-runs=2", f"--coco-trace={directory}"
    )
    assert lines[0].startswith(
        "scenarios/story.coco.yaml:1: determinism: the run in order, repeated, has another trace"
    )
    number = lines[0].partition("from line ")[2].partition(" ")[0]
    (first,) = (line for line in lines if line.startswith(f"  - {number} "))
    (second,) = (line for line in lines if line.startswith(f"  + {number} "))
    assert "run 1" in first
    assert first.replace("run 1", "run 2").replace("- ", "+ ", 1) == second
    assert len([line for line in lines if line[:4] in {"  - ", "  + "}]) <= 8
    assert line_of(lines, "found by: ") == "in order, run 1 of this scenario"
    assert line_of(lines, "  pytest ").endswith("--coco-check-determinism")
    # Both traces are there to be compared.
    assert sorted(path.name.split(".")[-2] for path in directory.iterdir()) == ["in-order", "in-order-again"]
    # Without the check nobody notices.
    monkeypatch.setattr("sys.coco_runs", 0)
    project.run("--coco-scenarios", f"--coco-policy={policy}", "--coco-runs=0", "--coco-crashes=none").assert_outcomes(
        passed=1
    )


def test_the_check_compares_the_outcome_too(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.coco_runs", 0, raising=False)
    project.write("app/main.py", PIPELINE + MEMORY.replace('"x")', "str(sys.coco_runs))").replace("LIMIT", "1"))
    project.write("scenarios/story.coco.yaml", scenario("  - update\n  - expect: {targets: {out/note.txt: '1'}}\n"))
    lines = only_failure(project, "--coco-check-determinism", "--coco-runs=0")
    first, *_, second = (line.split(" ", 4)[4] for line in lines if line[:4] in {"  - ", "  + "})
    assert first.endswith("the story is over; the oracles judge it")
    assert second == "it fails: ExpectationFailed"


def test_runs_are_as_many_as_asked_for_with_seeds_of_their_own(project: Project) -> None:
    race(project, "abc")
    (project.path / "scenarios/shout.coco.yaml").unlink()
    directory = project.path / "traces"
    project.run(
        "--coco-scenarios", "--coco-policy=fifo", "--coco-runs=2", "--coco-crashes=none", f"--coco-trace={directory}"
    ).assert_outcomes(passed=1)
    first = derived_seed(0, NODE, 0)
    assert sorted(path.name.split(".")[-2] for path in directory.iterdir()) == [
        "in-order",
        *sorted((f"seed-{first + 1}", f"seed-{first + 2}")),
    ]


@pytest.mark.parametrize(
    ("racers", "fact"),
    [
        ("3 if sys.coco_runs == 1 else 0", ":1: determinism: the run ended after "),
        ("3 if sys.coco_runs == 1 else 5", "was among 3 candidates, and is among 5 now"),
    ],
)
def test_a_search_that_cannot_go_on_says_why(
    project: Project, racers: str, fact: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.coco_runs", 0, raising=False)
    racing = f"    await asyncio.gather(*(asyncio.sleep(0) for _ in range({racers})))\n"
    memory = MEMORY.replace("LIMIT", "1").replace("\n\ndel app", f"{racing}\n\ndel app")
    project.write("app/main.py", PIPELINE + memory)
    project.write("scenarios/story.coco.yaml", scenario("  - update\n"))
    lines = only_failure(project, "--coco-policy=dfs", "--coco-runs=5")
    assert fact in " ".join(lines)
    assert not [line for line in lines if "Traceback" in line]
