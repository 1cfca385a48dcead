"""Each file becomes a page in capitals, below a directory per letter; a file of its own lists them."""

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
    text = await file.read_text()
    if "broken" in text:
        raise ValueError(f"{file.file_path.name} is broken")
    pages.declare_file(file.file_path.name, text.upper())


@coco.fn(memo=True)
async def letter(name: str, files: list[localfs.File]) -> None:
    pages = await localfs.mount_dir_target(pathlib.Path("out") / name)
    for file in files:
        await coco.mount(coco.component_subpath(file.file_path.name), page, file, pages)


@coco.fn
async def main() -> None:
    by_letter: dict[str, list[localfs.File]] = {}
    async for name, file in localfs.walk_dir(pathlib.Path("in")).items():
        by_letter.setdefault(name[0], []).append(file)
    for name, files in sorted(by_letter.items()):
        await coco.mount(coco.component_subpath(name), letter, name, files)


app = coco.App("Pages", main)
