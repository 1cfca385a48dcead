"""A helper below a memoized call is edited; the call's caller ran again in between, over the call's memo.

python stale_callee.py cocoindex|cocoindex_sim
"""

import pathlib
import subprocess
import sys
import tempfile

PIPELINE = """
import pathlib, sys
import {package} as coco
from {package}.connectors import localfs

@coco.fn
def helper():
    return {helper!r}

@coco.fn(memo=True)
def callee():
    return helper()

@coco.fn(memo=True)
def caller(target):
    {caller}
    target.declare_file("page.txt", callee())

async def main(output):
    caller(await localfs.mount_dir_target(output))

root = pathlib.Path(sys.argv[1])
environment = coco.Environment(coco.Settings(db_path=root / "state"))
coco.App(coco.AppConfig("app", environment), main, root / "out").update_blocking()
"""

with tempfile.TemporaryDirectory() as name:
    root = pathlib.Path(name)
    for helper, caller in (("old", "pass"), ("old", "1 + 1"), ("new", "1 + 1")):
        script = root / "pipeline.py"
        script.write_text(PIPELINE.format(package=sys.argv[1], helper=helper, caller=caller))
        subprocess.run([sys.executable, str(script), name], check=True)
    print("page.txt:", (root / "out" / "page.txt").read_text())
