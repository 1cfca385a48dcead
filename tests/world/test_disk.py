# Goal: code of a pipeline that uses files without a connector gets those of its world, and never the real disk.

from __future__ import annotations

import asyncio
import gc
import glob
import gzip
import io
import json
import os
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from os import listdir as early_listdir
from os import rename as early_rename
from pathlib import Path
from typing import Any

import pytest

from cocoindex_sim.fakes import Hazard, RecordedHazards
from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.values import FenceError
from cocoindex_sim.world import ExpectationFailed, FileFault, World, perform, virtual_surroundings

PIPELINE = """
import json, os, pathlib, shutil, tempfile
import cocoindex as coco
import neighbour

PROMPT = pathlib.Path(__file__).with_name("prompt.txt").read_text()
log = []

@coco.lifespan
def lifespan(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@coco.fn
async def main() -> None:
    pathlib.Path("out").mkdir(exist_ok=True)
    for source in sorted(pathlib.Path("docs").glob("*.txt")):
        fd, temp = tempfile.mkstemp(dir="out")
        with os.fdopen(fd, "w") as file:
            file.write(PROMPT + source.read_text().upper())
            file.flush()
            os.fsync(file.fileno())
        os.replace(temp, os.path.join("out", source.name))
    log.append((os.getcwd(), os.listdir("out"), neighbour.exists("docs"), neighbour.exists("main.py")))

app = coco.App("Direct", main)
"""
NEIGHBOUR = """
import os
def exists(name):
    return os.path.exists(os.path.join(os.path.dirname(__file__), name))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(PIPELINE)
    (tmp_path / "neighbour.py").write_text(NEIGHBOUR)
    (tmp_path / "prompt.txt").write_text("> ")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "real.txt").write_text("from the real disk")
    return tmp_path


@pytest.fixture(scope="module", autouse=True)
def held() -> Iterator[None]:
    with virtual_surroundings():
        yield


def inside(function: Callable[[], Any], world: World | None = None) -> Any:
    """What a function returns at a step of a world."""

    async def main() -> Any:
        return function()

    if world is not None:
        return world.run(main())
    with World() as fresh:
        return fresh.run(main())


def test_a_pipeline_that_uses_open_os_and_pathlib_gets_the_files_of_its_world(project: Path) -> None:
    before = sorted(project.rglob("*"))
    with World() as world:
        world.load("main.py", base=project)
        world.files.write("docs/a.txt", "hello", parents=True)
        world.update()
        assert world.target_files() == {"out/a.txt": b"> HELLO"}
        assert sys.modules["main"].log == [(str(project), ["a.txt"], True, False)]
        assert world.fenced == []
    assert [path for path in sorted(project.rglob("*")) if "__pycache__" not in str(path)] == before


def test_a_story_judges_what_a_pipeline_wrote_itself(project: Path) -> None:
    text = """
app: main.py
given: {files: {docs/a.txt: one}}
steps:
  - update
  - expect: {targets: {out/a.txt: "> ONE"}}
  - fs.write: {docs/b.txt: two}
  - crash
  - restart
  - update
  - expect: {targets: {out/a.txt: "> ONE", out/b.txt: "> TWO"}}
