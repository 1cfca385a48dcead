"""An update has ended and its handle is watched: does that come to an end?

python late_watch.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])


def main() -> int:
    return 7


async def watch(handle) -> list[str]:
    return [f"{snapshot.status.value} {snapshot.result}" async for snapshot in handle.watch()]


async def story(app) -> None:
    handle = app.update()
    await watch(handle)
    try:
        print("watched again:", *await asyncio.wait_for(watch(handle), 2))
    except TimeoutError:
        print("watched again: hangs")


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    asyncio.run(story(coco.App(coco.AppConfig("app", environment), main)))
