"""The alias of the whole session: `import cocoindex` means cocoindex_sim in tests and conftest files, too."""

from __future__ import annotations

import pytest

from ._options import TABLE

__all__ = ["install_alias", "remove_alias"]

_OPTION = next(each for each in TABLE if each.name == "alias")
_INSTALLED = pytest.StashKey[bool]()


def _is_asked_for(config: pytest.Config) -> bool:
    line = getattr(config.known_args_namespace, _OPTION.ini, None)
    return line == "true" if line is not None else bool(config.getini(_OPTION.ini))


def install_alias(config: pytest.Config) -> None:
    """Install it if it is asked for. Raises pytest.UsageError when the real CocoIndex is imported already."""
    if not _is_asked_for(config):
        return
    from cocoindex_sim import alias

    try:
        alias.install()
    except RuntimeError as error:
        raise pytest.UsageError(f"{_OPTION.flag}: {error}") from None
    config.stash[_INSTALLED] = True


def remove_alias(config: pytest.Config) -> None:
    """Take away what `install_alias` has installed."""
    if config.stash.get(_INSTALLED, False):
        from cocoindex_sim import alias

        alias.uninstall()
