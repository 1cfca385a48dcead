"""A memoized component returns what can't be stored: is its row written before it fails?

python unstorable_result.py cocoindex|cocoindex_sim
"""

import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()
written: list[str] = []


def apply(context, actions) -> None:
    written.extend(actions)


class Handler:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        return coco.TargetReconcileOutput(action=key, sink=self.sink, tracking_record=str(desired))


class Plain:
    pass


rows = coco.register_root_target_states_provider("rows", Handler())


@coco.fn(memo=True)
def returns() -> Plain:
    coco.declare_target_state(rows.target_state("returned", 1))
    return Plain()


def saves() -> None:
    coco.declare_target_state(rows.target_state("saved", 1))
    coco.use_state("kept", Plain())


async def main() -> None:
    await coco.mount(returns)
    await coco.mount(saves)


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
    print("written by components that failed:", *sorted(written) or ["nothing"])
