"""A component is no longer mounted, and deleting the row of a component below it fails once.

python deep_removal.py cocoindex|cocoindex_sim
"""

import importlib
import logging
import os
import pathlib
import sys
import tempfile

os.environ["RUST_LOG"] = "off"  # goes to stdout otherwise
coco = importlib.import_module(sys.argv[1])
logging.disable()
table: set[str] = set()
broken = False


def apply(context, actions) -> None:
    for key, wanted in actions:
        if broken:
            raise OSError("target is down")
        table.add(key) if wanted else table.discard(key)


class Handler:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, False), self.sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((key, True), self.sink, desired)


rows = coco.register_root_target_states_provider("rows", Handler())


def inner() -> None:
    coco.declare_target_state(rows.target_state("row", "text"))


async def outer() -> None:
    await coco.use_mount(inner)


async def main(mounted: list[bool]) -> None:
    if mounted:
        await coco.use_mount(outer)


with tempfile.TemporaryDirectory() as name:
    mounted = [True]
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main, mounted)
    app.update_blocking()
    mounted.clear()
    broken = True
    app.update_blocking()
    broken = False
    app.update_blocking()
    app.update_blocking(full_reprocess=True)
    app.drop_blocking()
    print("after two more updates and a drop, the row is", "there" if table else "gone")
