"""Hooks only: what pytest calls, and where it is handed on to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ._fixtures import coco_world
from ._options import OPTIONS, SUFFIX, add_options, header, read_options, select_scenarios

__all__ = ["coco_world"]

if TYPE_CHECKING:
    from ._collect import ScenarioFile


def pytest_addoption(parser: pytest.Parser) -> None:
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    options = config.stash[OPTIONS] = read_options(config)
    select_scenarios(config, options)


def pytest_report_header(config: pytest.Config) -> str:
    return header(config.stash[OPTIONS])


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if not config.stash[OPTIONS].scenarios or collection_path.name.endswith(SUFFIX) or collection_path.is_dir():
        return None
    return True


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    if not parent.config.stash[OPTIONS].scenarios or not file_path.name.endswith(SUFFIX):
        return None
    from ._collect import ScenarioFile

    return ScenarioFile.from_parent(parent, path=file_path)
