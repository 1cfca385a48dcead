"""Drivers: what an author brings along to play the outside of a pipeline, one of each for a world."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import alias
from ..fakes import ProcessCut
from ..runtime import load_module, parse_target
from ._mirror import factory_in

if TYPE_CHECKING:
    from ._world import World

__all__ = ["DriverClient", "Drivers", "forget_driver", "register_driver", "registered_drivers"]

_registered: Final[dict[str, Callable[..., Any]]] = {}


def register_driver(name: str, factory: Callable[..., Any]) -> None:
    """Let every scenario call a driver of this name, without naming it in its heading.

    `factory` makes one for each world: it is called with the world, or without anything if it takes nothing.
    """
    _registered[name] = factory


def forget_driver(name: str) -> None:
    """Undo a `register_driver`."""
    _registered.pop(name, None)


def registered_drivers() -> tuple[str, ...]:
    """The names that `register_driver` was told."""
    return tuple(_registered)


class Drivers:
    """The drivers of one world, each made when it is first asked for. They outlive its processes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._factories: dict[str, Callable[..., Any]] = {}
        self._made: dict[str, Any] = {}

    def employ(self, drivers: Iterable[tuple[str, str]], base: Path) -> None:
        """Load what makes each of these, `path/shop.py:Shop`. Raises what `load_module` raises, and LookupError."""
        for name, target in drivers:
            parsed = parse_target(target)
            path, before = list(sys.path), dict(sys.modules)
            with alias.installed():
                try:
                    module = load_module(parsed, base)
                finally:
                    # A module of the pipeline with this name is executed afresh in each process; this one is not.
                    sys.path[:] = path
                    for new in sys.modules.keys() - before.keys():
                        if getattr(sys.modules[new], "__file__", None) == str((base / parsed.reference).resolve()):
                            del sys.modules[new]
            self._factories[name] = factory_in(module, parsed.app_name or "")

    def has(self, name: str) -> bool:
        """Whether there is a driver of this name."""
        return name in self._factories or name in _registered

    def get(self, name: str) -> Any:
        """The driver of this name. LookupError naming the nearest."""
        if name not in self._made:
            factories = _registered | self._factories
            if name not in factories:
                near = get_close_matches(name, factories, n=1)
                hint = f"did you mean {near[0]!r}? " if near else ""
                raise LookupError(f"there is no driver {name!r}; {hint}there are: {', '.join(factories) or 'none'}")
            self._made[name] = _make(factories[name], self._world)
        return self._made[name]

    def method(self, name: str, method: str) -> Callable[..., Any]:
        """A method of a driver. LookupError naming the nearest."""
        driver = self.get(name)
        found = None if method.startswith("_") else getattr(driver, method, None)
        if not callable(found):
            known = [each for each in dir(driver) if not each.startswith("_") and callable(getattr(driver, each, None))]
            near = get_close_matches(method, known, n=1)
            hint = f"did you mean {near[0]!r}? " if near else ""
            raise LookupError(f"driver {name!r} has no method {method!r}; {hint}it has: {', '.join(known) or 'none'}")
        return found  # type: ignore[no-any-return]  # a driver's attributes are anything

    def states(self) -> tuple[tuple[str, Any], ...]:
        """What a pipeline can see of each driver that has been made and says so by `save`."""
        return tuple((name, made.save()) for name, made in sorted(self._made.items()) if hasattr(made, "save"))

    def restore(self, states: Iterable[tuple[str, Any]]) -> None:
        """Have drivers hold what others held, by `load`."""
        for name, state in states:
            self.get(name).load(state)

    def client(self, name: str) -> DriverClient:
        """What a process has of a driver. TypeError when the driver can't say what it holds."""
        driver = self.get(name)
        missing = [method for method in ("save", "load") if not callable(getattr(driver, method, None))]
        if missing:
            raise TypeError(
                f"driver {name!r} is asked by the pipeline, so the oracles have to put what it holds into another"
                f" world: give {type(driver).__name__} `save()`, which says it as a value, and `load(value)`; it has no"
                f" {' and no '.join(missing)}"
            )
        return DriverClient(driver, name)


def _make(factory: Callable[..., Any], world: World) -> Any:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(factory).parameters.values()
    takes_world = any(each.kind in kinds and each.default is each.empty for each in parameters)
    return factory(world) if takes_world else factory()


class DriverClient:
    """A driver as one process of the pipeline has it: all of its attributes, until the process is killed."""

    def __init__(self, driver: Any, name: str) -> None:
        self._driver = driver
        self._name = name
        self._is_cut = False

    def cut(self) -> None:
        """The process is dead."""
        self._is_cut = True

    def __getattr__(self, attribute: str) -> Any:
        self._check(attribute)
        value = getattr(self._driver, attribute)
        if not callable(value):
            return value

        def call(*args: Any, **kwargs: Any) -> Any:
            self._check(attribute)
            return value(*args, **kwargs)

        return call

    def _check(self, attribute: str) -> None:
        if self._is_cut:
            raise ProcessCut(f"{self._name}.{attribute} was used by a process that was killed")
