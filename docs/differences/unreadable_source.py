"""A source directory can't be read any more: what becomes of what was made from it?

python unreadable_source.py cocoindex|cocoindex_sim
"""

import importlib
import logging
import os
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")
logging.disable()
NOBODY = 65534


async def convert(file, target) -> None:
    target.declare_file("page.html", await file.read())


async def main(source: pathlib.Path, output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    await coco.mount_each(convert, localfs.walk_dir(source).items(), target)


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    (root / "docs").mkdir()
    (root / "docs" / "page.md").write_text("text")
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("app", environment), main, root / "docs", root / "html")
    app.update_blocking()
    (root / "docs").chmod(0)
    if os.geteuid() == 0:  # who may read everything
        for path in (root, *root.rglob("*")):
            os.chown(path, NOBODY, NOBODY)
        os.seteuid(NOBODY)
    try:
        app.update_blocking()
        outcome = "succeeds"
    except PermissionError:
        outcome = "PermissionError"
    print(f"update: {outcome}; page.html:", "kept" if (root / "html" / "page.html").exists() else "deleted")
    os.seteuid(os.getuid())
    (root / "docs").chmod(0o700)
