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


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    while text.startswith("after ") and not pathlib.Path("out", text.removeprefix("after ")).exists():
        await asyncio.sleep(0.1)
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
