"""Copies the files in `in` to `out`, with a state database that begins very small."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    builder.settings.lmdb_map_size = 4 * 1024
    yield


@coco.fn
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    target.declare_file(file.file_path.path.name, await file.read())


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(copy, localfs.walk_dir("in").items(), target)


app = coco.App("SmallMap", main)
