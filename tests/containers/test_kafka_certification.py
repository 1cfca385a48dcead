"""Goal: Apache Kafka behaves as recorded; every other cluster is compared with that."""

from __future__ import annotations

import asyncio
import os

import pytest

from ..certification.librdkafka import RealArm
from ..certification.stories import STORIES, tell_all
from ..certification.story import Observations
from ..certification.verdict import capabilities, judge, record, stories_for

pytestmark = [pytest.mark.real, pytest.mark.container]


@pytest.fixture(scope="module")
def told(kafka: str, request: pytest.FixtureRequest) -> dict[str, Observations | str]:
    """What the stories that are asked for observe, told side by side: most of their time is waiting."""
    items = [item for item in request.session.items if item.parent is request.node]
    names = {item.callspec.params["name"] for item in items}
    observed = asyncio.run(tell_all(sorted(names), RealArm("kafka", kafka, capabilities("kafka"))))
    # COCO_KAFKA_RECORD=1 makes what is seen now the record.
    if os.environ.get("COCO_KAFKA_RECORD") and names == STORIES.keys():
        record(observed)
    return observed


@pytest.mark.parametrize("name", stories_for("kafka"))
def test_kafka_behaves_as_recorded(name: str, told: dict[str, Observations | str]) -> None:
    judge("kafka", name, told[name])
