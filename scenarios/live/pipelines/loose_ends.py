"""Work that nobody waits for: an operation whose handle is dropped, and a live component below a memoised one."""

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
async def write_slowly(text: str, target: localfs.DirTarget) -> None:
    await asyncio.sleep(10)
    target.declare_file("slow", text)


class Hasty:
    """Starts something that takes ten seconds, and is ready at once."""

    def __init__(self, text: str, target: localfs.DirTarget) -> None:
        self.text, self.target = text, target

    async def process(self) -> None:
        """Has nothing to read."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await operator.update(coco.component_subpath("slow"), write_slowly, self.text, self.target)
        await operator.mark_ready()


class Follower:
    """Copies the files of `in` again every second."""

    def __init__(self, target: localfs.DirTarget) -> None:
        self.target = target

    async def process(self) -> None:
        async for name, file in localfs.walk_dir("in").items():
            self.target.declare_file(name, await file.read())

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        while True:
            await operator.update_full()
            await operator.mark_ready()
            await asyncio.sleep(1)


@coco.fn(memo=True)
async def remembered(target: localfs.DirTarget) -> None:
    await coco.mount(Follower, target)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    async for name, file in localfs.walk_dir(".", recursive=True).items():
        if name == "hasty/h":
            await coco.mount(Hasty, await file.read_text(), target)
    await coco.mount(remembered, target)


app = coco.App("LooseEnds", main)
