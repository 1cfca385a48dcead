"""A second process opens a state directory that is in use.

python two_processes.py cocoindex|cocoindex_sim
"""

import importlib
import subprocess
import sys
import tempfile

package = sys.argv[1]
coco = importlib.import_module(package)


def main() -> None:
    pass


def update(state: str) -> None:
    environment = coco.Environment(coco.Settings(db_path=state))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()


if len(sys.argv) > 2:
    update(sys.argv[2])
else:
    with tempfile.TemporaryDirectory() as name:
        environment = coco.Environment(coco.Settings(db_path=name))
        app = coco.App(coco.AppConfig("app", environment), main)
        app.update_blocking()
        second = subprocess.run([sys.executable, __file__, package, name], capture_output=True, check=False)
        print("second process:", "refused" if second.returncode else "updates")
