"""A row is declared through a provider kept from an earlier run, while nobody declares its container any more.

python kept_provider.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
database: dict[str, set[str]] = {}


def apply_tables(context, actions) -> None:
    for table, wanted in actions:
        database.setdefault(table, set()) if wanted else database.pop(table, None)


def apply_rows(context, actions) -> None:
    for row in actions:
        database["table"].add(row)


class Rows:
    sink = coco.TargetActionSink.from_fn(apply_rows)

    def reconcile(self, key, desired, previous, missing, /):
        return coco.TargetReconcileOutput(key, self.sink, desired)


class Tables:
    sink = coco.TargetActionSink.from_fn(apply_tables, child_handler=lambda context, action: Rows())

    def reconcile(self, key, desired, previous, missing, /):
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, False), self.sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((key, True), self.sink, desired)


tables = coco.register_root_target_states_provider("tables", Tables())
kept = []


def child() -> None:
    coco.declare_target_state(kept[0].target_state("row", 1))


async def main() -> None:
    if not kept:
        kept.append(await coco.mount_target(tables.target_state("table", 1)))
    await coco.use_mount(child)


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main)
    app.update_blocking()
    try:
        app.update_blocking()
        print("row declared:", "there" if "row" in database.get("table", ()) else "destroyed")
    except RuntimeError:
        print("row declared: RuntimeError")
