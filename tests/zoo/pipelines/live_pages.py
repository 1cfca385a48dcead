"""Each file becomes a page in capitals, as soon as it changes."""

from __future__ import annotations

import pathlib

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> None:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def page(file: localfs.File, pages: localfs.DirTarget) -> None:
    pages.declare_file(file.file_path.name, (await file.read_text()).upper())


@coco.fn
async def main() -> None:
    pages = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(page, localfs.walk_dir(pathlib.Path("in"), live=True).items(), pages)


app = coco.App("LivePages", main)
