"""Hooks only: what pytest calls, and where it is handed on to."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini("coco_scenario_paths", "where `--coco-scenarios` looks when no path is given", "paths", ["scenarios"])
