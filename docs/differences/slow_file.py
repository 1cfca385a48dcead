"""While one file that changed is being processed, another one changes: does it have to wait?

python slow_file.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")

seen: set[str] = set()
done = asyncio.Event()


@coco.fn
async def process(file) -> None:
    name = file.file_path.path.name
    seen.add(name)
    if name == "slow":
        await done.wait()


@coco.fn
async def main(source: pathlib.Path) -> None:
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
    (source / "slow").write_text("")
    assert await is_seen("slow", 20)
    (source / "quick").write_text("")
    print("the other file:", "processed" if await is_seen("quick", 1) else "waits")
    done.set()
    update.cancel()


with tempfile.TemporaryDirectory() as name:
    asyncio.run(follow(pathlib.Path(name)))
