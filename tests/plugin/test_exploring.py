# Goal: what is tried follows the profile and its options, a recording repeats one run, and what never happened is told.

from __future__ import annotations

import pytest

from .plugin_project import FAILING, PASSING, PIPELINE, RACE, Project, report_of

NODE = "scenarios/shout.coco.yaml::a cold run shouts"


def header(result: pytest.RunResult) -> str:
    return next(line for line in result.outlines if line.startswith("coco: "))


@pytest.mark.parametrize(
    ("ini", "arguments", "told"),
    [
        ("", [], "profile dev, seed 0, one run in order and 3 by policy random, crashes one, faults none"),
        (
            "coco_profile = ci",
            [],
            "profile ci, seed 0, one run in order and 100 by policy random, each twice, crashes sweep, faults all",
        ),
        (
            "coco_profile = ci\ncoco_faults = none\ncoco_runs = 5",
            ["--coco-no-check-determinism"],
            "profile ci, seed 0, one run in order and 5 by policy random, crashes sweep, faults none",
        ),
        (
            "coco_profile = ci\ncoco_seed = 3",
            ["--coco-profile=nightly"],
            "profile nightly, seed 3, one run in order and 2000 by policy random, each twice, crashes all, faults all",
        ),
    ],
)
def test_a_profile_says_what_is_tried_unless_something_else_does(
    ini: str, arguments: list[str], told: str, project: Project
) -> None:
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    assert header(project.run("--coco-scenarios", "--collect-only", *arguments)) == f"coco: {told}"


def test_every_night_has_a_seed_of_its_own(project: Project) -> None:
    headers = {header(project.run("--coco-scenarios", "--collect-only", "--coco-profile=nightly")) for _ in range(3)}
    assert len(headers) == 3


def test_each_run_is_killed_at_one_moment_or_at_all(project: Project) -> None:
    names: dict[str, list[str]] = {}
    for crashes in ("none", "one", "sweep", "all"):
        directory = project.path / crashes
        project.run(
            "--coco-scenarios", NODE, "--coco-runs=1", f"--coco-crashes={crashes}", f"--coco-trace={directory}"
        ).assert_outcomes(passed=1)
        names[crashes] = [path.name for path in directory.iterdir()]
    killed = {crashes: sum("killed-after" in name for name in written) for crashes, written in names.items()}
    assert [len(names[crashes]) - killed[crashes] for crashes in names] == [2, 2, 2, 2]
    assert (killed["none"], killed["one"]) == (0, 2)
    in_order = sum("in-order-killed" in name for name in names["all"])
    assert killed["all"] > in_order > 3
    assert killed["sweep"] == in_order + 1


