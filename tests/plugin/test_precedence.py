# Goal: the command line goes before the marker, the marker before the ini file, and the last seed is kept.

from __future__ import annotations

import re

import pytest

from pytest_coco._declare import Declared
from pytest_coco._options import TABLE
from pytest_coco._seeds import derived_seed

from .plugin_project import Project, report_of

NODE = "tests/test_ordinary.py::test_it"

SEEDS = """
import pytest

{marker}
def test_it(coco_world, coco_seed):
    print("seed", coco_seed, "policy", type(coco_world.loop.policy).__name__)
"""


def told(project: Project, marker: str, *arguments: str) -> list[str]:
    """What each run of the test prints."""
    project.write("tests/test_ordinary.py", SEEDS.format(marker=marker))
    result = project.run("-s", *arguments)
    assert result.ret == pytest.ExitCode.OK
    return [found[0] for line in result.outlines if (found := re.search(r"seed \d+ policy \w+", line))]


def seeds_of(lines: list[str]) -> list[int]:
    return [int(line.split()[1]) for line in lines]


@pytest.mark.parametrize(
    ("ini", "marker", "arguments", "base"),
    [
        ("", "", [], 0),
        ("coco_seed = 3", "", [], 3),
        ("coco_seed = 3", "@pytest.mark.coco(seed=5)", [], 5),
        ("coco_seed = 3", "@pytest.mark.coco(seed=5)", ["--coco-seed=7"], 7),
        ("coco_seed = 3", "@pytest.mark.coco(seed=5)\n@pytest.mark.coco(seed=6, policy='pct')", [], 6),
    ],
)
def test_the_seed_is_that_of_the_command_line_the_marker_or_the_ini_file(
    ini: str, marker: str, arguments: list[str], base: int, project: Project
) -> None:
    project.write("pytest.ini", f"[pytest]\n{ini}\n")
    assert seeds_of(told(project, marker, *arguments)) == [derived_seed(base, NODE, 0)]


def test_a_test_that_is_marked_with_runs_is_run_in_order_and_by_the_policy(project: Project) -> None:
    lines = told(project, "@pytest.mark.coco(runs=2)")
    assert [line.split()[-1] for line in lines] == ["Fifo", "SeededRandom", "SeededRandom"]
    ids = ["in-order", "run-1", "run-2"]
    assert seeds_of(lines) == [derived_seed(0, f"{NODE}[{name}]", 0) for name in ids]
    assert len(told(project, "@pytest.mark.coco(runs=2)", "--coco-runs=5")) == 6
    assert len(told(project, "", "--coco-runs=5")) == 1
    (line,) = told(project, "@pytest.mark.coco(policy='pct')")
    assert line.endswith("policy Pct")
    (line,) = told(project, "@pytest.mark.coco(policy='pct')", "--coco-policy=fifo")
    assert line.endswith("policy Fifo")


def test_a_marker_on_a_scenario_says_what_is_tried_with_it(project: Project) -> None:
    project.write(
        "scenarios/conftest.py",
        """
import pytest

def pytest_collection_modifyitems(items):
    items[0].add_marker(pytest.mark.coco(runs=5, crashes="none", check_determinism=True))
""",
    )
    for arguments, runs in (([], 6), (["--coco-runs=1"], 2)):
        directory = project.path / f"traces-{runs}"
        project.run("--coco-scenarios", "-k", "cold", f"--coco-trace={directory}", *arguments).assert_outcomes(
            passed=1, deselected=1
        )
        names = [path.name for path in directory.iterdir()]
        assert len([name for name in names if "again" not in name]) == runs
        assert not [name for name in names if "killed" in name]
        assert len([name for name in names if "again" in name]) in (0, runs)


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("coco(7)", "the marker coco of 'test_it' takes options by name, as in coco(seed=7); got 7"),
        ("coco(sed=7)", "the marker coco of 'test_it' has no option 'sed' for one test; did you mean 'seed'? known: "),
        ("coco(scenarios=True)", "the marker coco of 'test_it' has no option 'scenarios' for one test known: "),
        (
            "coco(seed=-1)",
            "the marker coco of 'test_it' can't be followed: seed is a whole number, not negative; got '-1'",
        ),
        (
            "coco(faults='EOI')",
            "the marker coco of 'test_it' can't be followed: faults is none, all, or kinds of faults, and 'EOI' is no"
            " kind; did you mean 'EIO'? known: EIO, ",
        ),
        ("coco(seed='last')", "the marker coco of 'test_it' names its seed itself; the last one is for sessions"),
        ("coco(crashes='all')", "the marker coco of 'test_it' says crashes, which is for scenarios"),
        ("coco(policy='dfs')", "'test_it' drives a world itself, and a search needs to run it again and again"),
    ],
)
def test_a_marker_that_cannot_be_followed_fails_its_test_with_the_reason(
    marker: str, message: str, project: Project
) -> None:
    project.write("tests/test_ordinary.py", SEEDS.format(marker=f"@pytest.mark.{marker}"))
    result = project.run()
    result.assert_outcomes(errors=1)
    assert any(line.removeprefix("In test_it: ").startswith(message) for line in result.outlines), result.outlines


