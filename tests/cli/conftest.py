"""A directory to run the command line in, as if in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import pytest
from click.testing import CliRunner, Result

from cocoindex_sim import alias
from cocoindex_sim.cli._main import cli
from cocoindex_sim.engine import current_process, set_production_process
from cocoindex_sim.runtime import wire_production

PIPELINE = """
    import pathlib

    import cocoindex as coco


    @coco.lifespan
    def environment(builder):
        builder.settings.db_path = pathlib.Path("state")
        yield


    @coco.fn
    async def main():
        print("main ran")


    app = coco.App("One", main)
"""


class Project:
    """A directory with files in it, which is the current one."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def write(self, name: str, text: str) -> Path:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def run(self, *arguments: str, answer: str | None = None) -> Result:
        """Run the command in this process; apps and environments of earlier runs are gone."""
        wire_production()
        self.forget_modules()
        return CliRunner().invoke(cli, arguments, input=answer, prog_name="coco-sim")

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        """Start the command in a process of its own, with pipes."""
        program = [sys.executable, "-c", "from cocoindex_sim.cli import main; main()", *arguments]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(program, **{**pipes, "text": True, **options})  # type: ignore[call-overload,no-any-return]  # any options

    def forget_modules(self) -> None:
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None)).startswith(str(self.directory)):
                del sys.modules[name]


HOLDER = """
import sys
from cocoindex_sim.store import LmdbStore
store = LmdbStore(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
store.close()
"""


@contextmanager
def held(directory: Path) -> Iterator[None]:
    """Another process holds a state directory during the block."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        yield


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """An empty project, with `one.py` in it: an app `One` of a main function that prints `main ran`."""
    project = Project(tmp_path)
    project.write("one.py", PIPELINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    process = current_process()
    with patch.dict(os.environ), alias.installed():
        for name in [name for name in os.environ if name.startswith("COCOINDEX_")]:
            del os.environ[name]
        yield project
    project.forget_modules()
    set_production_process(process)
