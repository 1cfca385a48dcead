# Goal: the benchmarks of the simulator do the work that their figures are about.

from pathlib import Path

import pytest

from benchmarks.plugin import figures, write_project
from benchmarks.sim_pipeline import PIPELINES, runner, story
from benchmarks.sim_workloads import race
from cocoindex_sim.world import SeededRandom, Streams, VirtualLoop, World, perform


@pytest.mark.parametrize("pipeline", PIPELINES)
def test_a_run_writes_a_page_for_each_of_twenty_files_and_for_nothing_else(pipeline: str) -> None:
    with World(1, policy=SeededRandom(Streams(1).schedule)) as world:
        perform(story(pipeline), world)
        pages = sorted(world.target_files())
    assert pages == sorted(f"html/{number % 4}/{number}.html" for number in range(20))


def test_a_run_that_is_judged_holds() -> None:
    run = runner("plain", oracles=True)
    for seed in range(3):
        run(seed)


def test_the_race_is_lost_in_more_than_one_way() -> None:
    def outcome(seed: int) -> int:
        return VirtualLoop(SeededRandom(Streams(seed).schedule)).run_until_complete(race())

    assert len({outcome(seed) for seed in range(20)}) > 1


def test_the_scenarios_that_the_plugin_is_measured_with_pass(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "scenarios/trivial.coco.yaml").write_text(
        "app: ../app/main.py\nsteps:\n  - update\n  - expect: {stats: {main: {num_adds: 1}}}\n"
    )
    found = figures(["-m", "pytest", "-q", "--coco-scenarios", "scenarios", "many/story_7.coco.yaml"], tmp_path)
    assert found["collect_s"] > 0
    assert found["run_s"] > 0
