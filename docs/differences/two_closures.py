"""Two memoized closures of one factory are called in one component.

python two_closures.py cocoindex|cocoindex_sim
"""

import importlib
import pathlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])


def times(factor: int):
    @coco.fn(memo=True)
    def multiply(number: int) -> int:
        return factor * number

    return multiply


def main() -> None:
    print("2 * 10 and 3 * 10:", times(2)(10), times(3)(10))


with tempfile.TemporaryDirectory() as name:
    environment = coco.Environment(coco.Settings(db_path=pathlib.Path(name)))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()
