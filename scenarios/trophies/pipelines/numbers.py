"""Collects the lines of `in` in a map in memory, by what they mean: `1` is a number and `yes` a truth value.

Each entry of the map becomes a file of `out`.
"""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.live_map import LiveMap

MEANINGS: dict[str, int | bool | str] = {"1": 1, "0": 0, "yes": True, "no": False}


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def read(file: localfs.File, words: LiveMap[int | bool | str, str]) -> None:
    for line in (await file.read_text()).splitlines():
        words.declare_entry(MEANINGS.get(line, line), line)


@coco.fn
async def write(line: str, target: localfs.DirTarget) -> None:
    target.declare_file(line, "found")


@coco.fn
async def main() -> None:
    words = await LiveMap[int | bool | str, str].create()
    target = await localfs.mount_dir_target("out")
    reading = await coco.mount_each(read, localfs.walk_dir("in").items(), words)
    await reading.ready()
    await coco.mount_each(write, words, target)


app = coco.App("Numbers", main)
