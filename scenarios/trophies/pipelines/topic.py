"""A live component that follows the file `topic`, and can't start without it.

What goes wrong is written to `errors`.
"""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def copy(text: str, target: localfs.DirTarget) -> None:
    target.declare_file("topic", text)


def read_topic() -> str:
    path = pathlib.Path("topic")
    if not path.exists():
        raise OSError("no such topic")
    return path.read_text()


class Follow:
    def __init__(self, target: localfs.DirTarget) -> None:
        self.target = target

    async def process(self) -> None:
        """Has nothing to say that `process_live` does not."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        handle = await operator.update(coco.component_subpath("copy"), copy, read_topic(), self.target)
        await handle.ready()
        await operator.mark_ready()


def note(error: BaseException, context: coco.ExceptionContext) -> None:
    pathlib.Path("errors").write_text(f"{context.processor_name}: {error}")


@coco.fn
async def branch(target: localfs.DirTarget) -> None:
    await coco.mount(Follow, target)


@coco.fn
async def main() -> None:
    async with coco.exception_handler(note):
        await coco.mount(branch, await localfs.mount_dir_target("out"))


app = coco.App("Topic", main)
