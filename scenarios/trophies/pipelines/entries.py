"""Keeps a map in memory of the files in `in`, looking at them ten times a second. Each entry becomes a file of `out`.

The entry of a file that says `bad` can't be processed: it is a function, which no memo can be asked for.
"""

import asyncio
import pathlib
from collections.abc import Iterator
from typing import Any

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.live_map import LiveMap


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def write(entry: tuple[str, Any], target: localfs.DirTarget) -> None:
    name, text = entry
    target.declare_file(name, text)


class Reader:
    def __init__(self, entries: LiveMap[str, tuple[str, Any]]) -> None:
        self.entries = entries
        self.texts: dict[str, str] = {}

    async def process(self) -> None:
        for name, text in self.texts.items():
            self.entries.declare_entry(name, (name, (lambda text=text: text) if text == "bad" else text))

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        while True:
            now = {str(name): await file.read_text() async for name, file in localfs.walk_dir("in").items()}
            if now != self.texts:
                self.texts = now
                await operator.update_full()
            await operator.mark_ready()
            await asyncio.sleep(0.1)


def handled(error: BaseException, context: coco.ExceptionContext) -> None:
    """Takes what is said of bad entries."""


@coco.fn
async def main() -> None:
    entries = await LiveMap[str, tuple[str, Any]].create()
    target = await localfs.mount_dir_target("out")
    async with coco.exception_handler(handled):
        reading = await coco.mount(Reader, entries)
        await reading.ready()
        await coco.mount_each(write, entries, target)


app = coco.App("Entries", main)
