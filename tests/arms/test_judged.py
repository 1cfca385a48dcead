# Goal: outside the simulation, too, a pipeline that breaks a rule is told which one, and a sound one is told nothing.

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cocoindex_sim.arms import JUDGED, Arm, Judged, Limits, Nursery
from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import ORACLES, ExpectationFailed, OracleViolated

pytestmark = pytest.mark.real

HEAD = """\
import asyncio
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


def write(name: str, text: str) -> None:
    pathlib.Path("out").mkdir(exist_ok=True)
    pathlib.Path("out", name).write_text(text)


def known(name: str) -> str:
    path = pathlib.Path("out", name)
    return path.read_text() if path.exists() else ""


"""

SOUND = """
@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text == "broken":
        raise ValueError("broken")
    target.declare_file(file.file_path.path.name, text)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(copy, localfs.walk_dir("in", live=True).items(), target)
"""

BY_HAND = """
@coco.fn(memo=True)
async def copy(file: localfs.File) -> None:
    write(file.file_path.path.name, await file.read_text())


@coco.fn
async def main() -> None:
    await coco.mount_each(copy, localfs.walk_dir("in", live=True).items())
"""

EVERY_TIME = BY_HAND.replace("(memo=True)", "")

ONE_BEHIND = """
@coco.fn
async def main() -> None:
    if known("heard"):
        if known("done") != known("heard"):
            write("done", known("heard"))
    else:
        write("heard", "all")
"""

FIRST_ONLY = """
@coco.fn
async def main() -> None:
    if not known("a"):
        write("a", pathlib.Path("in/a").read_text())
"""

FIRST_SENT = """
from collections.abc import AsyncIterator

from cocoindex.connectors import kafka
from confluent_kafka.aio import AIOProducer

PRODUCER = coco.ContextKey[AIOProducer]("producer")
sent: list[str] = []


@coco.lifespan
async def environment(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    producer = AIOProducer({"bootstrap.servers": "kafka:9092"})
    builder.provide(PRODUCER, producer)
    yield
    await producer.close()


@coco.fn
async def main() -> None:
    sent.append(pathlib.Path("in/a").read_text())
    topic = await kafka.mount_kafka_topic_target(PRODUCER, "prices")
    topic.declare_target_state(key="tea", value=sent[0])
"""

WITHOUT_END = """
@coco.fn
async def main() -> None:
    await asyncio.Event().wait()
"""

Judge = Callable[..., Judged]

EDIT = "\n  - update\n  - fs.write: {in/a: apricot}\n  - update\n"
REMOVE = "\n  - update\n  - fs.remove: in/b\n  - update\n"


@pytest.fixture
def judge(tmp_path: Path, nursery: Nursery) -> Judge:
    def judge(
        arm: Arm,
        pipeline: str,
        steps: str,
        *,
        within_s: float = 60.0,
        head: str = "",
        given: str = "",
        raising: bool = False,
    ) -> Judged:
        (tmp_path / "main.py").write_text(f'{HEAD}{pipeline}\n\napp = coco.App("App", main)\n')
        text = f"app: main.py\n{head}given: {{{given}files: {{in/a: apple, in/b: banana}}}}\nsteps:\n{steps}"
        (story,) = parse_scenarios(text, path=Path("a.coco.yaml"), base=tmp_path)
        with Judged(story, arm, tmp_path / "site", nursery=nursery, limits=Limits(within_s=within_s)) as judged:
            judged.run() if raising else judged.perform()
        return judged

    return judge


@pytest.mark.parametrize(
    ("oracle", "pipeline", "steps"),
    [
        pytest.param("idempotence", EVERY_TIME, "\n  - update\n", id="what is written again"),
        pytest.param("ready", ONE_BEHIND, "\n  - update\n", id="what comes one update late"),
        pytest.param("convergence", FIRST_ONLY, EDIT, id="what keeps to the first content"),
        pytest.param("orphans", BY_HAND, REMOVE, id="what is not removed"),
        pytest.param("orphans", BY_HAND, "\n  - update\n  - drop\n", id="what a drop leaves behind"),
    ],
)
def test_a_broken_rule_is_named(arm: Arm, judge: Judge, oracle: str, pipeline: str, steps: str) -> None:
    judged = judge(arm, pipeline, steps)

    assert next(iter(judged.violations)) == oracle
    assert judged.unmet == []


def test_the_messages_of_a_topic_are_compared(arm: Arm, judge: Judge) -> None:
    judged = judge(arm, FIRST_SENT, EDIT, given="kafka: {prices: {}}, ")

    assert list(judged.violations) == ["convergence"]
    assert "prices: tea" in judged.violations["convergence"].lines


def test_a_sound_pipeline_is_told_nothing(arm: Arm, judge: Judge) -> None:
    steps = "\n  - start: {live: true}\n  - ready\n  - fs.write: {in/c: cherry}\n  - fs.remove: in/a\n  - settle"

    judged = judge(arm, SOUND, f"{EDIT}  - crash\n  - restart{steps}\n")

    assert (judged.violations, judged.unmet) == ({}, [])


def test_what_does_not_end_is_told_when_it_had_its_time(arm: Arm, judge: Judge) -> None:
    judged = judge(arm, WITHOUT_END, "\n  - update\n", within_s=3.0)

    assert list(judged.violations) == ["termination"]


def test_a_live_update_is_compared_while_it_runs(arm: Arm, judge: Judge) -> None:
    judged = judge(arm, BY_HAND, "\n  - start: {live: true}\n  - ready\n  - fs.remove: in/a\n", within_s=10.0)

    assert "left alone" in judged.violations["orphans"].fact


def test_an_oracle_that_is_switched_off_says_nothing(arm: Arm, judge: Judge) -> None:
    judged = judge(arm, BY_HAND, REMOVE, head="oracles_off: {orphans: it writes its files itself}\n")

    assert judged.violations == {}


def test_what_was_reported_to_fail_is_not_compared(arm: Arm, judge: Judge) -> None:
    judged = judge(arm, SOUND, EDIT.replace("apricot", "broken"))

    assert (judged.violations, judged.unmet) == ({}, [])


def test_the_story_goes_on_after_an_expectation_that_is_not_met(arm: Arm, judge: Judge) -> None:
    steps = REMOVE.replace("- fs", "- expect: {targets: {out/a: pear}}\n  - fs")

    judged = judge(arm, BY_HAND, steps)

    assert [failed.place.line for failed in judged.unmet] == [6]
    assert list(judged.violations) == ["orphans"]


def test_a_run_raises_what_the_story_expected_and_names_the_oracles_below_it(arm: Arm, judge: Judge) -> None:
    steps = REMOVE + "  - expect: {targets: {out/a: apple}}\n"

    with pytest.raises(ExpectationFailed, match="not as expected: 1 extra") as raised:
        judge(arm, BY_HAND, steps, raising=True)

    assert not isinstance(raised.value, OracleViolated)
    assert raised.value.lines[-1].startswith("also broken: orphans: ")


def test_a_run_in_which_all_was_as_expected_raises_what_an_oracle_says(arm: Arm, judge: Judge) -> None:
    with pytest.raises(OracleViolated, match="orphans: the targets, after an update caught up") as raised:
        judge(arm, BY_HAND, REMOVE, raising=True)

    assert raised.value.oracle == "orphans"


def test_the_oracles_of_an_arm_are_some_of_all() -> None:
    assert set(JUDGED) < set(ORACLES)
