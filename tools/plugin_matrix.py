"""Runs one project under pytest 8 and 9, beside each plugin that people have beside ours, beside none, and beside all.

    python tools/plugin_matrix.py [--pytest 8,9] [--python PYTHON] [--only TEXT] [--keep DIR]

Each version of pytest gets a virtual environment of its own with all of the plugins; which of them are loaded is said
by run. A cell of the table is what differs from what has to come out, or `as it should`. Exits with 1 when one differs.
`--keep` takes environments from a directory, and makes there those that are missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent

PLUGINS = {
    "pytest-xdist": "xdist",  # first: others import it
    "hypothesis": "hypothesispytest",
    "pytest-asyncio": "asyncio",
    "pytest-randomly": "randomly",
    "pytest-reportlog": "pytest_reportlog",
    "pytest-rerunfailures": "rerunfailures",
    "pytest-timeout": "timeout",
}
"""The packages, and the names of their plugins."""

PROJECT = {
    "pytest.ini": "[pytest]\nfilterwarnings = error\njunit_family = xunit1\n",
    "app/main.py": """
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
    output.declare_file(file.file_path.path.name, (await file.read_text()).upper())


@coco.fn
async def main() -> None:
    output = await localfs.mount_dir_target(pathlib.Path("out"))
    async for name, file in localfs.walk_dir(pathlib.Path("docs")).items():
        await coco.use_mount(coco.component_subpath(name), shout, file, output)


app = coco.App("Shout", main)
""",
    "scenarios/shout.coco.yaml": """
app: ../app/main.py
given: {files: {docs/a.txt: a}}
scenarios:
  - name: a file is shouted
    steps: [update, expect: {targets: {out/a.txt: A}}]
  - name: a second one, too
    steps: [update, fs.write: {docs/b.txt: b}, update, expect: {diff: {added: [out/a.txt, out/b.txt]}}]
  - name: this one is wrong
    steps: [update, expect: {targets: {out/a.txt: B}}]
""",
    "tests/test_worlds.py": """
import pytest


def test_shouts(coco_app, coco_fs, coco_target):
    coco_app.load("../app/main.py")
    coco_fs.write("docs/a.txt", "a")
    coco_app.update()
    coco_target.expect_files({"out/a.txt": "A"})


@pytest.mark.coco(runs=2)
def test_shouts_whatever_the_order(coco_app, coco_fs, coco_target, coco_seed, record_property):
    record_property("seed", coco_seed)
    coco_app.load("../app/main.py")
    coco_fs.write({"docs/a.txt": "a", "docs/b.txt": "b"})
    coco_app.update()
    coco_target.expect_files({"out/a.txt": "A", "out/b.txt": "B"})


def test_is_wrong(coco_app, coco_fs, coco_target):
    coco_app.load("../app/main.py")
    coco_fs.write("docs/a.txt", "a")
    coco_app.update()
    coco_target.expect_files({"out/a.txt": "B"})
""",
    "tests/asyncio_beside.py": """
import asyncio

import pytest


@pytest.mark.asyncio
async def test_runs_on_a_loop_of_its_own():
    await asyncio.sleep(0)


@pytest.mark.asyncio
async def test_is_refused_a_world(coco_world):
    pass
""",
    "tests/hypothesis_beside.py": """
from hypothesis import given, settings, strategies

from cocoindex_sim.world import World


@settings(max_examples=5, deadline=None)
@given(strategies.integers(0, 3))
def test_draws(seed):
    with World(seed) as world:
        assert world.target_files() == {}
