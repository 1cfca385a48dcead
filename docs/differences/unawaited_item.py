"""A live component reports readiness while an item it began is at work: is it done when a catch-up update ends?

python unawaited_item.py cocoindex|cocoindex_sim
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
    await asyncio.sleep(0.5)
    target.declare_file("page.html", "page")


class Pages:
    def __init__(self, target) -> None:
        self.target = target

    async def process(self) -> None: ...

    async def process_live(self, operator) -> None:
        await operator.update(coco.component_subpath("page"), page, self.target)
        await operator.mark_ready()


async def main(directory) -> None:
    await coco.mount(Pages, await localfs.mount_dir_target(directory))


async def update(app, directory) -> None:
    await app.update()
    print("page.html:", "written" if (directory / "page.html").exists() else "not written yet")


with tempfile.TemporaryDirectory() as name:
    html = pathlib.Path(name, "html")
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name, "state")))
    asyncio.run(update(coco.App(coco.AppConfig("app", environment), main, html), html))
