"""A live component that scans once in its life: from then on a journal tells it the names that changed.

It keeps how far it has read, and with which suffix it wrote; another suffix takes another scan.
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


async def texts(directory: str) -> dict[str, str]:
    return {name: await file.read_text() async for name, file in localfs.walk_dir(directory).items()}


@coco.fn
async def copy(name: str, text: str, target: localfs.DirTarget) -> None:
    target.declare_file(name, text)


class Journal:
    def __init__(self, suffix: str, target: localfs.DirTarget) -> None:
        self.suffix = suffix
        self.target = target

    async def process(self) -> None:
        for name, text in (await texts("in")).items():
            await coco.mount(coco.component_subpath(name), copy, name + self.suffix, text, self.target)

    async def follow(self, operator: coco.LiveComponentOperator, read: int) -> int:
        lines = "".join((await texts("journal")).values()).splitlines()
        for name in lines[read:]:
            subpath, files = coco.component_subpath(name), await texts("in")
            if name in files:
                handle = await operator.update(subpath, copy, name + self.suffix, files[name], self.target)
            else:
                handle = await operator.delete(subpath)
            await handle.ready()
        await operator.write_committed_state("read", (self.suffix, len(lines)))
        return len(lines)

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        suffix, read = await operator.read_committed_state("read") or (None, 0)
        if suffix != self.suffix:
            await operator.update_full()
        while True:
            read = await self.follow(operator, read)
            await operator.mark_ready()
            await asyncio.sleep(1)


@coco.fn
async def main() -> None:
    (suffix,) = (await texts("config")).values()
    await coco.mount(Journal, suffix, await localfs.mount_dir_target("out"))


app = coco.App("Journal", main)
