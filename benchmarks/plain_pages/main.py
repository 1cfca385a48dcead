"""The pipeline of examples/markdown_to_html with next to no transformation: what is left is what the engine takes."""

import pathlib
from collections.abc import Iterator

import cocoindex_sim as coco
from cocoindex_sim.connectors import localfs
from cocoindex_sim.resources.file import FileLike, PatternFilePathMatcher


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def convert(file: FileLike, source: pathlib.Path, output: localfs.DirTarget) -> None:
    page = file.file_path.path.relative_to(source).with_suffix(".html")
    text = await file.read_text(errors="strict")
    output.declare_file(page.as_posix(), text.upper(), create_parent_dirs=True)


@coco.fn
async def main(source: pathlib.Path, output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    matcher = PatternFilePathMatcher(included_patterns=["**/*.md"], excluded_patterns=["**/.*"])
    files = localfs.walk_dir(source, live=True, recursive=True, path_matcher=matcher)
    await coco.mount_each(convert, files.items(), source, target)


app = coco.App("PlainPages", main, pathlib.Path("docs"), pathlib.Path("html"))
