"""Turn the Markdown files below `docs` into HTML files below `html`, one for one."""

import html
import itertools
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import FileLike, PatternFilePathMatcher
from markdown_it import MarkdownIt

PAGE = """\
<!doctype html>
<html>
<head><meta charset="utf-8"><title>{title}</title></head>
<body>
{body}</body>
</html>
"""

markdown = MarkdownIt("commonmark").enable("table")


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
def render(text: str, default_title: str) -> str:
    tokens = markdown.parse(text)
    headings = (after.content for token, after in itertools.pairwise(tokens) if token.type == "heading_open")
    title = next(headings, default_title)
    return PAGE.format(title=html.escape(title), body=markdown.renderer.render(tokens, markdown.options, {}))


@coco.fn(memo=True)
async def convert(file: FileLike, source: pathlib.Path, output: localfs.DirTarget) -> None:
    page = file.file_path.path.relative_to(source).with_suffix(".html")
    # Strict: a file that is not text fails alone, and its last good page stays.
    text = await file.read_text(errors="strict")
    output.declare_file(page.as_posix(), render(text, page.stem), create_parent_dirs=True)


@coco.fn
async def main(source: pathlib.Path, output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    files = localfs.walk_dir(
        source,
        live=True,
        recursive=True,
        path_matcher=PatternFilePathMatcher(included_patterns=["**/*.md"], excluded_patterns=["**/.*"]),
    )
    await coco.mount_each(convert, files.items(), source, target)


app = coco.App("MarkdownToHtml", main, pathlib.Path("docs"), pathlib.Path("html"))
