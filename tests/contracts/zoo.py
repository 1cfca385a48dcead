"""The connectors of the zoo under the contract classes: those that are right, and those with a planted bug."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from cocoindex_sim import alias
from cocoindex_sim.world import World, remote_map, remote_target
from pytest_coco.contracts import Contract, LiveMapFeedContract, LiveMapViewContract, TargetContract

__all__ = ["FeedOfATable", "RowsOfATarget", "ViewOfATable", "planted"]

_CONNECTORS = Path(__file__).parents[1] / "zoo" / "connectors"


@cache
def connectors(name: str) -> ModuleType:
    """One of the zoo's files, executed in a process of its own, for it registers providers."""
    spec = importlib.util.spec_from_file_location(f"zoo_{name}", _CONNECTORS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module, load = importlib.util.module_from_spec(spec), spec.loader.exec_module
    with alias.installed(), World() as world:
        world.use(lambda: load(module))  # type: ignore[arg-type,func-returns-value]  # for its process
    return module


class _OfTheZoo:
    family: ClassVar[str]
    connector: ClassVar[str]

    def made(self, *arguments: Any) -> Any:
        return getattr(connectors(self.family), self.connector)(*arguments)


class ViewOfATable(_OfTheZoo, LiveMapViewContract):
    family = "table_view"
    connector = "TableView"
    refuses_second_watcher = False
    bypass_reason: ClassVar = {"refuses_second_watcher": "the views of the zoo have no guard"}

    def make(self) -> Any:
        return self.made(remote_map())

    def put(self, key: Any, value: Any) -> None:
        self.world.map().set(key, value)

    def delete(self, key: Any) -> None:
        self.world.map().delete(key)

    def entries(self) -> dict[Any, Any]:
        return self.world.map().entries

    def disturb(self) -> None:
        self.world.map().kill()


class FeedOfATable(_OfTheZoo, LiveMapFeedContract):
    family = "table_feed"
    connector = "TableFeed"
    refuses_second_watcher = False
    bypass_reason: ClassVar = {"refuses_second_watcher": "the feeds of the zoo have no guard"}

    def make(self) -> Any:
        return self.made(remote_map())

    def put(self, key: Any, value: Any) -> None:
        self.world.map().set(key, value)

    def delete(self, key: Any) -> None:
        self.world.map().delete(key)

    def disturb(self) -> None:
        self.world.map().kill()


class RowsOfATarget(_OfTheZoo, TargetContract):
    family = "row_target"
    connector = "RowHandler"

    def make(self) -> Any:
        return self.made(remote_target("rows"))

    def contents(self) -> dict[Any, Any]:
        return self.world.target("rows").rows

    def disturb(self) -> None:
        self.world.target("rows").inject("partial", nth=2)


_CONTRACTS: dict[str, type[Contract]] = {"table": ViewOfATable, "feed": FeedOfATable, "rows": RowsOfATarget}


def planted(family: str, connector: str) -> type[Contract]:
    """The contract class of a connector with a bug."""
    return type(connector, (_CONTRACTS[family],), {"connector": connector})
