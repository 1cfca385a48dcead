"""Copies each file in `in` to a page in `out` that is called what its first line says, one after the other."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    title, _, text = (await file.read_text()).partition("\n")
    target.declare_file(title, text)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    files = {str(name): file async for name, file in localfs.walk_dir("in").items()}
    for name in sorted(files):
        await coco.use_mount(coco.component_subpath(name), copy, files[name], target)


app = coco.App("Titles", main)
