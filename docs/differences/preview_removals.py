"""A component is no longer mounted: does a preview show that its row will be deleted?

python preview_removals.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])


def apply(context, actions) -> None:
    pass


class Handler:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput(f"delete {key}", self.sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput(f"write {key}", self.sink, desired)


rows = coco.register_root_target_states_provider("rows", Handler())


def child() -> None:
    coco.declare_target_state(rows.target_state("row", 1))


async def main(mounted: list[bool]) -> None:
    if mounted:
        await coco.use_mount(child)


with tempfile.TemporaryDirectory() as name:
    mounted = [True]
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main, mounted)
    app.update_blocking()
    mounted.clear()
    print("preview:", *app.update_blocking(preview=True) or ["nothing to do"])
