"""A live component that starts another, which can't do without the file `topic`. What goes wrong is in `errors`."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def look_for_topic() -> None:
    if not pathlib.Path("topic").exists():
        raise OSError("no such topic")


class Branch:
    async def process(self) -> None:
        """Has nothing to say that `process_live` does not."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        look_for_topic()
        await operator.mark_ready()


class Trunk:
    async def process(self) -> None:
        """Has nothing to say that `process_live` does not."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        handle = await operator.update(coco.component_subpath("branch"), Branch)
        await handle.ready()
        await operator.mark_ready()


def note(error: BaseException, context: coco.ExceptionContext) -> None:
    pathlib.Path("errors").write_text(str(error))


@coco.fn
async def main() -> None:
    async with coco.exception_handler(note):
        await coco.mount(Trunk)


app = coco.App("Branches", main)
