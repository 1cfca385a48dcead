"""The hooks that a conftest.py or another plugin may implement, all of them called in the process that runs the tests.

An implementation takes only the arguments that it needs, as with pytest's own hooks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cocoindex_sim.world import Found, Outcome, Run, Story, World

__all__ = [
    "pytest_coco_actions",
    "pytest_coco_after_run",
    "pytest_coco_drivers",
    "pytest_coco_failure",
    "pytest_coco_scenario_loaded",
    "pytest_coco_sources",
]


@pytest.hookspec
def pytest_coco_sources(config: pytest.Config) -> Mapping[str, str]:  # type: ignore[empty-body]  # a specification
    """Connectors under test, by the name that a scenario's `source` may call them by.

    Each is written as a scenario would, `path/prices.py:factory`, relative to the rootdir. A name that two
    implementations give is an error.
    """


@pytest.hookspec
def pytest_coco_actions(config: pytest.Config) -> Mapping[str, Callable[..., object]]:  # type: ignore[empty-body]  # the same
    """Functions that scenarios may call, by name: `call: {actions.name: {count: 3}}` calls one with the world and these
    arguments. It may be async.
    """


@pytest.hookspec
def pytest_coco_drivers(config: pytest.Config) -> Mapping[str, Callable[[World], object]]:  # type: ignore[empty-body]  # the same
    """Makers of drivers, by the name that scenarios know them by without a heading: `call: {name.method: ...}`.

    Each is called once for a world that needs it, with the world, or without anything if it takes nothing. What it made
    outlives a crash, as what it stands for does.
    """


@pytest.hookspec
def pytest_coco_scenario_loaded(config: pytest.Config, story: Story, nodeid: str) -> None:
    """A scenario was read from its file and is about to become a test."""


@pytest.hookspec
def pytest_coco_after_run(config: pytest.Config, nodeid: str, run: Run, outcome: Outcome) -> None:
    """One run of a scenario is over; those that shrinking makes are not told. A failure is in `outcome.failure`."""


@pytest.hookspec
def pytest_coco_failure(config: pytest.Config, nodeid: str, found: Found) -> list[str] | None:
    """A scenario failed, and was shrunk. The lines that it gives are added to the end of the report."""
