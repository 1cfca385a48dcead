"""A table can't be deleted; later it is declared again, but not the row it had: does the row go?

python failed_container.py cocoindex|cocoindex_sim
"""

import contextlib
import importlib
import logging
import os
import pathlib
import sys
import tempfile

os.environ["RUST_LOG"] = "off"  # goes to stdout otherwise
coco = importlib.import_module(sys.argv[1])
logging.disable()
database: dict[str, set[str]] = {}
broken = False


def apply_tables(context, actions) -> None:
    if broken:
        raise OSError("the database is down")
    for table, wanted in actions:
        database.setdefault(table, set()) if wanted else database.pop(table, None)


def apply_rows(context, actions) -> None:
    for row, wanted in actions:
        database["table"].add(row) if wanted else database["table"].discard(row)


class Rows:
    sink = coco.TargetActionSink.from_fn(apply_rows)

    def reconcile(self, key, desired, previous, missing, /):
        return coco.TargetReconcileOutput((key, not coco.is_non_existence(desired)), self.sink, desired)


class Tables:
    sink = coco.TargetActionSink.from_fn(apply_tables, child_handler=lambda context, action: Rows())

    def reconcile(self, key, desired, previous, missing, /):
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, False), self.sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((key, True), self.sink, desired)


tables = coco.register_root_target_states_provider("tables", Tables())


async def declare_row(table) -> None:
    coco.declare_target_state(table.target_state("row", 1))


async def main(wanted: list[str]) -> None:
    if "table" in wanted:
        table = await coco.mount_target(tables.target_state("table", 1))
        if "row" in wanted:
            await coco.use_mount(declare_row, table)


with tempfile.TemporaryDirectory() as name:
    wanted = ["table", "row"]
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main, wanted)
    app.update_blocking()
    wanted[:], broken = [], True
    with contextlib.suppress(OSError):
        app.update_blocking()
    wanted[:], broken = ["table"], False
    app.update_blocking()
    print("row:", "left behind" if "row" in database["table"] else "deleted")
