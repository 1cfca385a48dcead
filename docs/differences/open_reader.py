"""A program reads an output file while the pipeline writes it anew.

python open_reader.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
localfs = importlib.import_module(f"{sys.argv[1]}.connectors.localfs")


async def main(output: pathlib.Path, text: list[str]) -> None:
    target = await localfs.mount_dir_target(output)
    target.declare_file("page.html", text[0])


with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    text = ["old page"]
    environment = coco.Environment(coco.Settings(db_path=root / "state"))
    app = coco.App(coco.AppConfig("app", environment), main, root / "html", text)
    app.update_blocking()
    with open(root / "html" / "page.html", buffering=1) as reader:
        begin = reader.read(4)
        text[0] = "NEW PAGE"
        app.update_blocking()
        reader.seek(4)
        print("the reader has:", begin + reader.read())
