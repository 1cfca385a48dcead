"""A project of a user: one pipeline, scenarios for it, and ordinary tests beside them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

PIPELINE = '''
"""Turns docs/*.txt into upper case below out/."""
import asyncio
import pathlib

import cocoindex as coco
from cocoindex.connectors import localfs
from cocoindex.resources.file import FileLike


@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def shout(file: FileLike, output: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text.startswith("BAD"):
        raise ValueError("bad document\\nits first word is BAD")
    output.declare_file(file.file_path.path.name, text.upper())


@coco.fn
async def main() -> None:
    output = await localfs.mount_dir_target(pathlib.Path("out"))
    async for name, file in localfs.walk_dir(pathlib.Path("docs")).items():
        await coco.use_mount(coco.component_subpath(name), shout, file, output)


app = coco.App("Shout", main)
'''

# `order.txt` holds the order in which each of three tasks took its second step.
RACE = """

@coco.fn
async def race() -> None:
    order = []

    async def racer(name):
        await asyncio.sleep(0)
        order.append(name)

    await asyncio.gather(*(racer(name) for name in "abc"))
    output = await localfs.mount_dir_target(pathlib.Path("out"))
    output.declare_file("order.txt", "".join(order))


del app
app = coco.App("Race", race)
"""

PASSING = """\
app: ../app/main.py
given:
  files:
    docs/a.txt: a
scenarios:
  - name: a cold run shouts
    steps:
      - update
      - expect:
          targets: {out/a.txt: A}
          stats: {shout: {num_adds: 1}}
  - name: a new file is shouted too
    steps:
      - update
      - fs.write: {docs/b.txt: b}
      - update
      - expect: {targets: {out/a.txt: A, out/b.txt: B}}
"""

FAILING = """\
app: ../app/main.py
given:
  files:
    docs/a.txt: a
    docs/b.txt: b
scenarios:
  - name: b is not c
    steps:
      - update
      - expect:
          targets: {out/a.txt: A, out/b.txt: C, out/d.txt: D}
"""


class Project:
    """A project in pytester's directory: `app/main.py`, `scenarios/`, `tests/`."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self.pytester = pytester
        self.path = pytester.path

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def run(self, *arguments: str) -> pytest.RunResult:
        """`pytest ...` in this process.

        Without Hypothesis, whose plugin would import it anew each time, and pytest-asyncio, which warns each time.
        """
        without = (
            option for name in ("cacheprovider", "hypothesispytest", "asyncio") for option in ("-p", f"no:{name}")
        )
        return self.pytester.runpytest_inprocess(*without, *arguments)

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        """`pytest ...` in a process of its own."""
        return self.pytester.runpytest_subprocess("-p", "no:cacheprovider", *arguments)


def report_of(result: pytest.RunResult, title: str) -> list[str]:
    """The lines of one failure, without pytest's rules around it."""
    lines: Sequence[str] = result.outlines
    start = next(i for i, line in enumerate(lines) if line.strip("_ ") == title and line.startswith("_"))
    end = next(i for i, line in enumerate(lines[start + 1 :], start + 1) if line[:2] in {"==", "__", "--"})
    return list(lines[start + 1 : end])
