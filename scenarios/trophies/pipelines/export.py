"""Has a model describe the files in `in`. The memoized call that does so writes its file of `out` itself.

The model says by its state which revision it is; that stands in the file `model`.
"""

import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


class Model:
    @property
    def revision(self) -> str:
        return pathlib.Path("model").read_text()

    def __coco_memo_key__(self) -> object:
        return "model"

    def __coco_memo_state__(self, previous: object) -> coco.MemoStateOutcome:
        return coco.MemoStateOutcome(self.revision, memo_valid=previous == self.revision)


MODEL = coco.ContextKey[Model]("model", detect_change=True)


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    builder.provide(MODEL, Model())
    yield


def write(name: str, text: str) -> None:
    pathlib.Path("out").mkdir(exist_ok=True)
    pathlib.Path("out", name).write_text(text)


@coco.fn(memo=True)
async def describe(name: str, text: str) -> None:
    write(name, f"{text} by {coco.use_context(MODEL).revision}")


@coco.fn
async def main() -> None:
    async for name, file in localfs.walk_dir("in").items():
        await describe(str(name), await file.read_text())


app = coco.App("Export", main)