def test_the_marker_is_registered_and_tells_its_options(project: Project) -> None:
    lines = project.run("--strict-markers", "--markers").outlines
    assert any(line.startswith("@pytest.mark.coco(profile=..., seed=..., runs=..., ") for line in lines)


def test_the_last_seed_is_that_of_the_session_before(project: Project) -> None:
    project.write("tests/test_ordinary.py", "def test_it(coco_seed): print('seed', coco_seed)\n")
    refused = project.run("-p", "cacheprovider", "--coco-seed=last")
    assert refused.ret == pytest.ExitCode.USAGE_ERROR

    def run(*arguments: str) -> str:
        result = project.pytester.runpytest_inprocess("-p", "no:hypothesispytest", "-p", "no:asyncio", *arguments)
        return next(line for line in result.outlines if line.startswith("coco: "))

    none = project.pytester.runpytest_inprocess("-p", "no:hypothesispytest", "-p", "no:asyncio", "--coco-seed=last")
    assert none.errlines[-1:] == [
        "ERROR: --coco-seed=last: no session has saved its seed in this rootdir yet; name the seed itself"
    ] or any("no session has saved its seed" in line for line in none.errlines)
    assert "seed 41," in run("--coco-seed=41")
    assert "seed 41," in run("--coco-seed=last")
    assert "seed 41," in run("-o", "coco_seed=last")
    nightly = run("--coco-profile=nightly").partition(", seed ")[2].partition(",")[0]
    assert f"seed {nightly}," in run("--coco-seed=last")


@pytest.mark.real
def test_workers_share_the_seed_that_was_drawn_or_was_the_last(project: Project) -> None:
    project.write("tests/test_ordinary.py", "def test_it(coco_seed): assert coco_seed == 1\n")
    for arguments in (["--coco-profile=nightly"], ["--coco-seed=last"]):
        result = project.pytester.runpytest_subprocess("-n", "2", *arguments)
        seed = next(line for line in result.outlines if line.startswith("coco: ")).partition(", seed ")[2]
        base = int(seed.partition(",")[0])
        assert f"assert {derived_seed(base, NODE, 0)} == 1" in "\n".join(report_of(result, "test_it"))


@pytest.mark.parametrize("option", TABLE, ids=lambda option: option.name)
def test_every_option_has_an_ini_twin_and_its_place_in_the_help(option: Declared, project: Project) -> None:
    parser_help = " ".join(project.run("--help").outlines)
    assert f"(ini: {option.ini}; " in parser_help.replace("  ", "") or option.ini in parser_help
    assert option.flag in parser_help


def test_faults_and_limits_of_a_marker_hold_in_the_world_of_its_test(project: Project) -> None:
    project.write(
        "tests/test_ordinary.py",
        """
import pytest
from cocoindex_sim.values import LimitError

@pytest.mark.coco(faults="EIO", runs=20)
def test_faults(coco_app, coco_fs, coco_world):
    coco_app.load("../app/main.py:Shout")
    coco_fs.write({f"docs/{name}.txt": name for name in "abcdefgh"})
    try:
        coco_app.update()
    except Exception as error:
        assert "Input/output error" in str(error) or isinstance(error, OSError)
    print("struck", *(hazard.kind for hazard in coco_world.hazards.fired))

@pytest.mark.coco(steps_max=10)
def test_limits(coco_app, coco_fs):
    coco_app.load("../app/main.py:Shout")
    coco_fs.write("docs/a.txt", "a")
    with pytest.raises(LimitError, match="steps_max=10"):
        coco_app.update()
""",
    )
    result = project.run("-s")
    result.assert_outcomes(passed=22)
    kinds = {word for line in result.outlines if "struck" in line for word in line.partition("struck")[2].split()}
    assert kinds - {"."} == {"EIO"}
    assert not any("EIO" in line for line in project.run("-s", "--coco-faults=none").outlines)
