"""Copies the file `in/a`, and updates itself from inside when there is a file `again`."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def found(name: str) -> str | None:
    path = pathlib.Path(name)
    return path.read_text() if path.exists() else None


@coco.fn
async def main() -> None:
    if found("again") is not None:
        await app.update()
    target = await localfs.mount_dir_target("out")
    target.declare_file("a", found("in/a") or "")


app = coco.App("Nested", main)
