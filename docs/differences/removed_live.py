"""A live component is removed while it waits: does it go on, and does what it declares afterwards come back?

python removed_live.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")
logging.disable()


async def page(target) -> None:
    target.declare_file("page.html", "page")


class Inner:
    def __init__(self, target) -> None:
        self.target = target

    async def process(self) -> None: ...

    async def process_live(self, operator) -> None:
        await operator.mark_ready()
        await asyncio.sleep(0.3)
        await (await operator.update(coco.component_subpath("page"), page, self.target)).ready()


class Outer:
    def __init__(self, target) -> None:
        self.target = target

    async def process(self) -> None: ...

    async def process_live(self, operator) -> None:
        await (await operator.update(coco.component_subpath("inner"), Inner, self.target)).ready()
        await operator.mark_ready()
        await (await operator.delete(coco.component_subpath("inner"))).ready()
        await asyncio.sleep(1)


async def main(directory) -> None:
    await coco.mount(Outer, await localfs.mount_dir_target(directory))


async def update(app, directory) -> None:
    await app.update(live=True)
    print("page.html:", "comes back" if (directory / "page.html").exists() else "stays away")


with tempfile.TemporaryDirectory() as name:
    html = pathlib.Path(name, "html")
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name, "state")))
    asyncio.run(update(coco.App(coco.AppConfig("app", environment), main, html), html))
