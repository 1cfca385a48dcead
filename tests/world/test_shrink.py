"""Goal: a failing run of a long story is shrunk to the few steps, hazards and deviations that the bug needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cocoindex_sim.fakes import CRASH_SITE, Hazard
from cocoindex_sim.world import (
    Case,
    Exactly,
    Expect,
    Outcome,
    Recording,
    SeededRandom,
    Shrunk,
    Story,
    Streams,
    Update,
    World,
    WriteFiles,
    attempt,
    shrink,
)

from .planted import COUNTS_TWICE, LOST_UPDATE, BestIsTheGreatest, CountedOnce, Oracle, at, expect, long_story, story_of


def drawn(streams: Streams) -> SeededRandom:
    return SeededRandom(streams.schedule)


def first_failure(story: Story, judges: Oracle | None) -> tuple[Case, Outcome]:
    for seed in range(50):
        case = Case(story, seed, drawn)
        outcome = attempt(case, judges=judges)
        if outcome.failure is not None:
            return case, outcome
    raise AssertionError("none of 50 seeds fails")


def shrunk_of(case: Case, outcome: Outcome, **options: object) -> Shrunk:
    shrunk = shrink(case, outcome, **options)  # type: ignore[arg-type]  # passed on
    assert shrunk is not None
    return shrunk


def test_of_a_long_story_and_a_wild_schedule_one_step_and_one_deviation_are_left(tmp_path: Path) -> None:
    case, outcome = first_failure(long_story(tmp_path, LOST_UPDATE), BestIsTheGreatest())
    assert outcome.recording.deviations > 5
    shrunk = shrunk_of(case, outcome, judges=BestIsTheGreatest())
    assert len(shrunk.steps) <= 2
    assert any(isinstance(step, WriteFiles) for step in shrunk.steps)  # one file alone has nobody to race with
    assert shrunk.recording.deviations == 1
    assert shrunk.outcome.oracle == "convergence"
    assert shrunk.limit == ""
    # The story is told by where the order matters: who wakes first.
    assert any(line.startswith("- ") for line in shrunk.divergence)
    assert any(line.startswith("+ ") for line in shrunk.divergence)
    # It is a recording like any other.
    again = attempt(
        Case.again(case.story, Recording.parse(str(shrunk.recording))),
        judges=BestIsTheGreatest(),
    )
    assert list(again.trace.lines()) == list(shrunk.outcome.trace.lines())


def test_a_crash_is_needed_and_stays_while_the_steps_around_it_go(tmp_path: Path) -> None:
    story = long_story(tmp_path, COUNTS_TWICE)
    durable_steps = attempt(Case(story), judges=CountedOnce()).durable_steps
    cases = [Case(story, 3, drawn, crash_at=number) for number in range(1, durable_steps + 1)]
    failing = [(case, outcome) for case in cases if (outcome := attempt(case, judges=CountedOnce())).failure]
    assert len(failing) > 2
    for case, outcome in failing:
        shrunk = shrunk_of(case, outcome, judges=CountedOnce(), crash_needed=True)
        assert len(shrunk.steps) == 1
        assert isinstance(shrunk.steps[0], Update)
        assert [hazard.site for hazard in shrunk.outcome.hazards] == [CRASH_SITE]
        assert shrunk.recording.deviations == 0
        assert shrunk.divergence  # from the same steps without the crash


def test_a_fault_that_does_not_matter_goes(tmp_path: Path) -> None:
    story = long_story(tmp_path, COUNTS_TWICE)
    hazards = (Hazard("fs.scandir", 2, "EIO"), Hazard(CRASH_SITE, 6, "x"), Hazard("fs.stat", 30, "EIO"))
    for nth in range(1, 12):
        crash = hazards[1]._replace(nth=nth)
        case = Case.again(story, Recording(0, (), hazards=(hazards[0], crash, hazards[2])))
        outcome = attempt(case, judges=CountedOnce())
        if outcome.failure is not None:
            assert len(outcome.hazards) > 1
            break
    assert len(shrunk_of(case, outcome, judges=CountedOnce()).outcome.hazards) == 1


def test_for_an_expectation_that_holds_in_order_the_steps_that_make_it_hold_stay(tmp_path: Path) -> None:
    content = {"a": Exactly(b"a"), "b": Exactly(b"b"), "c": Exactly(b"c"), "best.txt": Exactly(b"c")}
    story = story_of(
        tmp_path,
        LOST_UPDATE,
        Update(at(2)),
        WriteFiles(at(3), (("in/b", b"b"),)),
        Expect(at(4)),
        WriteFiles(at(5), (("in/c", b"c"),)),
        Update(at(6)),
        expect(7, **content),
        WriteFiles(at(8), (("in/c", b"cc"),)),
        Update(at(9)),
    )
    case, outcome = first_failure(story, None)
    shrunk = shrunk_of(case, outcome)
    # Without one of the files the expectation would fail for another reason.
    assert [step.place.line for step in shrunk.steps] == [3, 5, 6, 7]
    assert shrunk.recording.deviations <= 2
    assert shrunk.recording.hazards is None
    assert attempt(Case.again(story, Recording(0, (), shrunk.recording.kept))).failure is None


def test_what_is_given_and_what_a_step_writes_goes_where_it_does_not_matter(tmp_path: Path) -> None:
    story = long_story(tmp_path, LOST_UPDATE)
    many = WriteFiles(at(3), tuple((f"in/{name}", name.encode()) for name in "bcdef"))
    given = (*story.files, *((f"more/{number}", b"text") for number in range(8)))
    story = replace(story, steps=(many, Update(at(4))), files=given)
    case, outcome = first_failure(story, BestIsTheGreatest())
    shrunk = shrunk_of(case, outcome, judges=BestIsTheGreatest())
    assert shrunk.story is not None
    assert shrunk.steps == shrunk.story.steps
    assert not [path for path, _ in shrunk.story.files if path.startswith("more/")]
    written = [path for step in shrunk.steps if isinstance(step, WriteFiles) for path, _ in step.files]
    assert len({*written, *dict(shrunk.story.files)}) == 2  # a race takes two
    again = attempt(Case.again(story, Recording.parse(str(shrunk.recording))), judges=BestIsTheGreatest())
    assert list(again.trace.lines()) == list(shrunk.outcome.trace.lines())


def test_where_an_expectation_never_holds_nothing_that_is_given_goes(tmp_path: Path) -> None:
    story = story_of(tmp_path, LOST_UPDATE, Update(at(2)), expect(3, a=Exactly(b"x")))
    shrunk = shrunk_of(Case(story), attempt(Case(story)))
    assert shrunk.story == story  # or it would fail for another reason


def test_where_an_error_is_raised_what_does_not_raise_it_goes(tmp_path: Path) -> None:
    raising = "    async for name, _ in localfs.walk_dir(pathlib.Path('in')).items():\n        if name == 'c': raise ValueError\n"
    pipeline = LOST_UPDATE.replace("    best.clear()\n", raising)
    story = story_of(tmp_path, pipeline, Update(at(2)))
    story = replace(story, files=tuple((f"in/{name}", name.encode()) for name in "abcd"))
    shrunk = shrunk_of(Case(story), attempt(Case(story)))
    assert shrunk.story is not None
    assert shrunk.story.files == (("in/c", b"c"),)  # without any, there is no directory, which is another error


def test_of_an_expectation_that_never_holds_only_what_comes_later_goes(tmp_path: Path) -> None:
    story = story_of(
        tmp_path,
        LOST_UPDATE,
        WriteFiles(at(2), (("in/b", b"b"),)),
        Update(at(3)),
        expect(4, a=Exactly(b"a"), b=Exactly(b"x")),
        Update(at(5)),
    )
    case = Case(story)
    shrunk = shrunk_of(case, attempt(case))
    assert [step.place.line for step in shrunk.steps] == [2, 3, 4]
    assert shrunk.divergence == ()


def test_a_function_is_shrunk_too(tmp_path: Path) -> None:
    def body(world: World) -> None:
        order: list[str] = []

        async def racer(name: str) -> None:
            order.append(name)

        for name in "abcdef":
            world.loop.create_task(racer(name))
        world.loop.settle()
        assert order.index("d") < order.index("f")

    case = next(case for seed in range(50) if attempt(case := Case(body, seed, drawn)).failure)
    shrunk = shrunk_of(case, attempt(case))
    assert shrunk.recording.deviations == 1
    assert shrunk.steps == ()


def test_the_search_is_bounded_and_says_so(tmp_path: Path) -> None:
    case, outcome = first_failure(long_story(tmp_path, LOST_UPDATE), BestIsTheGreatest())
    shrunk = shrunk_of(case, outcome, judges=BestIsTheGreatest(), runs_max=10)
    assert shrunk.limit == "runs_max=10"
    assert shrunk.runs < 15  # and a few to tell what was found
    assert shrunk.outcome.failure is not None


def test_a_failure_that_does_not_come_again_is_not_shrunk(tmp_path: Path) -> None:
    runs: list[int] = []

    def body(world: World) -> None:
        runs.append(1)
        assert len(runs) > 1

    case = Case(body)
    assert shrink(case, attempt(case)) is None


def test_what_went_well_is_not_shrunk(tmp_path: Path) -> None:
    def body(world: World) -> None:
        pass

    with pytest.raises(ValueError, match="nothing to shrink"):
        shrink(Case(body), attempt(Case(body)))
