"""A live component fails before it is ready: does whoever awaits the update learn why?

python broken_start.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()


class Broken:
    async def process(self) -> None: ...

    async def process_live(self, operator) -> None:
        raise OSError("no such topic")


async def main() -> None:
    await coco.mount(Broken)


def chain(error):
    while error is not None:
        yield str(error)
        error = error.__cause__ or error.__context__


async def update(app) -> None:
    try:
        await app.update()
    except RuntimeError as error:
        print("the reason:", "given" if any("no such topic" in text for text in chain(error)) else "lost")


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    asyncio.run(update(coco.App(coco.AppConfig("app", environment), main)))
