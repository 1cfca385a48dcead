"""The `reconcile` of a container's handler returns None: does the error for its rows say so?

python container_without_output.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])


class Tables:
    def reconcile(self, key, desired, previous, missing, /):
        return None


tables = coco.register_root_target_states_provider("tables", Tables())


async def main() -> None:
    table = await coco.mount_target(tables.target_state("table", 1))
    coco.declare_target_state(table.target_state("row", 1))


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    try:
        coco.App(coco.AppConfig("app", environment), main).update_blocking()
    except Exception as error:
        print("the error", "names" if "reconcile" in str(error) else "does not name", "the cause")
