"""Copies the file `in/a`, and updates itself from inside when there is a file `again`."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def main() -> None:
    if pathlib.Path("again").exists():
        await app.update()
    target = await localfs.mount_dir_target("out")
    target.declare_file("a", pathlib.Path("in/a").read_text())


app = coco.App("Nested", main)
