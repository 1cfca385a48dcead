"""From the text that names an app to the app: `module_or_path[:app_name[@env_name]]` (CLI-03..07)."""

from __future__ import annotations

import importlib
import importlib.util
import linecache
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..engine import Process
from ..values import CocoSimError
from ._app import App
from ._inspect import apps_of

__all__ = ["AppNotFoundError", "AppTarget", "find_app", "load_module", "parse_target"]


class AppNotFoundError(CocoSimError, LookupError):
    """What was loaded has no such app; the text lists what it has."""


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
    head, colon, rest = text.rpartition(":")
    # A colon may belong to a drive letter; an app name never holds a path separator.
    if not colon or "/" in rest or "\\" in rest:
        head, rest = text, ""
    if not head:
        raise ValueError(f"Module/path part is missing in {text!r}; write PATH.py or PATH.py:APP_NAME")
    app_name, at, environment_name = rest.partition("@")
    if at and not environment_name:
        raise ValueError(f"Environment name is missing after '@' in {text!r}")
    if app_name and not app_name.isidentifier():
        raise ValueError(f"app name {app_name!r} in {text!r} must be a valid Python identifier")
    return AppTarget(head, app_name or None, environment_name or None)


def load_module(target: AppTarget, base: Path | None = None) -> ModuleType:
    """Execute the file or import the module that a target names.

    A file loads under its base name, inside a package under its package name; its directory comes first on the import
    path. RuntimeError `Failed to load module` when it is missing or can't import something; other exceptions of the
    file pass through.
    """
    linecache.checkcache()
    if not target.is_file:
        _on_path(str(base or Path.cwd()))
        try:
            return importlib.import_module(target.reference)
        except ImportError as error:
            raise RuntimeError(f"Failed to load module {target.reference!r}: {error}") from error
    path = ((base or Path.cwd()) / target.reference).resolve()
    if not path.is_file():
        raise RuntimeError(f"Failed to load module {target.reference!r}: there is no file {path}")
    root, name = path.parent, path.stem
    while (root / "__init__.py").is_file():
        name = f"{root.name}.{name}"
        root = root.parent
    _on_path(str(root))
    try:
        return importlib.import_module(name) if "." in name else _execute(name, path)
    except ImportError as error:
        raise RuntimeError(f"Failed to load module {target.reference!r}: {error}") from error


def _on_path(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _execute(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def find_app(target: AppTarget, process: Process | None = None) -> App[Any]:
    """The app that a target means, among those alive after loading. AppNotFoundError says what there is (CLI-05)."""
    apps = apps_of(process)
    if not apps:
        raise AppNotFoundError(f"No apps found after loading {target.reference!r}: it must create a coco.App")
    environments = sorted({environment for environment, _, _ in apps})
    if target.environment_name is not None:
        apps = [entry for entry in apps if entry[0] == target.environment_name]
        if not apps:
            raise AppNotFoundError(
                f"No environment named {target.environment_name!r} in {target.reference!r};"
                f" available: {', '.join(map(repr, environments))}"
            )
    names = sorted({app.name for _, _, app in apps})
    if target.app_name is not None:
        apps = [entry for entry in apps if entry[2].name == target.app_name]
        if not apps:
            raise AppNotFoundError(
                f"No app named {target.app_name!r} in {target.reference!r}. Available apps: {', '.join(names)}"
            )
    if len(apps) == 1:
        return apps[0][2]
    if len(names) == 1 or target.app_name is not None:
        raise AppNotFoundError(
            f"Multiple apps named {names[0]!r} found in different environments; add '@env_name':"
            f" {', '.join(map(repr, environments))}"
        )
    raise AppNotFoundError(
        f"Multiple apps found in {target.reference!r}: {', '.join(names)}; add ':app_name' to choose one"
    )
