"""A function that runs again every minute, below handlers that let no error pass."""

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
async def tally(target: localfs.DirTarget) -> None:
    names = [name async for name, _ in localfs.walk_dir("in").items()]
    if "stop" in names:
        raise ValueError("there is a file called stop")
    target.declare_file("count", f"{len(names)}")


def pass_on(error: BaseException, context: coco.ExceptionContext) -> None:
    raise error


def refuse(error: BaseException, context: coco.ExceptionContext) -> None:
    raise PermissionError(f"a {context.source} may not say {error}")


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    async with coco.exception_handler(refuse), coco.exception_handler(pass_on):
        await coco.mount(coco.auto_refresh(tally, interval=timedelta(minutes=1)), target)


app = coco.App("StrictTally", main)
