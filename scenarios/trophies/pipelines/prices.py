"""Adds the tax that `tax` says to the prices in `in`, one file of `out` each.

The tax is part of a function that is made anew in each update.
"""

import pathlib
from collections.abc import Awaitable, Callable, Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def taxed(percent: int) -> Callable[[int], Awaitable[int]]:
    @coco.fn(memo=True)
    async def add_tax(price: int) -> int:
        return price * (100 + percent) // 100

    return add_tax


@coco.fn
async def publish(file: localfs.File, percent: int, target: localfs.DirTarget) -> None:
    price = await taxed(percent)(int(await file.read_text()))
    target.declare_file(file.file_path.path.name, str(price))


def tax() -> int:
    return int(pathlib.Path("tax").read_text())


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(publish, localfs.walk_dir("in").items(), tax(), target)


app = coco.App("Prices", main)
