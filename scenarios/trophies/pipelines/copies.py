"""Copies the files below `in` to `out`, as long as it runs, and leaves out what is in `node_modules`.

A file `after NAME` is copied when the copy of NAME is there.
"""

import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import PatternFilePathMatcher


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def is_there(name: str) -> bool:
    return pathlib.Path("out", name).exists()


async def wait_for(name: str) -> None:
    while True:
        if is_there(name):
            return
        await asyncio.sleep(0.1)


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text.startswith("after "):
        await wait_for(text.removeprefix("after "))
    target.declare_file(file.file_path.path.name, text)


def handled(error: BaseException, context: coco.ExceptionContext) -> None:
    """Takes what is said of a directory that is away."""


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    matcher = PatternFilePathMatcher(excluded_patterns=["node_modules"])
    files = localfs.walk_dir("in", live=True, recursive=True, path_matcher=matcher)
    async with coco.exception_handler(handled):
        await coco.mount_each(copy, files.items(), target)


app = coco.App("Copies", main)
