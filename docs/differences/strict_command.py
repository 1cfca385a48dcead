"""A component fails in an update from the command line: can whoever calls it find out?

python strict_command.py cocoindex|cocoindex_sim
"""

import pathlib
import subprocess
import sys
import sysconfig
import tempfile

PIPELINE = """
import cocoindex as coco

@coco.lifespan
def environment(builder):
    builder.settings.db_path = "state"
    yield

def child():
    raise OSError("source is down")

async def main():
    await coco.mount(child)

app = coco.App("app", main)
"""

with tempfile.TemporaryDirectory() as name:
    (pathlib.Path(name) / "pipeline.py").write_text(PIPELINE)
    command = str(pathlib.Path(sysconfig.get_path("scripts"), "coco-sim" if "sim" in sys.argv[1] else "cocoindex"))
    usage = subprocess.run([command, "update", "--help"], capture_output=True, text=True, check=True).stdout
    options = ["--strict"] if "--strict" in usage else []
    run = subprocess.run([command, "update", *options, "pipeline.py"], cwd=name, capture_output=True, check=False)
    print("exit code:", run.returncode)
