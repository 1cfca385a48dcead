"""The state of a context value changes once: how often does a memoized call that read it run in the next three updates?

python renewed_context.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
revision = 1
ran = 0


class Model:
    def __coco_memo_key__(self):
        return "model"

    def __coco_memo_state__(self, previous):
        return coco.MemoStateOutcome(revision, memo_valid=previous == revision)


MODEL = coco.ContextKey("model", detect_change=True)


@coco.fn(memo=True)
def call() -> None:
    global ran
    ran += 1
    coco.use_context(MODEL)


@coco.fn
async def main() -> None:
    call()


with tempfile.TemporaryDirectory() as name:
    provider = coco.ContextProvider()
    provider.provide(MODEL, Model())
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)), context_provider=provider)
    app = coco.App(coco.AppConfig("app", environment), main)
    app.update_blocking()
    revision, ran = 2, 0
    for _ in range(3):
        app.update_blocking()
    print("the body ran:", ran)
