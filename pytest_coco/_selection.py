"""Which files a session collects: scenario files alone, or none of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ._options import Options

__all__ = ["SUFFIX", "add_selection", "nothing_found", "select_scenarios"]

# The same as `cocoindex_sim.scenario.SUFFIX`, which is not imported before a scenario is: that room is heavy.
SUFFIX = ".coco.yaml"

_SCENARIO_PATHS = ["scenarios"]


def add_selection(parser: pytest.Parser) -> None:
    """Declare the ini setting that says where scenarios are."""
    # No default here: a path that the user names has to exist, the default one need not.
    parser.addini(
        "coco_scenario_paths",
        f"where --coco-scenarios looks when no path is given ({' '.join(_SCENARIO_PATHS)})",
        "paths",
        default=None,
    )


def _ini_paths(config: pytest.Config) -> list[str]:
    named: list[Path] | None = config.getini("coco_scenario_paths")
    paths = [config.rootpath / path for path in _SCENARIO_PATHS] if named is None else named
    missing = [path for path in paths if not path.exists()]
    if missing and named is not None:
        raise pytest.UsageError(
            f"coco_scenario_paths names {str(missing[0])!r}, and there is no such file or directory"
        )
    return [str(path) for path in paths if path not in missing]


def select_scenarios(config: pytest.Config, options: Options) -> None:
    """Point the collection at scenario files alone, or make sure that none is asked for.

    Raises: pytest.UsageError for a path that does not exist or is no scenario file.
    """
    chosen = config.args_source is pytest.Config.ArgsSource.ARGS
    if options.scenarios and not chosen:
        config.args = _ini_paths(config)
    for argument in config.args if chosen else ():
        path = config.invocation_params.dir / argument.partition("::")[0]
        is_scenario = path.name.endswith(SUFFIX)
        if options.scenarios and not path.exists():
            raise pytest.UsageError(f"--coco-scenarios: there is no file or directory {argument!r}")
        if options.scenarios and not is_scenario and not path.is_dir():
            raise pytest.UsageError(f"--coco-scenarios: {argument!r} is not a scenario file (*{SUFFIX})")
        if not options.scenarios and is_scenario:
            raise pytest.UsageError(f"{argument!r} is a scenario file: add --coco-scenarios to run it")


def nothing_found(config: pytest.Config) -> str:
    """Where a session that has found no scenario has looked, and what to do."""
    paths = config.args or _SCENARIO_PATHS
    names = ", ".join(repr(os.path.relpath(path, config.invocation_params.dir)) for path in paths)
    return f"coco: there is no scenario file (*{SUFFIX}) in {names}; name a path, or set coco_scenario_paths"
