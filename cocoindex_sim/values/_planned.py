"""Parts of CocoIndex that are not here yet: importing one says so, and never finds the real package instead."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

__all__ = ["planned_modules"]


def planned_modules(package: str, planned: Mapping[str, str]) -> Callable[[str], NoReturn]:
    """A module-level `__getattr__` that refuses planned submodules by name and release.

    ImportError rather than AttributeError: `from package import name` then ends with this sentence.
    """

    def refuse(name: str) -> NoReturn:
        if name not in planned:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        raise ImportError(
            f"{package}.{name} is not in cocoindex-sim yet (planned: {planned[name]}):"
            " docs/api-parity.md lists what is",
            name=f"{package}.{name}",
        )

    return refuse
