"""A directory that is followed is moved away, changed and moved back: is it followed on?

python returned_root.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")

seen: set[str] = set()


@coco.fn
async def process(file) -> None:
    seen.add(file.file_path.path.name)


def taken(error: BaseException, context: object) -> None:
    """Handle what is reported of the missing directory."""


@coco.fn
async def main(source: pathlib.Path) -> None:
    async with coco.exception_handler(taken):
        await coco.mount_each(process, localfs.walk_dir(source, live=True).items())


async def is_seen(name: str, within_s: float) -> bool:
    for _ in range(int(within_s * 100)):
        if name in seen:
            return True
        await asyncio.sleep(0.01)
    return False


async def follow(root: pathlib.Path) -> None:
    source = root / "source"
    source.mkdir()
    (source / "first").write_text("")
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("app", environment), main, source)
    update = asyncio.create_task(app.update(live=True).result())
    assert await is_seen("first", 20)
    source.rename(root / "away")
    await asyncio.sleep(0.5)
    source.mkdir()
    (source / "second").write_text("")
    print("new content:", "processed" if await is_seen("second", 3) else "not before the next rescan")
    update.cancel()


with tempfile.TemporaryDirectory() as name:
    asyncio.run(follow(pathlib.Path(name)))
