"""From the text that names an app to the app: `module_or_path[:app_name[@env_name]]` (CLI-03..07)."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import os
import re
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Final, NamedTuple

from ..engine import Process
from ..values import CocoSimError
from ._app import App
from ._environment import Environment
from ._inspect import apps_of

__all__ = ["AppNotFoundError", "AppTarget", "ModuleLoadError", "find_app", "load_module", "parse_target"]

# The first colon with no path separator after it: a drive letter or a directory may hold others.
_TARGET: Final = re.compile(r"(?P<reference>.*?)(?::(?P<app>[^/\\]*))?", re.DOTALL)
_PACKAGE_DIRECTORY: Final = str(Path(__file__).parent.parent)


class AppNotFoundError(CocoSimError, LookupError):
    """What was loaded has no such app; the text lists what it has."""


class ModuleLoadError(CocoSimError, RuntimeError):
    """The file or module is missing, or can't import something; the text says what, and where."""


class AppTarget(NamedTuple):
    """A parsed app target."""

    reference: str
    app_name: str | None
    environment_name: str | None

    @property
    def is_file(self) -> bool:
        """Whether the reference is a path rather than a module name."""
        return self.reference.endswith(".py") or "/" in self.reference or os.sep in self.reference


def parse_target(text: str) -> AppTarget:
    """Take an app target apart. ValueError says which part is wrong (CLI-04)."""
    match = _TARGET.fullmatch(text)
    reference, rest = (match["reference"], match["app"] or "") if match is not None else (text, "")
    if not reference:
        raise ValueError(
            f"Module/path part is missing in specifier: {text!r}."
            " Expected format like 'myapp.py' or 'myapp.py:app_name'."
        )
    app_name, at, environment_name = rest.partition("@")
    if at and not environment_name:
        raise ValueError(f"Environment name is missing after '@' in specifier {text!r}.")
    if app_name and not app_name.isidentifier():
        raise ValueError(
            f"Invalid app name {app_name!r} in specifier {text!r}. App name must be a valid Python identifier."
        )
    return AppTarget(reference, app_name or None, environment_name or None)


def load_module(target: AppTarget, base: Path | None = None) -> ModuleType:
    """Execute the file or import the module that a target names.

    A file loads under its base name, inside a package under its package name; its directory comes first on the import
    path. `base`: what a path is relative to, and where modules are looked for; the working directory by default.
    Raises ModuleLoadError; exceptions of the file other than ImportError pass through.
    """
    linecache.checkcache()
    base = base or Path.cwd()
    try:
        if not target.is_file:
            _on_path(str(base))
            return importlib.import_module(target.reference)
        path = (base / target.reference).resolve()
        if not path.is_file():
            raise ModuleLoadError(f"Failed to load module {target.reference!r}: there is no file {str(path)!r}")
        return _load_file(path)
    except ImportError as error:
        raise ModuleLoadError(
            f"Failed to load module {target.reference!r}: {type(error).__name__}: {error}{_place(error)}"
        ) from error


def _load_file(path: Path) -> ModuleType:
    root, packages = path.parent, list[str]()
    while (root / "__init__.py").is_file():
        packages.insert(0, root.name)
        root = root.parent
    _on_path(str(root))
    return importlib.import_module(".".join([*packages, path.stem])) if packages else _execute(path.stem, path)


def _on_path(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _execute(name: str, path: Path) -> ModuleType:
    loader = _CompiledOnce(name, str(path)) if path.suffix == ".py" else None
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    if spec is None or spec.loader is None:
        raise ImportError(f"{str(path)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        if before is not None:
            sys.modules[name] = before
        raise
    return module


class _CompiledOnce(SourceFileLoader):
    """Compiles a file once per process and content: a simulation executes the same pipeline thousands of times."""

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the file."""
        source = self.get_data(self.path)
        known = _compiled.get(self.path)
        if known is None or known[0] != source:
            known = _compiled[self.path] = source, super().get_code(fullname)
        return known[1]


_compiled: dict[str, tuple[bytes, CodeType | None]] = {}


def _place(error: ImportError) -> str:
    """Where the import stands, in the last file on the way that is neither Python's import system nor ours."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        own = frame.filename.startswith((_PACKAGE_DIRECTORY, "<frozen "))
        if not own and frame.filename != importlib.__file__:
            return f" ({frame.filename}, line {frame.lineno})"
    return ""


def find_app(target: AppTarget, process: Process | None = None) -> App[..., Any]:
    """The app that a target means, among those alive after loading. AppNotFoundError says what there is (CLI-05)."""
    reference, apps = target.reference, apps_of(process)
    if not apps:
        raise AppNotFoundError(
            f"No apps found after loading {reference!r}. Make sure the module creates a coco.App(...) instance,"
            " and keeps it."
        )
    if target.environment_name is not None:
        known = _environment_names(apps)
        apps = [entry for entry in apps if entry[0] == target.environment_name]
        if not apps:
            raise AppNotFoundError(
                f"No environment named {target.environment_name!r} found after loading {reference!r}."
                f" Available environments: {known}"
            )
    if target.app_name is not None:
        known = ", ".join(sorted({app.name for _, _, app in apps}))
        apps = [entry for entry in apps if entry[2].name == target.app_name]
        if not apps:
            raise AppNotFoundError(
                f"No app named {target.app_name!r} found after loading {reference!r}. Available apps: {known}"
            )
    names = sorted({app.name for _, _, app in apps})
    if len(apps) == 1:
        return apps[0][2]
    if len(names) == 1:
        raise AppNotFoundError(
            f"Multiple apps named {names[0]!r} found in different environments: {_environment_names(apps)}."
            " Please specify environment with ':app_name@env_name' syntax."
        )
    raise AppNotFoundError(
        f"Multiple apps found in {reference!r}: {', '.join(names)}."
        " Please specify which app to use with ':app_name' syntax."
    )


def _environment_names(apps: list[tuple[str, Environment | None, App[..., Any]]]) -> str:
    return ", ".join(sorted({name or "(unnamed)" for name, _, _ in apps}))