""",
}

SCENARIOS = Counter({"passed": 2, "failed": 1})
TESTS = Counter({"passed": 4, "failed": 1})


@dataclass(frozen=True)
class Cell:
    """One way to run the project: with these plugins and options, and what has to come out of each half of it."""

    name: str
    plugins: Sequence[str] = ()
    options: Sequence[str] = ()
    more: tuple[str, ...] = ()
    extra: tuple[tuple[str, int], ...] = ()


_LINES = 15

CELLS = (
    Cell("none of them"),
    Cell(
        "pytest-asyncio, auto",
        ["pytest-asyncio"],
        ["--asyncio-mode=auto", "-o", "asyncio_default_fixture_loop_scope=function"],
        more=("tests/asyncio_beside.py",),
        extra=(("passed", 1), ("error", 1)),
    ),
    Cell(
        "pytest-asyncio, strict",
        ["pytest-asyncio"],
        ["--asyncio-mode=strict", "-o", "asyncio_default_fixture_loop_scope=function"],
        more=("tests/asyncio_beside.py",),
        extra=(("passed", 1), ("error", 1)),
    ),
    Cell("pytest-xdist", ["pytest-xdist"], ["-n", "2"]),
    Cell("pytest-randomly", ["pytest-randomly"]),
    Cell("pytest-rerunfailures", ["pytest-rerunfailures"], ["--reruns", "1"]),
    Cell("pytest-timeout", ["pytest-timeout"], ["--timeout", "120"]),
    Cell("pytest-reportlog", ["pytest-reportlog"], ["--report-log=log.jsonl"]),
    Cell("hypothesis", ["hypothesis"], more=("tests/hypothesis_beside.py",), extra=(("passed", 1),)),
    Cell(
        "all of them",
        list(PLUGINS),
        [
            *("--asyncio-mode=strict", "-o", "asyncio_default_fixture_loop_scope=function"),
            *("-n", "2", "--reruns", "1", "--timeout", "120", "--report-log=log.jsonl"),
        ],
        more=("tests/asyncio_beside.py", "tests/hypothesis_beside.py"),
        extra=(("passed", 2), ("error", 1)),
    ),
)


def write_project(directory: Path) -> None:
    """The project, as files."""
    for name, text in PROJECT.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.lstrip("\n"), "utf-8")


def build(python: str, version: str, directory: Path) -> Path:
    """An environment with this version of pytest, the plugins and this package; its interpreter."""
    interpreter = directory / ("Scripts" if os.name == "nt" else "bin") / "python"
    if not interpreter.exists():
        subprocess.run([python, "-m", "venv", str(directory)], check=True)
        install = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "-e", str(ROOT), f"pytest=={version}.*", *PLUGINS], check=True)
    return interpreter


def outcomes(report: Path) -> Counter[str]:
    """What a JUnit file counts; of a test that was run again, the last time."""
    last: dict[str, str] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        found = [name for name in ("failure", "error", "skipped") if case.find(name) is not None]
        last[str(case.get("name"))] = {"failure": "failed"}.get(found[0], found[0]) if found else "passed"
    return Counter(last.values())


def seeds(report: Path) -> list[str]:
    """The seeds that the tests recorded."""
    root = ElementTree.parse(report).getroot()
    return sorted(str(each.get("value")) for each in root.iter("property") if each.get("name") == "seed")


def run(interpreter: Path, cell: Cell, arguments: Sequence[str], project: Path) -> subprocess.CompletedProcess[str]:
    """Run the project once, with the plugins of a cell and no others."""
    loaded = ["coco", *(plugin for name, plugin in PLUGINS.items() if name in cell.plugins)]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    for name in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS", "PYTHONHASHSEED"):
        environment.pop(name, None)
    command = [str(interpreter), "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "--strict-config"]
    for plugin in loaded:
        command += ["-p", plugin]
    return subprocess.run(
        [*command, *cell.options, "--junitxml=out.xml", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def end_of(done: subprocess.CompletedProcess[str]) -> str:
    """The last lines that a run printed."""
    return "\n".join((done.stdout + done.stderr).splitlines()[-_LINES:])


def problems(interpreter: Path, cell: Cell, project: Path, expected_seeds: list[str]) -> Iterator[str]:
    """What does not come out as it should in one cell."""
    report = project / "out.xml"
    halves = [
        (["--coco-scenarios"], SCENARIOS),
        (["tests/test_worlds.py", *cell.more], TESTS + Counter(dict(cell.extra))),
    ]
    for arguments, wanted in halves:
        report.unlink(missing_ok=True)
        done = run(interpreter, cell, arguments, project)
        if done.returncode != 1 or not report.exists():
            yield f"exit {done.returncode} of {' '.join(arguments)}:\n{end_of(done)}"
            continue
        counted = outcomes(report)
        if counted != wanted:
            yield f"{dict(counted)} rather than {dict(wanted)} of {' '.join(arguments)}:\n{end_of(done)}"
        if "warning" in done.stdout.splitlines()[-1]:
            yield f"warnings:\n{end_of(done)}"
        if arguments[0] == "--coco-scenarios" and "--coco-replay=" not in done.stdout:
            yield f"no command to repeat the failure:\n{end_of(done)}"
        if arguments[0] != "--coco-scenarios" and seeds(report) != expected_seeds:
            yield f"seeds {seeds(report)} rather than {expected_seeds}"


def judge(python: str, version: str, environments: Path, only: str) -> list[tuple[str, list[str]]]:
    """Each cell of one version of pytest, with what is wrong in it."""
    interpreter = build(python, version, environments / f"pytest{version}")
    with tempfile.TemporaryDirectory() as directory:
        project = Path(directory)
        write_project(project)
        run(interpreter, CELLS[0], ["tests/test_worlds.py"], project)
        expected = seeds(project / "out.xml")
        return [
            (cell.name, list(problems(interpreter, cell, project, expected))) for cell in CELLS if only in cell.name
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    parser = argparse.ArgumentParser(description="Run one project beside other plugins of pytest.")
    parser.add_argument("--pytest", default="8,9", metavar="VERSIONS", help="default: %(default)s")
    parser.add_argument("--python", default=sys.executable, help="the interpreter; default: this one")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where environments are kept")
    parser.add_argument("--only", default="", metavar="TEXT", help="only the cells with this in their name")
    options = parser.parse_args(arguments)
    versions = options.pytest.split(",")
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(2) as pool:
        environments = options.keep or Path(directory)
        tables = list(pool.map(lambda version: judge(options.python, version, environments, options.only), versions))
    wrong = 0
    for version, table in zip(versions, tables, strict=True):
        for name, found in table:
            print(f"pytest {version}  {name:24}{'as it should' if not found else ''}")
            for problem in found:
                wrong += 1
                print("    " + problem.replace("\n", "\n    "))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
