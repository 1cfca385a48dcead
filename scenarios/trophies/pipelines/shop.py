"""A target type of our own, rows that are files of `table`: one for each line of each file in `in`.

A file is a component, and so is each of its lines. Nothing can be deleted from the table while there is a file `down`.
"""

import pathlib
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import cocoindex as coco
from cocoindex.connectors import localfs

TABLE = pathlib.Path("table")


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def apply(context: coco.ContextProvider, actions: Sequence[tuple[str, bool]]) -> None:
    TABLE.mkdir(exist_ok=True)
    for row, wanted in actions:
        if wanted:
            (TABLE / row).write_text("in stock")
        elif pathlib.Path("down").exists():
            raise OSError("the table is down")
        else:
            (TABLE / row).unlink(missing_ok=True)


class Rows:
    sink = coco.TargetActionSink.from_fn(apply)

    def reconcile(
        self, key: Any, desired: Any, previous: Collection[Any], may_be_missing: bool, /
    ) -> coco.TargetReconcileOutput[Any, Any, Any] | None:
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((key, False), self.sink, coco.NON_EXISTENCE)
        if not may_be_missing and all(record == desired for record in previous) and previous:
            return None
        return coco.TargetReconcileOutput((key, True), self.sink, desired)


rows = coco.register_root_target_states_provider("shop/rows", Rows())


@coco.fn
async def offer(product: str) -> None:
    coco.declare_target_state(rows.target_state(product, "in stock"))


@coco.fn
async def shelf(file: localfs.File) -> None:
    for product in (await file.read_text()).split():
        await coco.mount(coco.component_subpath(product), offer, product)


@coco.fn
async def main() -> None:
    await coco.mount_each(shelf, localfs.walk_dir("in").items())


app = coco.App("Shop", main)
