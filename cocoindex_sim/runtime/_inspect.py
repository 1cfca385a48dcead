"""What an app has on record."""

from __future__ import annotations

import os
from typing import Any

from ..engine import Process, current_process
from ..ports import StateSpace
from ..values import ROOT_PATH, StablePath
from ._app import App
from ._environment import Environment, default_of, run_blocking

__all__ = [
    "apps_of",
    "component_paths",
    "default_state_directory",
    "list_stable_paths",
    "list_stable_paths_sync",
    "stable_paths",
]


async def list_stable_paths(app: App[..., Any]) -> list[StablePath]:
    """The paths of an app's components and of the directories between them, sorted; empty if it has no state."""
    environment = await app.opened()
    return stable_paths(environment.store.space(app.name))


def list_stable_paths_sync(app: App[..., Any]) -> list[StablePath]:
    """As `list_stable_paths`, from synchronous code."""
    with app.process.active():
        found: list[StablePath] = run_blocking(list_stable_paths(app), app.process.ports.event_loop())
        return found


def stable_paths(space: StateSpace) -> list[StablePath]:
    """The paths of the components in an app's records and of the directories between them, sorted."""
    found = component_paths(space)
    return sorted(found.union(*(path.ancestors() for path in found)))


def component_paths(space: StateSpace) -> set[StablePath]:
    """The paths of the components in an app's records."""
    found: set[StablePath] = set()
    after = None
    while page := space.scan("component", ROOT_PATH, after=after):
        found.update(key.path for key, _ in page)
        after = page[-1][0]
    return found


def apps_of(process: Process | None = None) -> list[tuple[str, Environment | None, App[..., Any]]]:
    """The apps that are alive in a process: environment name, environment (None: not started), app; by name."""
    process = process or current_process()
    default = default_of(process)
    found: list[tuple[str, Environment | None, App[..., Any]]] = [
        ("default", default.environment, app) for app in default.apps.values()
    ]
    for reference in process.environments:
        environment = reference()
        if environment is not None:
            found.extend((environment.name, environment, app) for app in environment.apps.values())
    return sorted(found, key=lambda entry: (entry[0], entry[2].name))


def default_state_directory(process: Process | None = None) -> str:
    """Where the default environment keeps its state, from synchronous code; it need not be started, and is not."""
    process = process or current_process()
    default = default_of(process)
    if default.environment is not None:
        return os.fspath(default.environment.settings.db_path)  # type: ignore[arg-type]  # an open one has a path
    with process.active():
        found: str = run_blocking(default.configured_db_path(), process.ports.event_loop())
        return found
