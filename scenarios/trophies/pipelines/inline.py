"""Copies the files in `in` to `out`, each by a memoized call, all of them in one component."""

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
    target.declare_file(file.file_path.path.name, await file.read())


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    async for _, file in localfs.walk_dir("in").items():
        await copy(file, target)


app = coco.App("Inline", main)
