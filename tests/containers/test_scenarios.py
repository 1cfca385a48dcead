# Goal: scenarios about Kafka come out on Apache Kafka as they are written, one after the other on one broker.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from docker import DockerClient

from cocoindex_sim.arms import Arm, Elsewhere, KafkaContainer, Limits, Nursery, real_arm, sim_only
from cocoindex_sim.scenario import read_scenarios
from cocoindex_sim.world import Story

from .conftest import find_image
from .kafka_brokers import KAFKA_IMAGE

pytestmark = [pytest.mark.real, pytest.mark.container]

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios" / "kafka"
STORIES = [story for path in sorted(SCENARIOS.glob("*.coco.yaml")) for story in read_scenarios(path)]


@pytest.fixture(scope="module")
def arm(engine: DockerClient) -> Iterator[Arm]:
    find_image(engine, "COCO_KAFKA_IMAGE", KAFKA_IMAGE)
    with KafkaContainer() as kafka:
        yield replace(real_arm(), kafka=kafka.servers)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_scenario_is_the_same_on_apache_kafka(story: Story, arm: Arm, nursery: Nursery, tmp_path: Path) -> None:
    reason = sim_only(story, arm)
    if reason is not None:
        pytest.skip(reason)
    with Elsewhere(story, arm, tmp_path / "site", nursery=nursery, limits=Limits(within_s=120)) as elsewhere:
        elsewhere.run()


def test_more_can_be_told_to_it_than_to_the_mock_cluster(arm: Arm) -> None:
    told = [story for story in STORIES if sim_only(story, arm) is None]
    to_the_mock = [story for story in STORIES if sim_only(story, real_arm()) is None]
    assert len(told) > len(to_the_mock) > 0


def test_the_plugin_starts_it_for_scenarios_that_need_it(engine: DockerClient, pytester: pytest.Pytester) -> None:
    find_image(engine, "COCO_KAFKA_IMAGE", KAFKA_IMAGE)
    path = SCENARIOS / "files_to_kafka.coco.yaml"
    result = pytester.runpytest_subprocess(
        "--coco-scenarios", path, "--coco-backend=real", "--coco-kafka=container", "-k", "sent or dies or drop"
    )
    assert result.ret == pytest.ExitCode.OK, result.stdout.str()
    result.stdout.fnmatch_lines(["coco: *backend real, kafka container*"])
    assert result.parseoutcomes()["passed"] > 0
