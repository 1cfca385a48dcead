# Goal: a scenario is a test like any other to fixtures, marks and other plugins, and its runs leave their traces.

from __future__ import annotations

from contextlib import ExitStack

import pytest
from freezegun.api import freeze_factories

from cocoindex_sim.world import _dates
from pytest_coco._seeds import derived_seed

from .plugin_project import Project


def test_fixtures_of_every_scope_and_marks_apply_to_scenarios(project: Project) -> None:
    project.write(
        "scenarios/conftest.py",
        """
import pytest

@pytest.fixture(autouse=True, scope="module")
def module_seen(request):
    print("module", request.module.__name__)

@pytest.fixture(autouse=True)
def function_seen(request):
    print("function", request.function.__name__, request.node.story.name)

def pytest_collection_modifyitems(items):
    items[1].add_marker(pytest.mark.skip(reason="by mark"))
""",
    )
    result = project.run("--coco-scenarios", "-s", "-rs", "--fixtures-per-test")
    assert result.ret == pytest.ExitCode.OK
    result = project.run("--coco-scenarios", "-s", "-rs")
    result.assert_outcomes(passed=1, skipped=1)
    result.stdout.fnmatch_lines(["*module shout", "function scenario a cold run shouts*", "SKIPPED*by mark"])


def test_the_scenarios_of_a_file_share_what_makes_dates_virtual(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    starts: list[ExitStack] = []

    real = _dates.replace_dates

    def replace_dates(undo: ExitStack) -> None:
        starts.append(undo)
        real(undo)

    monkeypatch.setattr(_dates, "replace_dates", replace_dates)
    project.run("--coco-scenarios").assert_outcomes(passed=2)
    assert len(starts) == 1
    assert not freeze_factories


def test_scenarios_are_selected_by_keyword(project: Project) -> None:
    project.run("--coco-scenarios", "-k", "cold").assert_outcomes(passed=1, deselected=1)


@pytest.mark.real
def test_one_trace_a_run_is_written_and_is_the_same_under_any_hash_seed(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for hash_seed in ("0", "1", "12345"):
        monkeypatch.setenv("PYTHONHASHSEED", hash_seed)
        directory = project.path / f"traces-{hash_seed}"
        project.run_apart(
            "--coco-scenarios", f"--coco-trace={directory}", "--coco-runs=2", "--coco-crashes=none"
        ).assert_outcomes(passed=2)
        written.append({path.name: path.read_text("utf-8") for path in directory.iterdir()})
    assert written[0] == written[1] == written[2]
    assert len(written[0]) == 2 * 3
    assert all("run_finished" in trace for trace in written[0].values())
    seed = derived_seed(0, "scenarios/shout.coco.yaml::a cold run shouts", 0) + 2
    (name,) = (name for name in written[0] if f".seed-{seed}." in name)
    assert name.startswith("shout.coco.yaml-a-cold-run-shouts-")


def test_a_seed_depends_on_the_base_the_test_and_the_run() -> None:
    assert derived_seed(0, "a", 0) == 1_965_039_007
    seeds = {derived_seed(base, nodeid, run) for base in (0, 1) for nodeid in ("a", "b") for run in (0, 1)}
    assert len(seeds) == 8


def test_a_test_is_given_a_world_that_is_closed_after_it(project: Project) -> None:
    project.write(
        "tests/test_ordinary.py",
        """
import pathlib
import pytest

worlds = []

def test_story(coco_world):
    worlds.append(coco_world)
    coco_world.load("../app/main.py:Shout", base=pathlib.Path(__file__).parent)
    coco_world.files.write("docs/a.txt", b"a", parents=True)
    coco_world.update()
    assert coco_world.target_files() == {"out/a.txt": b"A"}
    assert coco_world.stats().by_component["shout"].num_adds == 1

def test_next(coco_world):
    with pytest.raises(RuntimeError):
        worlds[0].update()
    assert coco_world.streams.seed != worlds[0].streams.seed
    assert coco_world.target_files() == {}
""",
    )
    project.run().assert_outcomes(passed=2)


def test_an_async_test_is_refused_a_world(project: Project) -> None:
    project.write(
        "tests/test_ordinary.py",
        "async def test_story(coco_world): pass\n",
    )
    result = project.run()
    result.assert_outcomes(errors=1)
    assert (
        "'test_story' is an async test and takes coco_world, which runs its own event loop; make it a plain `def`, and"
        " have coco_world.run(...) run what is async" in result.outlines
    )


@pytest.mark.real
def test_importing_the_plugin_is_cheap_and_loads_nothing_heavy(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = pytester.makepyfile(
        """
import sys, time
import pytest
before = set(sys.modules)
start = time.process_time()
import pytest_coco.plugin
milliseconds = (time.process_time() - start) * 1000
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
assert not loaded & {"cocoindex_sim", "ruamel", "msgspec", "asyncio", "lmdb"}, loaded
print("milliseconds", milliseconds)
"""
    )
    # Compiled by the first of them, as it is when it is installed.
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", str(pytester.path / "compiled"))
    results = [pytester.runpython(script) for _ in range(5)]
    assert [result.ret for result in results] == [0] * 5, results[0].stdout.str()
    assert min(float(line.split()[1]) for result in results for line in result.outlines if "milli" in line) < 20
