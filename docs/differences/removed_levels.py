"""Containers in containers, whose levels take turns with two sinks, are not declared any more: what goes, in order?

python removed_levels.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
gone: list[str] = []


def apply(context, actions) -> None:
    gone.extend(path for path, wanted in actions if not wanted)


def apply_other(context, actions) -> None:
    apply(context, actions)


class Level:
    def __init__(self, above: str = "") -> None:
        self.above = above

    def child_handler_for_deletion(self, key, previous):
        return Level(f"{self.above}/{key}")

    def reconcile(self, key, desired, previous, missing, /):
        path, sink = f"{self.above}/{key}", SINKS[self.above.count("/") % 2]
        if coco.is_non_existence(desired):
            return coco.TargetReconcileOutput((path, False), sink, coco.NON_EXISTENCE)
        return coco.TargetReconcileOutput((path, True), sink, desired)


SINKS = [
    coco.TargetActionSink.from_fn(each, child_handler=lambda context, action: Level(action[0]))
    for each in (apply, apply_other)
]
levels = coco.register_root_target_states_provider("levels", Level())


async def main(wanted: list[bool]) -> None:
    if wanted[0]:
        outer = await coco.mount_target(levels.target_state("a", 1))
        inner = await coco.mount_target(outer.target_state("b", 1))
        coco.declare_target_state(inner.target_state("c", 1))


with tempfile.TemporaryDirectory() as name:
    wanted = [True]
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    app = coco.App(coco.AppConfig("app", environment), main, wanted)
    app.update_blocking()
    wanted[0] = False
    app.update_blocking()
    print("gone:", *gone)
