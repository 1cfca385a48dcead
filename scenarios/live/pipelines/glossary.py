"""A map in memory: files of `key = value` lines fill it, and each of its entries becomes a file of its own.

A value that begins with `broken` fails to be stored until there is a file `in/fixed`.
"""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import PatternFilePathMatcher
from cocoindex.resources.live_map import LiveMap


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def read(file: localfs.File, words: LiveMap[str, object]) -> None:
    for line in (await file.read_text()).splitlines():
        key, value = line.split(" = ")
        words.declare_entry(key, float(value) if value == "nan" else value)


@coco.fn
async def write(value: object, target: localfs.DirTarget) -> None:
    key, _, text = str(value).partition(" ")
    if key == "broken":
        fixed = [name async for name, _ in localfs.walk_dir("in").items() if name == "fixed"]
        if not fixed:
            raise ValueError(f"{text} is broken")
    target.declare_file(key, text)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    words: LiveMap[str, object] = await LiveMap.create()
    matcher = PatternFilePathMatcher(included_patterns=["*.txt"])
    files = localfs.walk_dir("in", live=True, path_matcher=matcher)
    # The entries of a producer are there once it is ready.
    await (await coco.mount_each(read, files.items(), words)).ready()
    await coco.mount_each(write, words, target)


app = coco.App("Glossary", main)
