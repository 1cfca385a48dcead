"""Refuses what looks like a hook of this plugin and is none."""

from __future__ import annotations

from difflib import get_close_matches

import pytest

from . import hookspecs

__all__ = ["refuse_unknown_hooks"]

_PREFIX = "pytest_coco_"


def refuse_unknown_hooks(plugins: pytest.PytestPluginManager) -> None:
    """Raises: pytest.UsageError naming the nearest, for an implementation of a hook that this plugin does not have."""
    for name, hook in sorted(vars(plugins.hook).items()):
        if not name.startswith(_PREFIX) or hook.has_spec():
            continue
        for implementation in hook.get_hookimpls():
            if implementation.optionalhook:
                continue
            near = get_close_matches(name, hookspecs.__all__, 1)
            meant = f"did you mean {near[0]!r}? " if near else ""
            where = getattr(implementation.plugin, "__file__", None) or implementation.plugin_name
            raise pytest.UsageError(f"{where}: unknown hook {name!r}; {meant}known: {', '.join(hookspecs.__all__)}")
