"""What the command line shows at a path that it has just printed.

python shown_path.py cocoindex|cocoindex_sim
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

async def page(number): ...

async def main():
    await coco.mount_each(page, [(1, 1)])

app = coco.App("app", main)
"""

with tempfile.TemporaryDirectory() as name:
    (pathlib.Path(name) / "pipeline.py").write_text(PIPELINE)
    command = str(pathlib.Path(sysconfig.get_path("scripts"), "coco-sim" if "sim" in sys.argv[1] else "cocoindex"))

    def run(*arguments: str) -> list[str]:
        done = subprocess.run([command, *arguments], cwd=name, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    run("update", "pipeline.py")
    printed = run("show", "pipeline.py")[-1].strip()
    found = run("show", "pipeline.py", printed)[2].strip()
    print(f"{printed}: {found}")
