"""The project that the plugin is tried on."""

from __future__ import annotations

import pytest

# pytester forgets every module that a run imported; what is imported before stays, which saves half a second a run.
import pytest_coco._collect  # noqa: F401

from .plugin_project import PASSING, PIPELINE, Project


@pytest.fixture
def project(pytester: pytest.Pytester) -> Project:
    """A project with two scenarios that pass and one ordinary test that must never run beside them."""
    project = Project(pytester)
    project.write("pytest.ini", "[pytest]\ntestpaths = tests\n")
    project.write("app/main.py", PIPELINE)
    project.write("scenarios/shout.coco.yaml", PASSING)
    project.write("tests/test_ordinary.py", "def test_ordinary(): pass\n")
    return project
