"""What hooks bring along for scenarios: sources, drivers and actions, known from the first scenario file on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from cocoindex_sim.scenario import forget_source, register_source
from cocoindex_sim.world import forget_driver, register_driver

if TYPE_CHECKING:
    from cocoindex_sim.world import World

__all__ = ["ACTIONS", "register_all"]

ACTIONS = "actions"
"""The driver whose methods are the actions."""

_REGISTERED = pytest.StashKey[bool]()


def register_all(config: pytest.Config) -> None:
    """Ask the hooks, once in a session; all of it is forgotten after it.

    Raises: ValueError for a name that is given twice, or a source that can't be.
    """
    if config.stash.get(_REGISTERED, False):
        return
    sources = _all_of("source", config.hook.pytest_coco_sources(config=config))
    drivers = _all_of("driver", config.hook.pytest_coco_drivers(config=config))
    actions = _all_of("action", config.hook.pytest_coco_actions(config=config))
    if actions:
        if ACTIONS in drivers:
            raise ValueError(f"a driver is called {ACTIONS!r}, as the one that pytest_coco_actions makes")
        drivers[ACTIONS] = lambda world: _Actions(world, actions)
    for name, target in sources.items():
        try:
            register_source(name, target, config.rootpath)
        except ValueError as error:
            raise ValueError(f"pytest_coco_sources: {error}") from None
        config.add_cleanup(partial(forget_source, name))
    for name, factory in drivers.items():
        register_driver(name, factory)
        config.add_cleanup(partial(forget_driver, name))
    config.stash[_REGISTERED] = True


def _all_of(what: str, given: list[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in given:
        for name in each:
            if name in found:
                raise ValueError(f"two implementations of pytest_coco_{what}s have a {what} {name!r}")
        found |= each
    return found


class _Actions:
    """The driver of one world that has the actions for methods."""

    def __init__(self, world: World, actions: Mapping[str, Callable[..., object]]) -> None:
        for name, action in actions.items():
            setattr(self, name, partial(action, world))