def test_a_recording_is_one_run_of_one_scenario(project: Project) -> None:
    directory = project.path / "traces"
    result = project.run("--coco-scenarios", NODE, "--coco-replay=17.0_9_", f"--coco-trace={directory}")
    result.assert_outcomes(passed=1)
    assert header(result) == f"coco: replay of 17.0_9_, traces in {directory}"
    (trace,) = directory.iterdir()
    assert trace.name.endswith(".replay.trace")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--coco-replay=17.0"], "repeats one run of one scenario, and 2 are selected; name it by its node id"),
        ([NODE, "--coco-replay=17"], "a recording begins with a seed and a dot, as in '17.0012'; got '17'"),
        ([NODE, "--coco-replay=17.0.k0-7"], "the recording keeps step 2, counted from 0, and the story has 2 steps"),
        ([NODE, "--coco-replay=17.0X"], "'X' is no choice, at character 5 of the recording '17.0X'"),
    ],
)
def test_what_is_no_recording_of_the_scenario_is_a_usage_error(
    arguments: list[str], message: str, project: Project
) -> None:
    result = project.run("--coco-scenarios", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert any(message in line for line in result.errlines)


def test_what_could_have_gone_wrong_and_never_did_is_listed(project: Project) -> None:
    result = project.run("--coco-scenarios", "--coco-faults=EIO", "--coco-runs=0", "--coco-crashes=none")
    lines = result.outlines
    start = next(number for number, line in enumerate(lines) if line.strip("= ") == "coco: faults")
    assert " faults fired, of " in lines[start + 1]
    assert lines[start + 2].startswith("never fired: ")
    assert "EACCES" not in lines[start + 2]  # nobody asked for it
    assert not any("coco: faults" in line for line in project.run("--coco-scenarios", "--coco-runs=0").outlines)


def test_a_kind_of_fault_that_never_happens_fails_the_session(project: Project) -> None:
    result = project.run("--coco-scenarios", "--coco-faults=ack_lost", "--coco-runs=1")
    result.assert_outcomes(passed=2)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    assert "asked for, and never happened in this session, which fails it: ack_lost" in result.outlines


@pytest.mark.parametrize(
    ("ini", "arguments", "where"),
    [("coco_faults = EIO,ack_los", [], "coco_faults"), ("", ["--coco-faults=EIO,ack_los"], "--coco-faults")],
)
def test_a_kind_of_fault_that_nobody_knows_is_refused_before_anything_is_run(
    ini: str, arguments: list[str], where: str, project: Project
) -> None:
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    result = project.run("--coco-scenarios", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    told = "is none, all, or kinds of faults, and 'ack_los' is no kind; did you mean 'ack_lost'? known: EIO, "
    assert any(f"{where} {told}" in line for line in result.errlines), result.errlines


@pytest.mark.parametrize("said_by", ["the scenario", "the marker"])
def test_a_kind_of_fault_that_only_a_test_asks_for_and_that_never_happens_fails_that_test(
    said_by: str, project: Project
) -> None:
    if said_by == "the marker":
        project.write(
            "scenarios/conftest.py",
            "import pytest\ndef pytest_collection_modifyitems(items):\n"
            "    items[0].add_marker(pytest.mark.coco(faults='ack_lost'))\n",
        )
    else:
        named = PASSING.replace("    steps:", "    options: {faults: ack_lost}\n    steps:", 1)
        project.write("scenarios/shout.coco.yaml", named)
    result = project.run("--coco-scenarios", "--coco-runs=1", "--coco-crashes=none")
    result.assert_outcomes(failed=1, passed=1)
    assert report_of(result, "a cold run shouts")[:1] == [
        "asked for, and never happened in this test, which fails it: ack_lost"
    ]
    project.run("--coco-scenarios", "--coco-runs=1", "--coco-faults=none").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("recording", "why"),
    [
        ("17.99.k0", "choice number 1 is 9, and the last that there was to choose was "),
        ("17.0_9999_1", "choice number 10000 is 1, and the run made "),
    ],
)
def test_a_recording_that_no_longer_fits_fails_with_the_choice(recording: str, why: str, project: Project) -> None:
    project.write("app/main.py", PIPELINE + RACE.replace("join(order)", "join(sorted(order))"))
    project.write(
        "scenarios/shout.coco.yaml", "app: ../app/main.py\nname: a cold run shouts\nsteps: [update, settle]\n"
    )
    result = project.run("--coco-scenarios", NODE, f"--coco-replay={recording}")
    result.assert_outcomes(failed=1)
    told = " ".join(report_of(result, "a cold run shouts"))
    assert told.startswith(f"the recording no longer fits the story, or its pipeline: {why}")


def test_a_failure_of_a_recording_that_no_longer_fits_says_so(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    result = project.run("--coco-scenarios", "scenarios/failing.coco.yaml", "--coco-replay=17.z")
    told = " ".join(report_of(result, "b is not c")[:4])
    assert "the target files are not as expected" in told
    assert "the recording no longer fits the story, or its pipeline: choice number 1 is 35, and " in told


def test_a_recording_in_a_scenario_that_no_longer_fits_is_no_failure(project: Project) -> None:
    project.write("scenarios/shout.coco.yaml", PASSING.replace("    steps:", "    recording: '17.99'\n    steps:", 1))
    project.run("--coco-scenarios", NODE).assert_outcomes(passed=1)


def test_an_oracle_that_is_off_has_no_runs(project: Project) -> None:
    project.write(
        "scenarios/shout.coco.yaml",
        "app: ../app/main.py\ngiven: {files: {docs/a.txt: a}}\noracles_off: {crash: not now}\n"
        "name: a cold run shouts\nsteps: [update]\n",
    )
    directory = project.path / "traces"
    project.run("--coco-scenarios", NODE, "--coco-crashes=all", f"--coco-trace={directory}").assert_outcomes(passed=1)
    assert not [path for path in directory.iterdir() if "killed" in path.name]


def test_a_failure_is_reported_as_it_was_found_when_nothing_smaller_is_asked_for(project: Project) -> None:
    project.write("scenarios/failing.coco.yaml", FAILING)
    found = project.run("--coco-scenarios", "scenarios/failing.coco.yaml", "--coco-no-shrink")
    assert not [line for line in report_of(found, "b is not c") if line.startswith("shrunk")]
    project.write("pytest.ini", "[pytest]\ncoco_shrink = false\n")
    found = project.run("--coco-scenarios", "scenarios/failing.coco.yaml")
    assert not [line for line in report_of(found, "b is not c") if line.startswith("shrunk")]


COUNTING = PIPELINE.replace(
    "    output.declare_file(",
    """\
    from cocoindex_sim.engine import current_process
    files = current_process().ports.file_system
    before = files.read("out.count", -1).decode() if "out.count" in [e.name for e in files.scandir(".")] else ""
    files.replace_content("out.count", (before + "x").encode())
    output.declare_file(""",
)


def test_what_only_a_crash_brings_about_is_shrunk_and_replayed_by_that_name(project: Project) -> None:
    project.write("app/main.py", COUNTING)
    project.write(
        "scenarios/shout.coco.yaml",
        "app: ../app/main.py\ngiven: {files: {docs/a.txt: a}}\nname: a cold run shouts\nsteps: [update, settle]\n",
    )
    result = project.run("--coco-scenarios", NODE, "--coco-crashes=all", "--coco-runs=0")
    result.assert_outcomes(failed=1)
    lines = report_of(result, "a cold run shouts")
    assert "crash: with the process killed after durable step " in lines[0]
    assert any(line.startswith("  hazard   crash:") for line in lines)
    replay = next(line for line in lines if "--coco-replay=" in line).partition("--coco-replay=")[2]
    again = project.run("--coco-scenarios", NODE, f"--coco-replay={replay}")
    assert report_of(again, "a cold run shouts")[:3] == lines[:3]


@pytest.mark.real
def test_workers_share_the_seed_and_count_together(project: Project) -> None:
    result = project.run_apart("--coco-scenarios", "-n", "2", "--coco-profile=nightly", "--coco-runs=2")
    result.assert_outcomes(passed=2)
    assert any("faults fired, of " in line for line in result.outlines)
    failing = project.run_apart("--coco-scenarios", "-n", "2", "--coco-faults=ack_lost", "--coco-runs=1")
    assert failing.ret == pytest.ExitCode.TESTS_FAILED
