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

__all__ = ["enter_kafka"]

_LIBRARY: Final = "confluent_kafka"


def enter_kafka(connections: Connections) -> ExitStack:
    """Have the library construct clients of the world's cluster, until what this gives is closed."""
    stack = ExitStack()
    if _LIBRARY in sys.modules:
        _patch(stack, connections)
    else:
        finder = _WhenImported(stack, connections)
        sys.meta_path.insert(0, finder)
        stack.callback(_remove, finder)
    return stack


def _patch(stack: ExitStack, connections: Connections) -> None:
    from ..fakes.kafka import patched

    stack.enter_context(patched(lambda: connections.kafka, made=connections.made))


def _remove(finder: MetaPathFinder) -> None:
    if finder in sys.meta_path:
        sys.meta_path.remove(finder)


class _WhenImported(MetaPathFinder):
    """Waits for the first import of the library."""

    def __init__(self, stack: ExitStack, connections: Connections) -> None:
        self._stack = stack
        self._connections = connections

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _LIBRARY:
            return None
        _remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            loader = spec.loader
            load = loader.exec_module

            def load_and_patch(module: ModuleType) -> None:
                load(module)
                _patch(self._stack, self._connections)

            loader.exec_module = load_and_patch  # type: ignore[method-assign]  # this loader is for one module
        return spec
