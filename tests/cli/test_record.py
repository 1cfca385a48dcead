# Goal: a real run, recorded, is a scenario that ends with the same targets in the simulation.

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cocoindex_sim.scenario import read_scenarios
from cocoindex_sim.world import Case, Expect, Start, Update, attempt

from .conftest import PIPELINE, Project
from .test_live_files import COPY
from .test_process import lines_until

EXAMPLES = Path(__file__).parents[2] / "examples"
WITHIN_S = 60.0


def test_a_run_that_ends_by_itself_is_recorded_as_an_update(project: Project) -> None:
    project.write("files.py", COPY.replace(", live=True", ""))
    project.write("in/a.txt", "a")
    project.write("in/sub/b.txt", "b")
    project.write("in/.hidden", "h")
    result = project.run("record", "files.py")
    assert result.exit_code == 0, result.output
    assert result.output.endswith("In the simulation it ends with the same targets.\n")
    assert "Wrote 0 changes in " in result.output
    text = (project.directory / "recorded.coco.yaml").read_text()
    assert text.partition("\n")[2] == (
        "name: recorded\napp: files.py\n"
        "given: {files: {in/.hidden: h, in/a.txt: a, in/sub/b.txt: b}}\n"
        "steps:\n  - update\n"
        "  - expect: {targets: {out/.hidden: h, out/a.txt: a, out/sub/b.txt: b}}\n"
    )


def test_a_run_that_the_simulation_does_not_come_to_is_written_and_told(project: Project) -> None:
    clock = COPY.replace(", live=True", "").replace("await file.read()", "str(time.time_ns()).encode()")
    project.write("files.py", clock.replace("import pathlib\n", "import pathlib\n    import time\n", 1))
    project.write("in/a.txt", "a")
    project.write("scenarios/keep", "")
    result = project.run("record", "files.py", "-o", "scenarios/x.coco.yaml")
    assert result.exit_code == 1
    assert "x.coco.yaml'.\n" in result.output
    assert "in the simulation it ends otherwise: " in result.output
    assert "different  out/a.txt" in result.output
    (story,) = read_scenarios(project.directory / "scenarios/x.coco.yaml")
    assert story.app == "../files.py"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("some.module",), "a scenario names its pipeline by file, as in 'path/main.py'; got 'some.module'."),
        (("main.py", "-o", "x.yaml"), "the name of a scenario file ends with '.coco.yaml'; got 'x.yaml'."),
        (("main.py", "-o", "old.coco.yaml"), "'old.coco.yaml' is there already; give another name with --output, or"),
    ],
)
def test_what_can_t_be_recorded_is_refused_before_it_runs(
    project: Project, arguments: tuple[str, ...], message: str
) -> None:
    project.write("main.py", PIPELINE)
    project.write("old.coco.yaml", "")
    result = project.run("record", *arguments)
    assert result.exit_code in (1, 2)
    assert message in result.output.replace("\n", " ")
    assert "main ran" not in result.output


def test_an_app_with_state_is_refused(project: Project) -> None:
    project.write("main.py", PIPELINE)
    assert project.run("update", "main.py").exit_code == 0
    result = project.run("record", "main.py")
    assert result.exit_code == 1
    assert "app 'One' has persisted state, and a scenario begins without: run `coco-sim drop` first" in result.output
    assert not (project.directory / "recorded.coco.yaml").exists()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def check(path: Path) -> tuple[Start | Update, Expect]:
    (story,) = read_scenarios(path)
    assert attempt(Case(story)).failure is None
    first, last = story.steps[0], story.steps[-1]
    assert isinstance(first, Start | Update)
    assert isinstance(last, Expect)
    return first, last


@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_live_run_over_files_is_recorded_with_what_happens(project: Project) -> None:
    project.write("files.py", COPY)
    project.write("in/a.txt", "a")
    project.write("in/b.txt", "b")
    source, output = project.directory / "in", project.directory / "out"
    with project.start("record", "files.py") as process:
        lines_until(process.stdout, "running")
        until((output / "b.txt").exists)
        (source / "sub").mkdir()
        (source / "sub/c.txt").write_text("c")
        until((output / "sub/c.txt").exists)
        (source / "a.txt").write_text("aa")
        (source / "b.txt").unlink()
        until(lambda: not (output / "b.txt").exists() and (output / "a.txt").read_text() == "aa")
        (source / "sub").rename(source / "moved")
        until((output / "moved/c.txt").exists)
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=WITHIN_S)
    assert (process.returncode, errors) == (0, ""), rest
    assert rest.endswith("In the simulation it ends with the same targets.\n")
    first, last = check(project.directory / "recorded.coco.yaml")
    assert first == Start(first.place, live=True)
    assert last.terminates is False
    assert [path for path, _ in last.targets or ()] == ["out/a.txt", "out/moved/c.txt"]


@pytest.mark.real
@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_a_live_run_over_kafka_is_recorded_with_its_messages(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1})
    servers = ",".join(f"{one.host}:{one.port}" for one in producer.list_topics(timeout=10).brokers.values())
    monkeypatch.setitem(os.environ, "KAFKA_SERVERS", servers)
    shutil.copy(EXAMPLES / "kafka_to_files/main.py", project.directory)
    orders = project.directory / "orders"

    def produce(key: str, value: str | None) -> None:
        producer.produce("orders", key=key, value=value)
        assert not producer.flush(WITHIN_S)

    produce("a", '{"tea": 1}')
    produce("b", '{"tea": 2}')
    with project.start("record", "main.py") as process:
        until(lambda: (orders / "61.json").exists() and (orders / "62.json").exists())
        produce("c", '{"tea": 3}')
        until((orders / "63.json").exists)
        produce("a", None)
        until(lambda: not (orders / "61.json").exists())
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=WITHIN_S)
    assert process.returncode == 0, (rest, errors)
    assert rest.endswith("In the simulation it ends with the same targets.\n")
    _, last = check(project.directory / "recorded.coco.yaml")
    assert [path for path, _ in last.targets or ()] == ["orders/62.json", "orders/63.json"]
