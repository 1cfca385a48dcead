"""A live component for each file in `in`, each of which writes that it is there, again and again.

They belong to one live component, which looks every tenth of a second who is still in.
"""

import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def write(name: str, target: localfs.DirTarget) -> None:
    target.declare_file(name, "here")


class Desk:
    def __init__(self, name: str, target: localfs.DirTarget) -> None:
        self.name, self.target = name, target

    async def process(self) -> None:
        """Has nothing to say that `process_live` does not."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        while True:
            handle = await operator.update(coco.component_subpath("page"), write, self.name, self.target)
            await handle.ready()
            await operator.mark_ready()
            await asyncio.sleep(0.7)


class Office:
    def __init__(self, target: localfs.DirTarget) -> None:
        self.target = target

    async def process(self) -> None:
        """Has nothing to say that `process_live` does not."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        present: set[str] = set()
        while True:
            now = {str(name) async for name, _ in localfs.walk_dir("in").items()}
            for name in sorted(now - present):
                handle = await operator.update(coco.component_subpath(name), Desk, name, self.target)
                await handle.ready()
            for name in sorted(present - now):
                handle = await operator.delete(coco.component_subpath(name))
                await handle.ready()
            present = now
            await operator.mark_ready()
            await asyncio.sleep(0.1)


@coco.fn
async def main() -> None:
    await coco.mount(Office, await localfs.mount_dir_target("out"))


app = coco.App("Desks", main)
