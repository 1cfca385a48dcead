# Goal: judges compute each reference once, say what they left out, can be switched off with a reason, and end what runs.

from dataclasses import replace
from pathlib import Path

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.world import (
    ORACLES,
    Case,
    Judges,
    OracleViolated,
    Outcome,
    SeededRandom,
    Story,
    attempt,
    shared_references,
)

PIPELINE = """
import pathlib
from collections.abc import Iterator

import cocoindex as coco
from cocoindex.connectors import localfs


@coco.lifespan
def environment(builder: coco.EnvironmentBuilder) -> Iterator[None]:
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if text == "broken":
        raise ValueError("it is broken")
    target.declare_file(file.file_path.path.name, text)


@coco.fn
async def main() -> None:
    target = await localfs.mount_dir_target("out")
    await coco.mount_each(copy, localfs.walk_dir("in", live=True).items(), target)
    LEFT_OUT


app = coco.App("Copies", main)
"""


def story(directory: Path, steps: str, *, app: str = PIPELINE.replace("LEFT_OUT", ""), more: str = "") -> Story:
    (directory / "main.py").write_text(app)
    text = f"app: main.py\ngiven: {{files: {{in/a: one, in/b: two}}}}\n{more}\nsteps:\n{steps}"
    (parsed,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=directory)
    return parsed


def numbering(directory: Path, more: str = "", steps: str = "  - update\n") -> Story:
    """A pipeline that writes another number in each update."""
    app = PIPELINE.replace("LEFT_OUT", 'target.declare_file("number", str(next(numbers)))')
    app = app.replace("@coco.lifespan", "numbers = iter(range(1000))\n\n\n@coco.lifespan")
    return story(directory, steps, app=app, more=more)


def judged(case: Case | Story, judges: Judges | None = None) -> Outcome:
    case = case if isinstance(case, Case) else Case(case)
    assert isinstance(case.story, Story)
    return attempt(case, judges=judges or Judges(case.story))


def violated(outcome: Outcome) -> OracleViolated:
    assert isinstance(outcome.failure, OracleViolated), outcome.failure
    return outcome.failure


def test_the_reference_of_a_state_of_the_sources_is_computed_once_for_all_runs(tmp_path: Path) -> None:
    steps = "  - update\n  - fs.write: {in/a: changed}\n  - update\n  - fs.write: {in/a: one}\n  - update\n"
    told = story(tmp_path, steps)
    judges = Judges(told)
    for seed in range(5):
        outcome = judged(Case(told, seed, lambda streams: SeededRandom(streams.schedule)), judges)
        assert outcome.failure is None
        assert len(judges.references) == 2


def test_stories_of_one_pipeline_may_share_their_references(tmp_path: Path) -> None:
    changed = "  - update\n  - fs.write: {in/a: changed}\n  - update\n"
    told, other = story(tmp_path, "  - update\n"), story(tmp_path, changed)
    (tmp_path / "more.py").write_text(PIPELINE.replace("LEFT_OUT", "").replace("text)", "text.upper())"))
    different = replace(told, app="more.py")
    with shared_references():
        assert judged(told, first := Judges(told)).failure is None
        assert len(first.references) == 1
        assert len(Judges(other).references) == 1
        assert judged(other).failure is None
        assert len(first.references) == 2
        assert len(Judges(different).references) == 0
        assert judged(different).failure is None
    assert len(Judges(told).references) == 0


def test_times_and_what_the_pipeline_made_are_no_other_state_of_the_sources(tmp_path: Path) -> None:
    judges = Judges(story(tmp_path, "  - update\n  - advance: 1h\n  - fs.touch: in/a\n  - update\n"))
    assert judged(judges.story, judges).failure is None
    assert len(judges.references) == 1


def test_the_error_names_the_oracle_the_scenario_and_the_difference(tmp_path: Path) -> None:
    failure = violated(judged(numbering(tmp_path, steps="  - update\n  - fs.write: {in/a: changed}\n")))
    assert failure.oracle == "convergence"
    assert failure.also == ("idempotence", "ready")
    assert str(failure.place) == "x.coco.yaml:1"
    assert failure.verdict == (
        "convergence: the targets, after one update to catch up, are not those of a fresh run on the same sources:"
        " 1 different"
    )
    assert failure.lines[:3] == ["out/number", "    expected  '0'", "    actual    '1'"]
    assert [line.split(":")[1] for line in failure.lines[3:]] == [" idempotence", " ready"]


