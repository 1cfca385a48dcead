"""A component declares a state whose present owner is in the middle of a long call of the sink: what becomes of it?

python busy_owner.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()


async def apply(context, actions) -> None:
    await asyncio.sleep(2)


class Handler:
    sink = coco.TargetActionSink.from_async_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        return coco.TargetReconcileOutput(desired, self.sink, desired)


rows = coco.register_root_target_states_provider("rows", Handler())


async def declare(value: int) -> None:
    await asyncio.sleep(value / 10)
    coco.declare_target_state(rows.target_state("row", value))


async def main() -> None:
    await coco.mount(coco.component_subpath("owner"), declare, 0)
    try:
        await coco.use_mount(coco.component_subpath("other"), declare, 1)
        print("the other: waits")
    except ValueError:
        print("the other: ValueError")


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
