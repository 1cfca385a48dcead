"""Each file becomes a page in the style that a file says when the process begins."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs

STYLE = coco.ContextKey[str]("style", detect_change=True)


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    builder.provide(STYLE, pathlib.Path("style").read_text())
    yield


@coco.fn(memo=True)
async def page(file: localfs.File, pages: localfs.DirTarget) -> None:
    text = await file.read_text()
    pages.declare_file(file.file_path.name, text.upper() if coco.use_context(STYLE) == "loud" else text)


@coco.fn
async def main() -> None:
    pages = await localfs.mount_dir_target(pathlib.Path("out"))
    await coco.mount_each(page, localfs.walk_dir(pathlib.Path("in")).items(), pages)


app = coco.App("StyledPages", main)
