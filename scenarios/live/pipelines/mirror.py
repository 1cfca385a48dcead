"""A view that is read slowly: copies a directory, and notes what goes wrong in `out/errors.txt`.

The first word of a file says what becomes of it: `slow` takes ten seconds, `broken` fails.
"""

import asyncio
import pathlib
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import PatternFilePathMatcher

errors: list[str] = []


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


class ReadSlowly:
    """A view that takes a second before it lists what the wrapped one has."""

    def __init__(self, view: coco.LiveMapView[str, localfs.File]) -> None:
        self.view = view

    async def __aiter__(self) -> AsyncIterator[tuple[str, localfs.File]]:
        await asyncio.sleep(1)
        async for item in self.view:
            yield item

    async def watch(self, subscriber: coco.LiveMapSubscriber[str, localfs.File]) -> None:
        await self.view.watch(subscriber)


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text.startswith("slow"):
        await asyncio.sleep(10)
    if text.startswith("broken"):
        raise ValueError(f"{file.file_path.path.name} is broken")
    target.declare_file(file.file_path.path.name, text)


@coco.fn
async def report(target: localfs.DirTarget) -> None:
    if errors:
        target.declare_file("errors.txt", "\n".join(errors))


def note(error: BaseException, context: coco.ExceptionContext) -> None:
    # The first line, without the paths of the machine.
    errors.append(f"{context.mount_kind} of {context.processor_name}: {str(error).splitlines()[0].split('/')[0]}")


@coco.fn
async def main() -> None:
    errors.clear()
    target = await localfs.mount_dir_target("out")
    files = localfs.walk_dir(
        "in", live=True, recursive=True, path_matcher=PatternFilePathMatcher(excluded_patterns=["node_modules"])
    )
    async with coco.exception_handler(note):
        await coco.mount_each(copy, ReadSlowly(files.items()), target)
    await coco.mount(coco.auto_refresh(report, interval=timedelta(minutes=1)), target)


app = coco.App("Mirror", main)
