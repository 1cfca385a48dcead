"""Goal: what an app has on record can be listed, in order, from anywhere."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import Process
from cocoindex_sim.inspect import list_stable_paths, list_stable_paths_sync
from cocoindex_sim.runtime import apps_of


async def leaf() -> None:
    pass


async def tree() -> None:
    for keys in (("z", "y", 1), ("a",), (2,), (10,), (None,)):
        await coco.mount(coco.component_subpath(*keys), leaf)
    await coco.mount(leaf)


PATHS = ["/", "/null", "/@leaf", "/2", "/10", '/"a"', '/"z"', '/"z"/"y"', '/"z"/"y"/1']


def test_the_paths_of_an_app_are_listed_in_order(environment: coco.Environment) -> None:
    # CMP-02, CMP-03
    app: coco.App[..., None] = coco.App(coco.AppConfig("app", environment), tree)
    assert list_stable_paths_sync(app) == []
    app.update_blocking()
    assert list(map(str, list_stable_paths_sync(app))) == PATHS
    assert all(isinstance(path, coco.StablePath) for path in list_stable_paths_sync(app))
    app.drop_blocking()
    assert list_stable_paths_sync(app) == []


def test_they_are_listed_inside_loops_too(environment: coco.Environment) -> None:
    app: coco.App[..., None] = coco.App(coco.AppConfig("app", environment), tree)
    app.update_blocking()

    async def main() -> None:
        assert list_stable_paths_sync(app) == await list_stable_paths(app)

    asyncio.run(main())


def test_listing_starts_the_default_environment(
    process: Process, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # APP-22
    monkeypatch.setenv("COCOINDEX_DB", str(tmp_path / "db"))
    app: coco.App[..., None] = coco.App("app", tree)
    assert list_stable_paths_sync(app) == []
    ((name, started, found),) = apps_of(process)
    assert (name, found) == ("default", app)
    assert started is not None


def test_a_closed_environment_is_not_listed(environment: coco.Environment) -> None:
    # APP-20
    app: coco.App[..., None] = coco.App(coco.AppConfig("app", environment), tree)
    environment.close()
    with pytest.raises(ValueError, match="environment is closed"):
        list_stable_paths_sync(app)
