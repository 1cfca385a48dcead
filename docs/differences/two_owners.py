"""Two components declare one target state in one run: is anything said?

python two_owners.py cocoindex|cocoindex_sim
"""

import importlib
import logging
import pathlib
import sys
import tempfile
import warnings

coco = importlib.import_module(sys.argv[1])
messages: list[str] = []


class Messages(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        messages.append(record.getMessage())


def apply(context, actions) -> None:
    pass


class Handler:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        return coco.TargetReconcileOutput(action=desired, sink=self.sink, tracking_record=str(desired))


rows = coco.register_root_target_states_provider("rows", Handler())


def declare(value: int) -> None:
    coco.declare_target_state(rows.target_state("row", value))


async def main() -> None:
    await coco.use_mount(coco.component_subpath("first"), declare, 1)
    await coco.use_mount(coco.component_subpath("second"), declare, 2)


logging.getLogger().addHandler(Messages(logging.WARNING))
with tempfile.TemporaryDirectory() as name, warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
    messages += (str(warning.message) for warning in caught)
    named = [message for message in messages if "first" in message and "second" in message]
    print("two owners:", "named in a warning" if named else "silent")
