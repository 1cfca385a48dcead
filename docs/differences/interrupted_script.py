"""Ctrl-C in a script that keeps an app up to date.

python interrupted_script.py cocoindex|cocoindex_sim
"""

import signal
import subprocess
import sys
import tempfile

SCRIPT = """
import asyncio
import importlib
import sys
import tempfile

coco = importlib.import_module(sys.argv[1])


class Watching:
    async def process(self): ...

    async def process_live(self, operator):
        await operator.update_full()
        await operator.mark_ready()
        print("ready", flush=True)
        await asyncio.Event().wait()


async def main():
    await coco.mount(Watching)


with tempfile.TemporaryDirectory() as state:
    environment = coco.Environment(coco.Settings(db_path=state))
    coco.App(coco.AppConfig("app", environment=environment), main).update_blocking(live=True)
"""
PATIENCE_S = 5

with tempfile.TemporaryDirectory() as name:
    command = [sys.executable, "-c", SCRIPT, sys.argv[1]]
    with subprocess.Popen(command, cwd=name, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as script:
        assert script.stdout is not None
        script.stdout.readline()
        script.send_signal(signal.SIGINT)
        try:
            _, errors = script.communicate(timeout=PATIENCE_S)
            print(errors.splitlines()[-1])
        except subprocess.TimeoutExpired:
            script.kill()
            print("no reaction")
