"""Real arms for tests: our engine always, CocoIndex where this interpreter has it, or the one that COCO_ENGINE_PYTHON names."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cocoindex_sim.arms import Arm, ArmError, Nursery, find_cocoindex, real_arm


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


@pytest.fixture(params=["real", "cocoindex"])
def arm(request: pytest.FixtureRequest) -> Arm:
    if request.param == "real":
        return real_arm()
    try:
        return find_cocoindex(os.environ.get("COCO_ENGINE_PYTHON"))
    except ArmError as error:
        pytest.skip(str(error))
