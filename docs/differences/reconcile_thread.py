"""Where a target handler's `reconcile` runs.

python reconcile_thread.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])


class Handler:
    def reconcile(self, key, desired, previous, missing, /):
        try:
            asyncio.get_running_loop()
            print("reconcile: on the event loop")
        except RuntimeError:
            print("reconcile: on a thread of its own")


rows = coco.register_root_target_states_provider("rows", Handler())


def main() -> None:
    coco.declare_target_state(rows.target_state("row", 1))


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
