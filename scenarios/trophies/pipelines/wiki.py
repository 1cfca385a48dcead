"""Pages that include each other: a line `> name` stands for the text of that page of `in`."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def render(name: str, pages: dict[str, str]) -> str:
    lines = []
    for line in pages[name].splitlines():
        lines.append(await render(line[2:], pages) if line.startswith("> ") else line)
    return "\n".join(lines)


@coco.fn
async def publish(name: str, pages: dict[str, str], target: localfs.DirTarget) -> None:
    target.declare_file(name, await render(name, pages))


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    pages = {str(name): await file.read_text() async for name, file in localfs.walk_dir("in").items()}
    for name in pages:
        await coco.mount(coco.component_subpath(name), publish, name, pages, target)


app = coco.App("Wiki", main)
