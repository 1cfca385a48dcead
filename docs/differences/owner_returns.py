"""One run in which another component, too, declares the row of a memoized one: is the row there when that is over?

python owner_returns.py cocoindex|cocoindex_sim
"""

import importlib
import logging
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
logging.disable()
table: dict[str, int] = {}


def apply(context, actions) -> None:
    for key, value in actions:
        table.pop(key, None) if value is None else table.update({key: value})


class Handler:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(self, key, desired, previous, missing, /):
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, None), self.sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((key, desired), self.sink, desired)


rows = coco.register_root_target_states_provider("rows", Handler())


@coco.fn(memo=True)
def declare(value: int) -> None:
    coco.declare_target_state(rows.target_state("row", value))


async def main(owners: list[str]) -> None:
    for number, owner in enumerate(owners):
        await coco.use_mount(coco.component_subpath(owner), declare, number)


with tempfile.TemporaryDirectory() as name:
    owners = ["first"]
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main, owners)
    for now in ["first"], ["first", "second"], ["first"], ["first"]:
        owners[:] = now
        app.update_blocking()
    print("row:", table.get("row", "lost"))
