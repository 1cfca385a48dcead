"""A target type with containers: a table, which is a directory of `db`, for each file in `in`. Its rows are files.

The first word of a file is the name of its table, the others are those of its rows. No table can be dropped while
there is a file `down`.
"""

import pathlib
import shutil
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import cocoindex as coco
from cocoindex.connectors import localfs

DATABASE = pathlib.Path("db")


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def apply_tables(context: coco.ContextProvider, actions: Sequence[tuple[str, bool]]) -> None:
    for table, wanted in actions:
        if wanted:
            (DATABASE / table).mkdir(parents=True, exist_ok=True)
        elif pathlib.Path("down").exists():
            raise OSError("the database is down")
        elif (DATABASE / table).exists():
            shutil.rmtree(DATABASE / table)


def apply_rows(context: coco.ContextProvider, actions: Sequence[tuple[str, str, bool]]) -> None:
    for table, row, wanted in actions:
        if wanted:
            (DATABASE / table / row).write_text("a row")
        else:
            (DATABASE / table / row).unlink(missing_ok=True)


class Rows:
    sink = coco.TargetActionSink.from_fn(apply_rows)

    def __init__(self, table: str) -> None:
        self.table = table

    def reconcile(
        self, key: Any, desired: Any, previous: Collection[Any], may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput[Any, Any, Any] | None:
        if previous and not may_be_missing and all(record == desired for record in previous):
            return None
        wanted = not coco.is_non_existence(desired)
        return coco.TargetReconcileOutput((self.table, key, wanted), self.sink, desired)


class Tables:
    sink = coco.TargetActionSink.from_fn(apply_tables, child_handler=lambda context, action: Rows(action[0]))

    def reconcile(
        self, key: Any, desired: Any, previous: Collection[Any], may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput[Any, Any, Any] | None:
        return coco.TargetReconcileOutput((key, not coco.is_non_existence(desired)), self.sink, desired)


tables = coco.register_root_target_states_provider("tables/tables", Tables())


@coco.fn
async def insert(names: list[str], table: Any) -> None:
    for row in names:
        coco.declare_target_state(table.target_state(row, "a row"))


@coco.fn
async def main() -> None:
    async for name, file in localfs.walk_dir("in").items():
        title, *names = (await file.read_text()).split()
        table = await coco.mount_target(tables.target_state(title, "a table"))
        await coco.use_mount(coco.component_subpath(str(name)), insert, names, table)


app = coco.App("Tables", main)
