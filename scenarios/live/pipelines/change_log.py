"""A feed: follows an append-only log of `set key value` and `del key`, and remembers how far it has read.

`burst key number` stands for as many values in a row. A value that ends with `slow` takes ten seconds to store.
"""

import asyncio
import pathlib
from collections.abc import Iterator
from typing import Any

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


class ChangeLog:
    def __init__(self, directory: str) -> None:
        self.directory = directory

    async def lines(self) -> list[str]:
        texts = [await file.read_text() async for file in localfs.walk_dir(self.directory)]
        return "".join(texts).splitlines()

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, str]) -> None:
        read: int = await subscriber.read_committed_state("read") or 0
        while True:
            lines = await self.lines()
            handles: list[Any] = []
            for line in lines[read:]:
                word, key, *value = line.split()
                if word == "set":
                    handles.append(await subscriber.update(key, " ".join(value)))
                elif word == "burst":
                    for number in range(int(value[0])):
                        handles.append(await subscriber.update(key, f"{key}-{number}-slow"))
                else:
                    handles.append(await subscriber.delete(key))
            for handle in handles:
                await handle.ready()
            if read != len(lines):
                read = len(lines)
                await subscriber.write_committed_state("read", read)
            await subscriber.mark_ready()
            await asyncio.sleep(1)


@coco.fn
async def store(value: str, target: localfs.DirTarget) -> None:
    if value.endswith("slow"):
        await asyncio.sleep(10)
    target.declare_file(f"{value.split('-', maxsplit=1)[0]}.txt", value)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(coco.component_subpath("log"), store, ChangeLog("log"), target)


app = coco.App("ChangeLog", main)
