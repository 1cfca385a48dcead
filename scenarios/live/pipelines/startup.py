"""Every way in which something live may fail before it is ready: the files in `plan` say which are tried."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.live_map import LiveMap


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    target.declare_file(file.file_path.path.name, await file.read())


@coco.fn
async def ignore(word: str) -> None:
    """Make nothing of a word."""


class BrokenFeed:
    async def watch(self, subscriber: coco.LiveMapSubscriber[str, localfs.File]) -> None:
        raise ConnectionError("the broker does not answer")


class BrokenComponent:
    async def process(self) -> None:
        """Has nothing to read."""

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await operator.update_full()
        raise LookupError("there is no such queue")


class Outer:
    """Holds a component that breaks."""

    async def process(self) -> None:
        await coco.mount(BrokenComponent)

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await operator.update_full()
        await operator.mark_ready()


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    plans = {name async for name, _ in localfs.walk_dir("plan").items()}
    files = localfs.walk_dir("in", live=True).items()
    await coco.mount_each(coco.component_subpath("files"), copy, files, target)
    if "a view that is watched twice" in plans:
        await coco.mount_each(coco.component_subpath("twice"), copy, files, target)
    if "a map with two followers" in plans:
        words: LiveMap[str, str] = await LiveMap.create()
        await coco.mount_each(coco.component_subpath("first"), ignore, words)
        await coco.mount_each(coco.component_subpath("second"), ignore, words)
    if "a directory that is not there" in plans:
        await coco.mount_each(copy, localfs.walk_dir("nowhere", live=True).items(), target)
    if "a broken feed" in plans:
        await coco.mount_each(coco.component_subpath("feed"), copy, BrokenFeed(), target)
    if "a broken component" in plans:
        await coco.mount(BrokenComponent)
    if "a broken component in another" in plans:
        await coco.mount(Outer)


app = coco.App("Startup", main)
