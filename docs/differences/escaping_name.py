"""A file name that leads out of the directory target.

python escaping_name.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")


async def main(output: pathlib.Path) -> None:
    target = await localfs.mount_dir_target(output)
    target.declare_file("../escaped.txt", "text")


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    try:
        coco.App(coco.AppConfig("app", environment), main, root / "html").update_blocking()
        print("../escaped.txt:", "written" if (root / "escaped.txt").exists() else "not written")
    except ValueError:
        print("../escaped.txt: ValueError")
