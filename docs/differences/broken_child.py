"""A live component that another one started fails before it is ready: who is told?

python broken_child.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()
told = []


class Inner:
    async def process(self) -> None: ...

    async def process_live(self, operator) -> None:
        raise OSError("no such topic")


class Outer:
    async def process(self) -> None: ...

    async def process_live(self, operator) -> None:
        await (await operator.update(coco.component_subpath("inner"), Inner)).ready()
        await operator.mark_ready()


def handler(error, context) -> None:
    told.append(error)


async def main() -> None:
    async with coco.exception_handler(handler):
        await coco.mount(Outer)


async def update(app) -> None:
    await app.update()
    print("told:", *map(type_name, told) if told else ["nobody"])


def type_name(error) -> str:
    return type(error).__name__


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    asyncio.run(update(coco.App(coco.AppConfig("app", environment), main)))
