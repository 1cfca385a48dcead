"""What tests of connectors run pipelines with."""

import pytest

from .connector_runner import Runner


@pytest.fixture
def app() -> Runner:
    """An app that has not run yet."""
    return Runner()
