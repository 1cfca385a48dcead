"""Live components in a live component: one for each file in `in`, each writing on every second.

They don't like to go: the one whose file says `stubborn` sleeps on when it is cancelled, `polite` has a last word.
"""

import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


async def manners() -> dict[str, str]:
    return {name: await file.read_text() async for name, file in localfs.walk_dir("in").items()}


@coco.fn
async def write(name: str, text: str, target: localfs.DirTarget) -> None:
    target.declare_file(name, text)


class Desk:
    def __init__(self, name: str, manner: str, target: localfs.DirTarget) -> None:
        self.name, self.manner, self.target = name, manner, target

    async def process(self) -> None:
        """Has nothing to read."""

    async def say(self, operator: coco.LiveComponentOperator, text: str) -> None:
        handle = await operator.update(coco.component_subpath("page"), write, self.name, text, self.target)
        await handle.ready()

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await self.say(operator, "here")
        await operator.mark_ready()
        try:
            while True:
                try:
                    await asyncio.sleep(1)
                except asyncio.CancelledError:
                    if self.manner != "stubborn":
                        raise
                await self.say(operator, "still here")
        finally:
            if self.manner == "polite":
                await self.say(operator, "gone")


class Office:
    """Stays open until nobody is left. While there is a file `audit`, it counts all of them at every change."""

    def __init__(self, target: localfs.DirTarget) -> None:
        self.target = target

    async def process(self) -> None:
        for name, manner in (await manners()).items():
            if name != "audit":
                await coco.mount(coco.component_subpath(name), Desk, name, manner, self.target)

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await operator.update_full()
        await operator.mark_ready()
        before = await manners()
        while before.keys() - {"audit"}:
            await asyncio.sleep(1)
            now = await manners()
            if "audit" in now and before != now:
                await operator.update_full()
            for name in sorted(before.keys() - now.keys()):
                await operator.delete(coco.component_subpath(name))
            before = now


@coco.fn
async def main() -> None:
    await coco.mount(Office, await localfs.mount_dir_target("out"))


app = coco.App("Office", main)
