"""A feed without a scan, as a queue is one: each line of `log` is a message, and becomes a file in `out`."""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def messages() -> list[str]:
    return pathlib.Path("log").read_text().splitlines()


class Log:
    async def watch(self, subscriber: coco.LiveMapSubscriber[str, str]) -> None:
        for line in messages():
            name, _, _ = line.partition(": ")
            handle = await subscriber.update(name, line)
            await handle.ready()
        await subscriber.mark_ready()


@coco.fn
async def keep(message: str, target: localfs.DirTarget) -> None:
    name, _, text = message.partition(": ")
    target.declare_file(name, text)


@coco.fn
async def main() -> None:
    await coco.mount_each(keep, Log(), await localfs.mount_dir_target("out"))


app = coco.App("Backlog", main)
