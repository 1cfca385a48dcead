"""Goal: Apache Kafka behaves as recorded, with one broker and with three; every other cluster is compared with that."""

from __future__ import annotations

import asyncio
import os

import pytest

from ..certification.librdkafka import RealArm
from ..certification.stories import STORIES, tell_all
from ..certification.story import Observations
from ..certification.verdict import capabilities, judge, record, stories_for
from .kafka_brokers import KafkaBrokers

pytestmark = [pytest.mark.real, pytest.mark.container]

Told = dict[str, Observations | str]


class BrokersArm(RealArm):
    """Brokers that can be killed."""

    def __init__(self, name: str, brokers: KafkaBrokers) -> None:
        super().__init__(name, brokers.addresses, capabilities(name), replicas=brokers.count)
        self.brokers = brokers

    async def stop_brokers(self, *numbers: int) -> None:
        await asyncio.to_thread(self.brokers.kill, *(numbers or range(1, self.brokers.count + 1)))

    async def start_brokers(self, *numbers: int) -> None:
        await asyncio.to_thread(self.brokers.restart, *(numbers or range(1, self.brokers.count + 1)))


def names_in(request: pytest.FixtureRequest, test: str) -> list[str]:
    """The stories that a test is asked for."""
    return [
        item.callspec.params["name"]
        for item in request.session.items
        if item.nodeid.startswith(f"{request.node.nodeid}::{test}[")
    ]


@pytest.fixture(scope="module")
def told(kafka: str, request: pytest.FixtureRequest) -> Told:
    """What stories observe, told side by side: most of their time is waiting."""
    names = names_in(request, "test_kafka_behaves_as_recorded")
    return keep(asyncio.run(tell_all(names, RealArm("kafka", kafka, capabilities("kafka")))))


@pytest.fixture(scope="module")
def told_three(three_brokers: KafkaBrokers, request: pytest.FixtureRequest) -> Told:
    """The same with three brokers; who kills one has the cluster to himself."""
    names = names_in(request, "test_three_brokers_behave_as_recorded")
    alone = [name for name in names if "brokers" in STORIES[name].needs]
    arm = BrokersArm("kafka3", three_brokers)

    async def tell_in_turn() -> Told:
        return await tell_all([name for name in names if name not in alone], arm) | await tell_all(
            alone, arm, at_once=1
        )

    told = asyncio.run(tell_in_turn())
    keep({name: told[name] for name in alone})
    return told


def keep(told: Told) -> Told:
    """With COCO_KAFKA_RECORD=1, make what is seen now the record."""
    if os.environ.get("COCO_KAFKA_RECORD"):
        record(told)
    return told


@pytest.mark.parametrize("name", stories_for("kafka"))
def test_kafka_behaves_as_recorded(name: str, told: Told) -> None:
    judge("kafka", name, told[name])


@pytest.mark.parametrize("name", stories_for("kafka3"))
def test_three_brokers_behave_as_recorded(name: str, told_three: Told) -> None:
    judge("kafka3", name, told_three[name])
