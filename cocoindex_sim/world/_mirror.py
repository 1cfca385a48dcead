"""The pipeline around a connector under test: what it brings is copied, key by key, into a simulated target."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from difflib import get_close_matches
from types import ModuleType
from typing import Any, Final

from ..engine import current_component, mount_each
from ..runtime import App, AppConfig, Environment, Settings
from ._external import present_connections
from ._journal_rows import declare_row

__all__ = ["factory_in", "mirror_app"]

_DEFAULT_MAP: Final = "map"


def factory_in(module: ModuleType, name: str) -> Callable[..., Any]:
    """The function or class of this name in a module that was loaded. LookupError naming the nearest."""
    found = getattr(module, name, None)
    if callable(found):
        return found  # type: ignore[no-any-return]  # a module's attributes are anything
    own = [key for key, value in vars(module).items() if getattr(value, "__module__", None) == module.__name__]
    near = get_close_matches(name, own, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise LookupError(
        f"{module.__name__!r} has no function or class {name!r}; {hint}it has: {', '.join(own) or 'none'}"
    )


def mirror_app(factory: Callable[..., Any]) -> App[..., Any]:
    """An app that copies what the items of a factory hold into the target `mirror`.

    The factory gives a view, a feed or an iterable of pairs, or is async and does; it is called in each update. It
    gets clients: for a parameter that is named after a driver of that driver; else for a lone parameter of the map
    `map`, for several of the maps that they are named after.
    """
    return App(AppConfig("mirror", Environment(Settings(db_path="state"))), _mirror, factory)


async def _mirror(factory: Callable[..., Any]) -> None:
    connections = present_connections()
    names = _parameters_of(factory)
    maps = [_DEFAULT_MAP] if len(names) == 1 else names
    items = factory(
        *(
            connections.driver(name) if connections.has_driver(name) else connections.map(map_)
            for name, map_ in zip(names, maps, strict=True)
        )
    )
    if inspect.isawaitable(items):
        items = await items
    await mount_each(mirror_entry, items)


def mirror_entry(value: Any) -> None:
    """The component of one item: its row has the item's key."""
    component = current_component()
    assert component is not None
    declare_row(component.path.parts()[-1], value)


def _parameters_of(factory: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(factory).parameters.values()
    return [each.name for each in parameters if each.kind in kinds and each.default is each.empty]
