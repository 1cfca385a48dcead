"""Four mistakes that can't work: how does one learn of them?

python never_ending.py cocoindex|cocoindex_sim
"""

import asyncio
import importlib
import logging
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

LONG_ENOUGH_S = 10


def quota_of_zero(coco, state: str) -> None:
    """No component may be in flight."""
    environment = coco.Environment(coco.Settings(db_path=state))
    coco.App(coco.AppConfig("app", environment, max_inflight_components=0), lambda: None).update_blocking()


def update_inside_itself(coco, state: str) -> None:
    """A component awaits an update of the app it belongs to."""

    async def main() -> None:
        await app.update()

    environment = coco.Environment(coco.Settings(db_path=state))
    app = coco.App(coco.AppConfig("app", environment), main)
    app.update_blocking()


def blocking_on_its_loop(coco, state: str) -> None:
    """A blocking update on the event loop that the pipeline is to run on."""

    async def main() -> None:
        pass

    async def caller() -> None:
        environment = coco.Environment(coco.Settings(db_path=state))
        coco.App(coco.AppConfig("app", environment), main).update_blocking()

    asyncio.run(caller())


def recursive_memo(coco, state: str) -> None:
    """A memoized call needs its own result."""

    @coco.fn(memo=True)
    async def call() -> None:
        await call()

    async def main() -> None:
        await call()

    environment = coco.Environment(coco.Settings(db_path=state))
    coco.App(coco.AppConfig("app", environment), main).update_blocking()


def name_of_error(mistake, coco, state: str) -> str:
    """What the mistake raises."""
    try:
        mistake(coco, state)
        return "nothing"
    except Exception as error:
        return type(error).__name__


def in_child(name: str) -> str:
    """As above, in a process of its own, which is given time to end."""
    with tempfile.TemporaryDirectory() as state:
        arguments = [sys.executable, __file__, sys.argv[1], name, state]
        try:
            return subprocess.check_output(
                arguments, timeout=LONG_ENOUGH_S, text=True, stderr=subprocess.DEVNULL
            ).strip()
        except subprocess.TimeoutExpired:
            return "hangs"


MISTAKES = (quota_of_zero, update_inside_itself, blocking_on_its_loop, recursive_memo)

if len(sys.argv) > 2:
    package, name, state = sys.argv[1:]
    logging.disable()
    print(name_of_error(globals()[name], importlib.import_module(package), state))
else:
    names = [mistake.__name__ for mistake in MISTAKES]
    with ThreadPoolExecutor() as at_once:
        print("; ".join(f"{name}: {found}" for name, found in zip(names, at_once.map(in_child, names), strict=True)))
