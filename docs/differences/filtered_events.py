"""Files are written to an excluded directory while it is followed: are they processed, as the scan would not?

python filtered_events.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")
resources = importlib.import_module(f"{sys.argv[1]}.resources.file")

seen: list[str] = []


@coco.fn
async def process(file) -> None:
    seen.append(file.file_path.path.name)


@coco.fn
async def main(source: pathlib.Path) -> None:
    matcher = resources.PatternFilePathMatcher(excluded_patterns=["node_modules"])
    await coco.mount_each(process, localfs.walk_dir(source, live=True, recursive=True, path_matcher=matcher).items())


async def is_seen(name: str, within_s: float) -> bool:
    for _ in range(int(within_s * 100)):
        if name in seen:
            return True
        await asyncio.sleep(0.01)
    return False


async def follow(root: pathlib.Path) -> None:
    source = root / "source"
    (source / "node_modules").mkdir(parents=True)
    (source / "node_modules" / "before.js").write_text("")
    (source / "scanned.md").write_text("")
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("app", environment), main, source)
    update = asyncio.create_task(app.update(live=True).result())
    assert await is_seen("scanned.md", 20)
    (source / "node_modules" / "event.js").write_text("")
    await asyncio.sleep(0.1)
    (source / "last.md").write_text("")
    assert await is_seen("last.md", 20)
    print("by the scan:", "yes" if "before.js" in seen else "no", end="; ")
    print("by an event:", "yes" if "event.js" in seen else "no")
    update.cancel()


with tempfile.TemporaryDirectory() as name:
    asyncio.run(follow(pathlib.Path(name)))
