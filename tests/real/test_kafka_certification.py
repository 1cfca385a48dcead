"""Goal: librdkafka's mock cluster behaves like Apache Kafka, but for the differences that are accepted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from ..certification.librdkafka import SILENT, RealArm
from ..certification.stories import tell_all
from ..certification.story import Observations
from ..certification.verdict import capabilities, judge, stories_for

pytestmark = pytest.mark.real


@pytest.fixture(scope="module")
def brokers() -> Iterator[str]:
    """A mock cluster, which lives as long as its producer."""
    owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "logger": SILENT})
    yield ",".join(f"{broker.host}:{broker.port}" for broker in owner.list_topics(timeout=30).brokers.values())
    del owner


@pytest.fixture(scope="module")
def told(brokers: str, request: pytest.FixtureRequest) -> dict[str, Observations | str]:
    """What the stories that are asked for observe, told side by side: most of their time is waiting."""
    items = [item for item in request.session.items if item.parent is request.node]
    names = {item.callspec.params["name"] for item in items}
    return asyncio.run(tell_all(sorted(names), RealArm("mock", brokers, capabilities("mock"))))


@pytest.mark.parametrize("name", stories_for("mock"))
def test_the_mock_cluster_behaves_like_kafka(name: str, told: dict[str, Observations | str]) -> None:
    judge("mock", name, told[name])
