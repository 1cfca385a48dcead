"""Copies each file in `in` to a file in `out` that is called what its first line says."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    title, _, text = (await file.read_text()).partition("\n")
    target.declare_file(title, text)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(copy, localfs.walk_dir("in").items(), target)


app = coco.App("Notes", main)
