"""An app target whose module can't import something, on the command line.

python unloadable_module.py cocoindex|cocoindex_sim
"""

import pathlib
import subprocess
import sys
import sysconfig
import tempfile

with tempfile.TemporaryDirectory() as name:
    (pathlib.Path(name) / "pipeline.py").write_text("import missing\n")
    command = str(pathlib.Path(sysconfig.get_path("scripts"), "coco-sim" if "sim" in sys.argv[1] else "cocoindex"))
    run = subprocess.run([command, "update", "pipeline.py"], cwd=name, capture_output=True, text=True, check=False)
    shown = "traceback" if "Traceback" in run.stderr else "one sentence, with file and line"
    print(f"{shown}; exit code {run.returncode}" if "Failed to load module 'pipeline.py'" in run.stderr else run.stderr)
