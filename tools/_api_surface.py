"""Print the public surface of an installed package as JSON: modules, names, members, signatures.

Standard library only, because it runs in whichever interpreter has the package: `python _api_surface.py PACKAGE [all]`.
With `all`, a module without `__all__` also shows what it took from elsewhere.
"""

from __future__ import annotations

import contextlib
import enum
import importlib.metadata
import importlib.util
import inspect
import io
import json
import pkgutil
import sys
import types
from collections.abc import Iterator
from typing import Any, TypedDict


class Entry(TypedDict):
    """One public name. `signature` leaves annotations out; None where there is none to read or it says nothing."""

    kind: str
    signature: str | None
    members: dict[str, Entry]


class Module(TypedDict):
    """One public module: `error` is set, and `names` empty, when it can't be imported here."""

    error: str | None
    names: dict[str, Entry]


def surface(package: str, *, with_imported: bool = False) -> dict[str, Module]:
    """Every public module of a package by its path below the package; `""` is the package itself."""
    modules: dict[str, Module] = {}
    pending = [package]
    while pending:
        name = pending.pop()
        modules[name.removeprefix(package).removeprefix(".")], submodules = _module(name, package, with_imported)
        pending += submodules
    return dict(sorted(modules.items()))


def _module(name: str, package: str, with_imported: bool) -> tuple[Module, list[str]]:
    try:
        # What a module prints while it is imported is not part of the answer.
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
    except ImportError as error:
        return {"error": str(error).partition("\n")[0], "names": {}}, []
    submodules = [
        f"{name}.{found.name}"
        for found in pkgutil.iter_modules(getattr(module, "__path__", []))
        if not found.name.startswith("_")
    ]
    # A namespace package has no file of its own, so iter_modules() does not see it.
    if name == package:
        submodules += [
            spec.name
            for part in ("connectors", "resources")
            if f"{name}.{part}" not in submodules and (spec := importlib.util.find_spec(f"{name}.{part}"))
        ]
    # A name that is a submodule stands in the list of modules, unless the package hides it behind something else.
    names = {
        public: _entry(getattr(module, public), package)
        for public in _public_names(module, package, with_imported)
        if not isinstance(getattr(module, public, module), types.ModuleType)
    }
    return {"error": None, "names": names}, submodules


def _public_names(module: types.ModuleType, package: str, with_imported: bool) -> list[str]:
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    own = (
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, types.ModuleType)
        and (with_imported or str(getattr(value, "__module__", "")).partition(".")[0] == package)
    )
    return sorted(own)


def _entry(value: Any, package: str) -> Entry:
    if isinstance(value, type):
        return _class_entry(value, package)
    if inspect.iscoroutinefunction(value):
        return {"kind": "async function", "signature": _signature(value), "members": {}}
    if callable(value) and not _is_alias(value):
        return {"kind": "function", "signature": _signature(value), "members": {}}
    return {"kind": "value", "signature": None, "members": {}}


def _is_alias(value: Any) -> bool:
    return hasattr(value, "__origin__") or hasattr(value, "__args__")


def _class_entry(cls: type, package: str) -> Entry:
    kind = "class"
    signature: str | None = None
    if issubclass(cls, enum.Enum):
        kind = "enum"
    elif getattr(cls, "_is_protocol", False):
        kind = "protocol"
    elif issubclass(cls, BaseException):
        kind = "exception"
    elif getattr(cls.__init__, "__module__", None) != "typing":  # else the (*args, **kwargs) every Protocol gives away
        signature = _signature(cls)
    return {"kind": kind, "signature": signature, "members": dict(sorted(_members(cls, package)))}


def _members(cls: type, package: str) -> Iterator[tuple[str, Entry]]:
    seen: set[str] = set()
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] != package:
            continue
        declared = [*vars(base), *inspect.get_annotations(base)]
        for name in declared:
            if name.startswith("_") or name in seen:
                continue
            seen.add(name)
            yield name, _member(cls, inspect.getattr_static(cls, name, None))


def _member(cls: type, value: Any) -> Entry:
    if isinstance(value, staticmethod | classmethod):
        # Bound as a caller sees it: without `cls`.
        callable_ = value.__func__ if isinstance(value, staticmethod) else value.__get__(None, cls)
        kind = "async method" if inspect.iscoroutinefunction(value.__func__) else "method"
        return {"kind": kind, "signature": _signature(callable_), "members": {}}
    if inspect.isroutine(value):
        kind = "async method" if inspect.iscoroutinefunction(value) else "method"
        return {"kind": kind, "signature": _signature(value, bound=True), "members": {}}
    return {"kind": "attribute", "signature": None, "members": {}}


def _signature(value: Any, *, bound: bool = False) -> str | None:
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return None
    parameters = list(signature.parameters.values())[1 if bound else 0 :]
    plain = [
        parameter.replace(
            annotation=inspect.Parameter.empty,
            default=parameter.default if parameter.default is inspect.Parameter.empty else _Default(parameter.default),
        )
        for parameter in parameters
        if not (parameter.kind is parameter.KEYWORD_ONLY and parameter.name.startswith("_"))
    ]
    return str(inspect.Signature(plain))


class _Default:
    """A default value, with a text that is the same in every process."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        if isinstance(self._value, enum.Enum):
            return str(self._value)
        if isinstance(self._value, types.FunctionType | type):
            return self._value.__name__
        text = repr(self._value)
        return "..." if text.startswith("<") else text


if __name__ == "__main__":
    version = importlib.metadata.version(sys.argv[1].replace("_", "-"))
    answer = {"version": version, "modules": surface(sys.argv[1], with_imported="all" in sys.argv[2:])}
    json.dump(answer, sys.stdout, indent=1)
