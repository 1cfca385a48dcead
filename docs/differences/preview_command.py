"""A preview from the command line, of one file to write anew.

python preview_command.py cocoindex|cocoindex_sim
"""

import pathlib
import subprocess
import sys
import sysconfig
import tempfile

PIPELINE = """
import pathlib
import cocoindex as coco
from cocoindex.connectors import localfs

@coco.lifespan
def environment(builder):
    builder.settings.db_path = "state"
    yield

async def main():
    target = await localfs.mount_dir_target(pathlib.Path("html"))
    target.declare_file("page.html", pathlib.Path("page.txt").read_text())

app = coco.App("app", main)
"""

with tempfile.TemporaryDirectory() as name:
    (pathlib.Path(name) / "pipeline.py").write_text(PIPELINE)
    command = str(pathlib.Path(sysconfig.get_path("scripts"), "coco-sim" if "sim" in sys.argv[1] else "cocoindex"))
    for text, options in (("old", []), ("new", ["--preview"])):
        (pathlib.Path(name) / "page.txt").write_text(text)
        update = [command, "update", *options, "pipeline.py"]
        run = subprocess.run(update, cwd=name, capture_output=True, text=True, check=True)
    lines = run.stdout.replace(f"{pathlib.Path(name).resolve()}/", "").splitlines()
    print(*(line.strip() for line in lines if "page.html" in line))
