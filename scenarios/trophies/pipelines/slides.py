"""A live component that asks for a slow page and does not wait for it."""

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
async def draw(name: str, target: localfs.DirTarget) -> None:
    await asyncio.sleep(0.5)
    target.declare_file(name, "drawn")


class Slides:
    def __init__(self, target: localfs.DirTarget) -> None:
        self.target = target

    async def process(self) -> None:
        """Has nothing to say that `process_live` does not."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        async for name, _ in localfs.walk_dir("in").items():
            await operator.update(coco.component_subpath(name), draw, name, self.target)
        await operator.mark_ready()


@coco.fn
async def main() -> None:
    await coco.mount(Slides, await localfs.mount_dir_target("out"))


app = coco.App("Slides", main)
