"""An index of the files in `in`: their words go to a map in memory, and each word becomes a file of `out`."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.live_map import LiveMap


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


index: list[LiveMap[str, str]] = []


@coco.fn(memo=True)
async def read(file: localfs.File) -> None:
    for word in (await file.read_text()).split():
        index[-1].declare_entry(word, f"{word}: {file.file_path.path.name}")


@coco.fn
async def write(entry: str, target: localfs.DirTarget) -> None:
    word, _, where = entry.partition(": ")
    target.declare_file(word, where)


@coco.fn
async def main() -> None:
    index.append(await LiveMap[str, str].create())
    target = await localfs.mount_dir_target("out")
    reading = await coco.mount_each(read, localfs.walk_dir("in").items())
    await reading.ready()
    await coco.mount_each(write, index[-1], target)


app = coco.App("Words", main)
