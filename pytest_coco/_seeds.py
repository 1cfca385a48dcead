"""Seeds: one base for the session, and from it one for each test and run."""

from __future__ import annotations

import os
from hashlib import blake2b
from typing import Final

import pytest

__all__ = ["LAST", "derived_seed", "draw_seed", "last_seed", "save_seed", "seed_name"]

LAST: Final = "last"
"""In place of a base seed: that of the session before."""

_CACHE_KEY: Final = "coco/seed"


def derived_seed(base: int, nodeid: str, run: int) -> int:
    """The seed of one run of a test: the same in every process, below 2**32, and far from that of any other run."""
    return int.from_bytes(blake2b(f"{base}:{nodeid}:{run}".encode(), digest_size=4).digest(), "big")


def seed_name(item: pytest.Item) -> str:
    """The node id that a test's seed is derived from: without what pytest-xdist adds to that of a grouped test."""
    group = item.get_closest_marker("xdist_group")
    if group is None:
        return item.nodeid
    name = group.args[0] if group.args else group.kwargs.get("name", "default")
    return item.nodeid.removesuffix(f"@{name}")


def draw_seed() -> int:
    """A base seed that nobody has named."""
    return int.from_bytes(os.urandom(4), "big")


def _cache(config: pytest.Config) -> pytest.Cache | None:
    return getattr(config, "cache", None)  # none with `-p no:cacheprovider`


def last_seed(config: pytest.Config, where: str) -> int:
    """The base seed of the last session. Raises pytest.UsageError when none was saved, or nothing can be."""
    cache = _cache(config)
    if cache is None:
        raise pytest.UsageError(f"{where} needs pytest's cache, which is switched off; name the seed itself")
    seed = cache.get(_CACHE_KEY, None)
    if not isinstance(seed, int):
        raise pytest.UsageError(f"{where}: no session has saved its seed in this rootdir yet; name the seed itself")
    return seed


def save_seed(config: pytest.Config, seed: int) -> None:
    """Keep a base seed for `last`, before anything is run: a session that dies can be repeated, too."""
    cache = _cache(config)
    if cache is not None and cache.get(_CACHE_KEY, None) != seed:
        cache.set(_CACHE_KEY, seed)
