"""One call of a memoized function, written in three ways.

python argument_spelling.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])
runs: list[int] = []


@coco.fn(memo=True)
def call(number: int, factor: int = 2) -> None:
    runs.append(number)


def main() -> None:
    call(1, 2)
    call(1, factor=2)
    call(factor=2, number=1)


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
    print("the body ran:", len(runs))
