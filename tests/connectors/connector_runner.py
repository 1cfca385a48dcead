"""Pipelines that run in one process after the other over the same state, and file systems that go wrong."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import cocoindex_sim as coco
from cocoindex_sim.connectors.localfs._disk import Disk
from cocoindex_sim.engine import Process, current_process
from cocoindex_sim.ports import FileSystem
from cocoindex_sim.runtime import real_ports
from cocoindex_sim.store import MemoryStore


@contextmanager
def new_process(file_system: FileSystem, store: MemoryStore | None = None) -> Iterator[Process]:
    """A process of its own with this file system; its state is kept in `store`."""
    content = store or MemoryStore()
    ports = replace(real_ports(), file_system=file_system, open_store=lambda *_: content.open())
    process = Process(ports, current_process())
    with process.active():
        yield process


class Runner:
    """One app. Every update and drop happens in a process of its own, as separate starts of a program do."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.file_system: FileSystem = Disk()

    def update(
        self,
        main: Callable[..., Any],
        /,
        *args: Any,
        provided: Mapping[str, object] | None = None,
        full_reprocess: bool = False,
        **kwargs: Any,
    ) -> Any:
        """What `main` returned. Each name in `provided` is a context key; `main` gets them first, in order."""
        return self._run(main, args, kwargs, provided or {}, lambda app: app.update(full_reprocess=full_reprocess))

    def drop(self, provided: Mapping[str, object] | None = None) -> None:
        """Drop the app; its main function is not called."""
        self._run(_unused, (), {}, provided or {}, lambda app: app.drop())

    def _run(
        self,
        main: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        provided: Mapping[str, object],
        begin: Callable[[coco.App[..., Any]], Awaitable[Any]],
    ) -> Any:
        async def run() -> Any:
            context = coco.ContextProvider()
            keys = []
            for name, value in provided.items():
                keys.append(coco.ContextKey[Any](name))
                context.provide(keys[-1], value)
            environment = coco.Environment(coco.Settings(db_path=Path("unused")), context_provider=context)
            try:
                app = coco.App(coco.AppConfig("app", environment=environment), main, *keys, *args, **kwargs)
                return await begin(app)
            finally:
                environment.close()

        with new_process(self.file_system, self.store):
            return asyncio.run(run())


def _unused() -> None:
    raise AssertionError("a drop does not call the main function")


def tree(root: Path) -> dict[str, str | None]:
    """What is below a directory: the text of each file, None for each directory."""
    return {
        path.relative_to(root).as_posix(): None if path.is_dir() else path.read_text()
        for path in sorted(root.rglob("*"))
    }


def identities(root: Path) -> dict[str, tuple[int, int]]:
    """What changes whenever a file below is written."""
    found = {path: os.stat(path) for path in root.rglob("*") if path.is_file()}
    return {path.relative_to(root).as_posix(): (stat.st_ino, stat.st_mtime_ns) for path, stat in found.items()}
