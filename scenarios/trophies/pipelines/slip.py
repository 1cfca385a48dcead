"""Copies the files in `in` to `out`. The copies are memoized, and what they return can't be stored if it is a draft."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


class Draft:
    """A class that nobody can store."""


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> object:
    text = await file.read_text()
    target.declare_file(file.file_path.path.name, text)
    return Draft() if text.startswith("draft") else text


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(copy, localfs.walk_dir("in").items(), target)


app = coco.App("Slip", main)