"""
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=project)
    with World() as world:
        perform(story, world)


def test_what_a_module_reads_while_it_is_loaded_may_come_with_it(project: Path) -> None:
    with World() as world:
        world.load("main.py", base=project)
        assert sys.modules["main"].PROMPT == "> "
        with pytest.raises(FileNotFoundError):
            inside(lambda: Path(project, "prompt.txt").read_text(), world)
        world.files.write("prompt.txt", "given: ")
        world.restart()
        assert sys.modules["main"].PROMPT == "given: "


def test_what_a_module_writes_while_it_is_loaded_stays_in_the_world(project: Path) -> None:
    (project / "main.py").write_text(PIPELINE + "\nopen('made.txt', 'w').close()\nopen('prompt.txt', 'a').close()\n")
    with World() as world:
        world.load("main.py", base=project)
        assert world.files.contents(str(project)) == {"made.txt": b"", "prompt.txt": b""}
    assert not (project / "made.txt").exists()


def test_a_watch_tells_of_direct_writes() -> None:
    with World() as world:
        told: list[object] = []
        world.files.listeners.append(lambda change: told.append((change.kind, change.path, change.writer)))

        def write() -> None:
            with open("a", "w") as file:
                file.write("x")
            os.rename("a", "b")

        inside(write, world)
        assert told == [
            ("added", "/project/a", "pipeline"),
            ("modified", "/project/a", "pipeline"),
            ("moved", "/project/b", "pipeline"),
        ]


def write_text(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def copied() -> list[str]:
    write_text("a", "x")
    shutil.copy2("a", "b")
    os.makedirs("d/e")
    shutil.move("b", "d/e/b")
    shutil.copytree("d", "c")
    shutil.rmtree("d")
    return sorted(str(path) for path in pathlib.Path().rglob("*"))


def zipped() -> list[str]:
    with zipfile.ZipFile("z.zip", "w") as archive:
        archive.writestr("a", "x")
    return zipfile.ZipFile("z.zip").namelist()


def gzipped() -> str:
    with gzip.open("z.gz", "wt") as file:
        file.write("x")
    with gzip.open("z.gz", "rt") as file:
        return str(file.read())


def temporary() -> list[object]:
    with tempfile.TemporaryDirectory() as directory, tempfile.NamedTemporaryFile("w+", dir=directory) as file:
        file.write("x")
        file.flush()
        seen = [os.listdir(directory) == [os.path.basename(file.name)], Path(file.name).read_text()]
    with tempfile.TemporaryFile() as nameless:
        nameless.write(b"y")
        nameless.seek(0)
        return [*seen, nameless.read(), os.path.exists(directory)]


def linked() -> list[object]:
    write_text("a", "x")
    os.symlink("a", "link")
    return [os.readlink("link"), str(Path("link").resolve()), os.path.islink("link"), Path("link").read_text()]


DIRECT: dict[str, tuple[Callable[[], object], object]] = {
    "shutil": (copied, ["a", "c", "c/e", "c/e/b"]),
    "zipfile": (zipped, ["a"]),
    "gzip": (gzipped, "x"),
    "tempfile": (temporary, [True, "x", b"y", False]),
    "links": (linked, ["a", "/project/a", True, "x"]),
    "json": (lambda: (Path("a").write_text("[1]"), json.loads(Path("a").read_bytes()))[1], [1]),
    "glob": (lambda: (os.makedirs("d/e"), Path("d/e/f").touch(), glob.glob("**/f", recursive=True))[2], ["d/e/f"]),
    "walk": (lambda: (os.makedirs("d"), Path("d/f").touch(), list(os.walk(".")))[2], [(".", ["d"], []), ("./d", [], ["f"])]),
    "chdir": (lambda: (os.mkdir("d"), os.chdir("d"), os.getcwd(), str(Path.cwd()))[2:], ("/project/d", "/project/d")),
    "an absolute path": (lambda: os.path.exists("/etc/passwd"), False),
    "permissions": (lambda: (Path("a").touch(), os.chmod("a", 0o400), os.access("a", os.W_OK))[2], False),
    "utime": (lambda: (Path("a").touch(), os.utime("a", (1, 2)), os.stat("a").st_mtime)[2], 2.0),
    "truncate": (lambda: (write_text("a", "abc"), os.truncate("a", 1), os.path.getsize("a"))[2], 1),
    "unlink": (lambda: (write_text("a", "abc"), os.remove("a"), os.listdir())[2], []),
}  # fmt: skip


@pytest.mark.parametrize(("use", "expected"), DIRECT.values(), ids=DIRECT)
@pytest.mark.parametrize("where", ["in a coroutine", "in a function given to an executor"])
def test_what_stands_on_open_and_os_uses_the_files_of_the_world(
    where: str, use: Callable[[], object], expected: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    async def main() -> object:
        return use() if where == "in a coroutine" else await asyncio.to_thread(use)

    with World() as world:
        assert world.run(main()) == expected
        assert world.fenced == []
    assert os.listdir() == []


def test_a_function_of_the_standard_library_given_to_an_executor_uses_them_too() -> None:
    async def main() -> str:
        return await asyncio.to_thread(Path("a").read_text)

    with World() as world:
        world.files.write("a", "hello")
        assert world.run(main()) == "hello"


AROUND: dict[str, tuple[str, Callable[[], object]]] = {
    "a name taken before": ("os.listdir('.')", lambda: early_listdir()),  # noqa: PLW0108  found in the frame of the test
    "a rename taken before": ("os.rename('a')", lambda: early_rename("a", "b")),
    "FileIO": ("open('a')", lambda: io.FileIO("a")),
    "a database": ("sqlite3.connect('a.db')", lambda: sqlite3.connect("a.db")),
    "a database by its address": (
        "sqlite3.connect('file:a.db?xmode=memory')",
        lambda: sqlite3.connect("file:a.db?xmode=memory", uri=True),
    ),
    "an owner": ("os.chown('a')", lambda: os.chown("a", 0, 0)),
}


@pytest.mark.parametrize(("call", "use"), AROUND.values(), ids=AROUND)
def test_what_gets_round_the_files_of_the_world_is_a_fence(call: str, use: Callable[[], object]) -> None:
    with World() as world:
        with pytest.raises(FenceError) as caught:
            inside(use, world)
        assert str(caught.value).startswith(
            f"{call} leaves the simulation: it would reach the real disk; use a connector"
        )
        assert world.fenced == [caught.value]


@pytest.mark.parametrize(
    "name", [":memory:", "file::memory:", "file::memory:?cache=shared", "file:shop?cache=shared&mode=memory"]
)
def test_a_database_in_memory_is_fine(name: str) -> None:
    with closing(inside(lambda: sqlite3.connect(name, uri=True))) as database:
        assert database.execute("select 1").fetchall() == [(1,)]


def test_installed_packages_read_their_own_data_and_the_rest_from_the_world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages"
    package.mkdir()
    (package / "reader.py").write_text("def read(path):\n    with open(path) as file:\n        return file.read()\n")
    data = tmp_path / "data.txt"
    data.write_text("its data")
    monkeypatch.syspath_prepend(package)
    monkeypatch.setattr("cocoindex_sim.world._disk._TEMPORARY", ["/somewhere/else"])
    import reader  # type: ignore[import-not-found]

    with World() as world:
        world.files.write("a", "the world's")
        assert inside(lambda: reader.read(str(data)), world) == "its data"
        assert inside(lambda: [reader.read("a"), reader.read("/project/a")], world) == ["the world's"] * 2
        with pytest.raises(FileNotFoundError):
            inside(lambda: data.read_text(), world)  # noqa: PLW0108  it is this code that asks
    del sys.modules["reader"]


def test_a_project_inside_the_directory_of_python_is_the_worlds_all_the_same(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cocoindex_sim.world._disk._PREFIXES", (str(project.parent) + os.sep,))
    monkeypatch.setattr("cocoindex_sim.world._disk._TEMPORARY", ["/somewhere/else"])
    with World() as world:
        world.load("main.py", base=project)
        assert inside((project / "docs").exists, world) is False
        (project.parent / "beside.txt").write_text("Python's")
        assert inside((project.parent / "beside.txt").read_text, world) == "Python's"


def test_modules_are_imported_and_sources_shown_in_a_world(project: Path, tmp_path: Path) -> None:
    (project / "late.py").write_text("def fail():\n    raise ValueError('from a late module')\n")
    (project / "main.py").write_text(
        PIPELINE.replace("    log.append", "    import late, traceback\n    try: late.fail()\n    except ValueError:\n"
                         "        log.append(traceback.format_exc())\n    log.append")
    )  # fmt: skip
    with World() as world:
        world.load("main.py", base=project)
        world.files.mkdir("docs")
        world.update()
        assert "    raise ValueError('from a late module')\n" in sys.modules["main"].log[0]


def test_a_crash_keeps_what_was_written_and_loses_what_a_buffer_held() -> None:
    held: list[Any] = []

    async def main() -> None:
        for name in ("buffered", "flushed"):
            file = open(name, "w")  # noqa: SIM115, ASYNC230  to be open when the crash comes
            file.write("text")
            held.append(file)
        held[1].flush()
        await asyncio.sleep(10)

    with World() as world:
        world.loop.create_task(main())
        world.settle()
        world.crash()
        held.clear()
        gc.collect()
        assert world.files.contents("/project") == {"buffered": b"", "flushed": b"text"}
        world.restart()
        assert inside(lambda: Path("flushed").read_text(), world) == "text"


def test_a_process_may_be_killed_in_the_middle_of_a_direct_write(project: Path) -> None:
    with World(hazards=RecordedHazards([Hazard("crash", 5, "crash")])) as world:
        world.load("main.py", base=project)
        world.files.write("docs/a.txt", "hello", parents=True)
        world.start()
        world.settle()
        assert world.killed


def test_names_of_temporary_files_come_from_the_seed() -> None:
    def names(seed: int) -> object:
        with World(seed) as world:
            return inside(lambda: [os.path.basename(tempfile.mkstemp()[1]) for _ in range(2)], world)

    assert names(1) == names(1) != names(2)


def test_between_steps_and_after_them_files_are_real(tmp_path: Path) -> None:
    path = tmp_path / "real.txt"
    with World() as world:
        path.write_text("real")
        with pytest.raises(FileNotFoundError):
            inside(path.read_text, world)
        assert path.read_text() == "real"
        assert os.getcwd() != world.files.cwd
    with tempfile.NamedTemporaryFile("w", dir=tmp_path) as file:
        assert os.path.exists(file.name)
    assert not os.path.exists(file.name)


def test_a_story_fails_also_when_the_pipeline_catches_the_fence(project: Path) -> None:
    (project / "main.py").write_text(
        PIPELINE.replace("    log.append", "    import io\n    try: io.FileIO('docs/real.txt')\n    except Exception: pass\n    log.append")
    )  # fmt: skip
    (story,) = parse_scenarios("app: main.py\nsteps: [update]\n", path=Path("x.coco.yaml"), base=project)
    with World() as world, pytest.raises(ExpectationFailed, match=r"ran into a fence: open\('docs/real.txt'\) leaves"):
        perform(story, world)


def test_faults_strike_direct_calls(project: Path) -> None:
    with World() as world:
        world.load("main.py", base=project)
        world.files.write("docs/a.txt", "hello", parents=True)
        injected = world.inject(FileFault("EIO", "docs/*.txt"))
        with pytest.raises(OSError, match="Input/output error"):
            world.update()
        assert injected.fired == 1
