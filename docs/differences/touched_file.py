"""A file is touched, its content unchanged: does the page declared by a memoized inline call stay?

python touched_file.py cocoindex|cocoindex_sim
"""

import importlib
import os
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")


@coco.fn(memo=True)
async def convert(file, target) -> None:
    target.declare_file("page.html", await file.read())


@coco.fn
async def main(source: pathlib.Path, output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    async for _, file in localfs.walk_dir(source).items():
        await convert(file, target)


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    (root / "docs").mkdir()
    (root / "docs" / "page.md").write_text("text")
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("app", environment), main, root / "docs", root / "html")
    app.update_blocking()
    os.utime(root / "docs" / "page.md", (0, 0))
    app.update_blocking()
    print("page.html:", "kept" if (root / "html" / "page.html").exists() else "deleted")
