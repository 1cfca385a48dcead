"""A component fails in the background, and for another one so does its exception handler: does the update tell?

python background_failure.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import inspect
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()


def child() -> None:
    raise OSError("source is down")


def handler(error, context) -> None:
    raise ConnectionError("whoever should be told is not there")


async def main() -> None:
    await coco.mount(coco.component_subpath("first"), child)
    async with coco.exception_handler(handler):
        await coco.mount(coco.component_subpath("second"), child)


async def update(app) -> None:
    handle = app.update(**({"strict": True} if "strict" in inspect.signature(app.update).parameters else {}))
    try:
        await handle
        print("update: succeeds;", end=" ")
    except ExceptionGroup as group:
        print(f"update: {type(group).__name__};", end=" ")
    failures = handle.failures() if hasattr(handle, "failures") else []
    print("failures:", *sorted(type(failure.error).__name__ for failure in failures) or ["unknown"])


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    asyncio.run(update(coco.App(coco.AppConfig("app", environment), main)))
