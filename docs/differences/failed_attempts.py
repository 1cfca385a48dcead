"""A target fails twice with one value: how many possible past states is its handler told of?

python failed_attempts.py cocoindex|cocoindex_sim
"""

import contextlib
import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()
broken = False


def apply(context, actions) -> None:
    if broken:
        raise OSError("target is down")


class Handler:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        seen.append(len(previous))
        return coco.TargetReconcileOutput(action=desired, sink=self.sink, tracking_record=str(desired))


def main(values: list[int]) -> None:
    coco.declare_target_state(rows.target_state("row", values[0]))


seen: list[int] = []
rows = coco.register_root_target_states_provider("rows", Handler())
with tempfile.TemporaryDirectory() as name:
    values = [1]
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main, values)
    app.update_blocking()
    broken, values[0] = True, 2
    for _ in range(3):
        with contextlib.suppress(OSError):
            app.update_blocking()
    print("possible past states, run by run:", *seen)
