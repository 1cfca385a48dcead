"""The state database may not even hold an app: what does an update do?

python small_map.py cocoindex|cocoindex_sim
"""

import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()


def main() -> None:
    print("update: succeeds")


with tempfile.TemporaryDirectory() as name:
    settings = coco.Settings(db_path=pathlib.Path(name), lmdb_map_size=4 * 1024)
    try:
        environment = coco.Environment(settings)
        coco.App(coco.AppConfig("app", environment), main).update_blocking()
    except RuntimeError as error:
        print("update: RuntimeError,", "MDB_MAP_FULL" if "MDB_MAP_FULL" in str(error) else "of another kind")
