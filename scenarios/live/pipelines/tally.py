"""A function that runs again every minute: counts the files of a directory."""

import pathlib
from collections.abc import Iterator
from datetime import timedelta

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def tally(directory: str, target: localfs.DirTarget) -> None:
    sizes = {name: await file.size() async for name, file in localfs.walk_dir(directory).items()}
    if "stop" in sizes:
        raise ValueError("there is a file called stop")
    for suffix in sorted({pathlib.PurePath(name).suffix for name in sizes}):
        count = sum(name.endswith(suffix) for name in sizes)
        target.declare_file(f"count{suffix}", f"{count}\n")


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount(coco.auto_refresh(tally, interval=timedelta(minutes=1)), "in", target)


app = coco.App("Tally", main)
