"""Directories of copies, one for each file in `shelves`: it holds the globs that say which files of `in` are copied.

One glob a line; after a minus, it excludes.
"""

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
    name = file.file_path.path.relative_to("in").as_posix()
    target.declare_file(name, await file.read(), create_parent_dirs=True)


@coco.fn
async def fill(shelf: localfs.File) -> None:
    name = shelf.file_path.path.name
    globs = (await shelf.read_text()).splitlines()
    matcher = PatternFilePathMatcher(
        included_patterns=[glob for glob in globs if not glob.startswith("-")],
        excluded_patterns=[glob[1:] for glob in globs if glob.startswith("-")],
    )
    target = await localfs.mount_dir_target(f"out/{name}")
    files = localfs.walk_dir("in", live=True, recursive=True, path_matcher=matcher)
    await coco.mount_each(coco.component_subpath("files"), copy, files.items(), target)


@coco.fn
async def main() -> None:
    await coco.mount_each(fill, localfs.walk_dir("shelves", live=True).items())


app = coco.App("Shelves", main)
