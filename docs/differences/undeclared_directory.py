"""A directory target is no longer declared: what becomes of a file in it that the pipeline did not write?

python undeclared_directory.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")


async def main(output: pathlib.Path, declared: list[bool]) -> None:
    if declared:
        target = await localfs.mount_dir_target(output)
        target.declare_file("page.html", "<p>ours</p>")


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    declared = [True]
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("app", environment), main, root / "html", declared)
    app.update_blocking()
    (root / "html" / "notes.txt").write_text("made by hand")
    declared.clear()
    app.update_blocking()
    print("notes.txt:", "kept" if (root / "html" / "notes.txt").exists() else "deleted")
