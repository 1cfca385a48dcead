"""An update from the command line gets SIGTERM, as from a service manager: does it end in good order?

python terminated_command.py cocoindex|cocoindex_sim
"""

import pathlib
import signal
import subprocess
import sys
import sysconfig
import tempfile

PIPELINE = """
import asyncio
import cocoindex as coco

@coco.lifespan
def environment(builder):
    builder.settings.db_path = "state"
    yield

async def main():
    print("running", flush=True)
    await asyncio.sleep(60)

app = coco.App("app", main)
"""

with tempfile.TemporaryDirectory() as name:
    (pathlib.Path(name) / "pipeline.py").write_text(PIPELINE)
    command = str(pathlib.Path(sysconfig.get_path("scripts"), "coco-sim" if "sim" in sys.argv[1] else "cocoindex"))
    with subprocess.Popen(
        [command, "update", "pipeline.py"], cwd=name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as run:
        for line in run.stdout:
            if "running" in line:
                run.send_signal(signal.SIGTERM)
    print("SIGTERM:", "killed" if run.returncode == -signal.SIGTERM else f"exit code {run.returncode}")