def test_what_the_last_update_has_caught_up_with_is_not_caught_up_with_again(tmp_path: Path) -> None:
    failure = violated(judged(numbering(tmp_path)))
    assert (failure.oracle, failure.also) == ("idempotence", ("ready",))


def test_what_was_not_judged_is_listed(tmp_path: Path) -> None:
    failure = violated(judged(numbering(tmp_path, steps="  - fs.write: {in/b: broken}\n  - update\n")))
    assert failure.lines[-2:] == [
        "not judged, for their failure was reported:",
        "  /@copy/\"b\": ValueError('it is broken')",
    ]


def test_a_failure_that_was_reported_is_no_violation(tmp_path: Path) -> None:
    steps = "  - update\n  - advance: 1s\n  - fs.write: {in/b: broken}\n  - update\n"
    assert judged(story(tmp_path, steps)).failure is None


def test_an_oracle_that_is_off_says_nothing_and_the_others_do(tmp_path: Path) -> None:
    off = dict.fromkeys(("convergence", "ready"), "it counts its updates")
    told = numbering(tmp_path, "oracles_off: {convergence: it counts, ready: it counts}")
    assert violated(judged(told)).oracle == "idempotence"
    assert violated(judged(numbering(tmp_path), Judges(numbering(tmp_path), off=off))).oracle == "idempotence"
    told = numbering(tmp_path)
    off["idempotence"] = "it counts its updates"
    assert judged(told, Judges(told, off=off)).failure is None


@pytest.mark.parametrize(
    ("off", "message"),
    [
        ({"stail": "why not"}, f"no oracle is called 'stail'; there are {', '.join(ORACLES)}"),
        ({"stale": " "}, "the oracle 'stale' is off without a reason; say why it can't hold here"),
    ],
)
def test_an_oracle_is_switched_off_by_its_name_and_with_a_reason(
    off: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        Judges(story(tmp_path, "  - update\n"), off=off)


@pytest.mark.parametrize(
    "steps",
    [
        "  - update\n  - crash\n",
        "  - update\n  - drop\n",
        "  - start: {live: true}\n  - ready\n  - fs.write: {in/a: changed}\n",
        "  - start: {live: true}\n  - ready\n  - fs.write: {in/a: changed}\n  - crash: {at: pre_committed}\n",
        "  - start: {live: true}\n  - ready\n  - drop\n",
        "  - advance: 1s\n",
    ],
)
def test_a_story_may_end_in_any_way(steps: str, tmp_path: Path) -> None:
    assert judged(story(tmp_path, steps)).failure is None


def test_an_update_that_the_story_leaves_hanging_is_not_judged(tmp_path: Path) -> None:
    app = PIPELINE.replace("LEFT_OUT", "await asyncio.Event().wait()").replace(
        "import pathlib", "import asyncio, pathlib"
    )
    told = story(tmp_path, "  - start\n  - expect: {terminates: false}\n", app=app)
    assert judged(told).failure is None
    assert violated(judged(story(tmp_path, "  - update\n", app=app))).oracle == "termination"


def test_a_fresh_run_that_fails_as_this_one_does_leaves_nothing_to_compare(tmp_path: Path) -> None:
    app = PIPELINE.replace("LEFT_OUT", 'raise ValueError("never")')
    steps = "  - update\n  - expect: {raises: {matches: never}}\n"
    assert judged(story(tmp_path, steps, app=app)).failure is None


def test_an_error_that_a_fresh_run_does_not_raise_is_a_difference(tmp_path: Path) -> None:
    app = PIPELINE.replace("LEFT_OUT", 'if next(numbers): raise ValueError("the second time")')
    app = app.replace("@coco.lifespan", "numbers = iter(range(1000))\n\n\n@coco.lifespan")
    failure = violated(judged(story(tmp_path, "  - update\n", app=app)))
    assert failure.verdict == (
        "convergence: the update to catch up raised ValueError: the second time; a fresh run on the same sources does"
        " not"
    )
