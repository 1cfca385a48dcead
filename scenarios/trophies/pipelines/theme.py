"""Turns the files in `in` into pages of `out`, under a banner in the colour that the file `theme` names.

A page is made anew when its file changes. The banner depends on the title alone, and on the theme.
"""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs

THEME = coco.ContextKey[str]("theme", detect_change=True)


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    builder.provide(THEME, pathlib.Path("theme").read_text())
    yield


@coco.fn(memo=True)
async def banner(title: str) -> str:
    return f"{title} in {coco.use_context(THEME)}"


@coco.fn(memo=True)
async def page(file: localfs.File, target: localfs.DirTarget) -> None:
    title, _, text = (await file.read_text()).partition("\n")
    target.declare_file(file.file_path.path.name, f"{await banner(title)}\n{text}")


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(page, localfs.walk_dir("in").items(), target)


app = coco.App("Theme", main)
