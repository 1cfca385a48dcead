# Goal: the benchmarks do the work that their figures are about.

from pathlib import Path

import pytest

from benchmarks.compare import figures_of
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


def test_the_transactions_of_components_are_counted_on_disk() -> None:
    found = figures_of("components", "cocoindex_sim", ("300",), 60)
    assert [found[f"{update}_commits"] for update in ("cold", "nochange")] == [3, 0]
    assert 2 <= found["edit1pct_commits"] <= 2 * 3


def test_an_edit_among_live_items_reaches_the_target() -> None:
    found = figures_of("live_edit", "cocoindex_sim", ("20",), 60)
    assert found["p50_ms"] > 0
