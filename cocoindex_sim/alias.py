"""Let `import cocoindex` mean this package, so that a pipeline file needs no edit to run here.

`cocoindex.X` and `cocoindex_sim.X` become one module object. What this package does not have raises ImportError; it
never falls through to the real package.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["install", "installed", "uninstall"]

_REFERENCE = "cocoindex"
_OURS = __package__


class _Alias(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != _REFERENCE and not fullname.startswith(_REFERENCE + "."):
            return None
        ours = _OURS + fullname.removeprefix(_REFERENCE)
        try:
            known = importlib.util.find_spec(ours) is not None
        except ModuleNotFoundError:
            known = False
        if not known:
            raise ImportError(
                f"{fullname} is not in cocoindex-sim yet; docs/api-parity.md lists what is, and what is planned",
                name=fullname,
            )
        return ModuleSpec(fullname, _AliasLoader())


class _AliasLoader(Loader):
    """Loads one module under its alias."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(_OURS + spec.name.removeprefix(_REFERENCE))
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has just overwritten it with the alias's.
        module.__spec__ = importlib.util.find_spec(module.__name__) if self._spec is None else self._spec


_alias = _Alias()


def install() -> None:
    """Install the alias; again is fine. RuntimeError when the real CocoIndex is imported already."""
    if _alias in sys.meta_path:
        return
    found = sys.modules.get(_REFERENCE)
    if found is not None and found is not sys.modules[_OURS]:
        raise RuntimeError(
            f"the real cocoindex is imported already, from {found.__file__}: run it and cocoindex-sim's alias in"
            " separate processes"
        )
    sys.meta_path.insert(0, _alias)


def uninstall() -> None:
    """Remove the alias; `import cocoindex` then finds the real package again, if it is installed."""
    if _alias in sys.meta_path:
        sys.meta_path.remove(_alias)
    for name in [n for n in sys.modules if n.startswith(_REFERENCE)]:  # for every world, so the cheap test comes first
        if name[len(_REFERENCE) :][:1] in ("", ".") and sys.modules[name].__name__.split(".")[0] == _OURS:
            del sys.modules[name]


@contextmanager
def installed() -> Iterator[None]:
    """Install the alias for a block; one that was there before stays."""
    if _alias in sys.meta_path:
        yield
        return
    install()
    try:
        yield
    finally:
        uninstall()
