"""A live component: scans a directory, then looks at it every second and rebuilds what has changed."""

import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def shout(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text.startswith("broken"):
        raise ValueError(f"{file.file_path.path.name} is broken")
    target.declare_file(file.file_path.path.name, text.upper())


class Inbox:
    def __init__(self, directory: str, target: localfs.DirTarget) -> None:
        self.directory = directory
        self.target = target
        self.seen: dict[str, object] = {}

    async def look(self) -> dict[str, localfs.File]:
        return {name: file async for name, file in localfs.walk_dir(self.directory).items()}

    async def process(self) -> None:
        for name, file in (await self.look()).items():
            self.seen[name] = await file.content_fingerprint()
            await coco.mount(coco.component_subpath(name), shout, file, self.target)

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await operator.update_full()
        await operator.mark_ready()
        while True:
            await asyncio.sleep(1)
            files = await self.look()
            for name in sorted(self.seen.keys() - files.keys()):
                del self.seen[name]
                await operator.delete(coco.component_subpath(name))
            for name, file in files.items():
                fingerprint = await file.content_fingerprint()
                if self.seen.get(name) != fingerprint:
                    self.seen[name] = fingerprint
                    await operator.update(coco.component_subpath(name), shout, file, self.target)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount(Inbox, "in", target)


app = coco.App("Inbox", main)
