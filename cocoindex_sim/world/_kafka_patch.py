"""The Kafka clients that code of a process constructs are those of its world.

Nothing is imported for that: not before the code of the process itself imports the library.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

from ._external import Connections

__all__ = ["KafkaEntry", "enter_kafka"]

_LIBRARY: Final = "confluent_kafka"


def enter_kafka(connections: Connections) -> KafkaEntry:
    """Have the library construct clients of the world's cluster, until what this gives is closed."""
    return KafkaEntry(connections)


class KafkaEntry(MetaPathFinder):
    """One entry into a world; as an import hook it waits for the first import of the library.

    Nothing is made before it is needed: a world is entered for every step of a story.
    """

    __slots__ = ("_connections", "_stack")

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._stack: ExitStack | None = None
        if _LIBRARY in sys.modules:
            self._patch()
        else:
            sys.meta_path.insert(0, self)

    def close(self) -> None:
        """Put everything back."""
        if self._stack is None:
            self._wait_no_more()
        else:
            self._stack.close()

    def _patch(self) -> None:
        from ..fakes.kafka import patched

        connections = self._connections
        self._stack = ExitStack()
        self._stack.enter_context(patched(lambda: connections.kafka, made=connections.made))

    def _wait_no_more(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _LIBRARY:
            return None
        self._wait_no_more()
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader = spec.loader
            load = loader.exec_module

            def load_and_patch(module: ModuleType) -> None:
                load(module)
                self._patch()

            loader.exec_module = load_and_patch  # type: ignore[method-assign]  # this loader is for one module
        return spec
