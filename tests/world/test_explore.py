"""Goal: an exploration tries what it says, tells what it tried, and hides no failure and nothing that was not tried."""

from __future__ import annotations

import asyncio
import itertools
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from cocoindex_sim.fakes import CRASH_SITE, Hazard
from cocoindex_sim.values import LimitError
from cocoindex_sim.world import (
    Case,
    Crash,
    Exactly,
    ExpectationFailed,
    Outcome,
    Recording,
    Restart,
    Run,
    Update,
    World,
    attempt,
    explore,
    replay,
)
from cocoindex_sim.world import _explore as module

from .planted import (
    COUNTS_TWICE,
    LOST_UPDATE,
    BestIsTheGreatest,
    CountedOnce,
    Oracle,
    at,
    expect,
    long_story,
    story_of,
    write,
)


def judged_by(monkeypatch: pytest.MonkeyPatch, oracle: Oracle | None) -> None:
    monkeypatch.setattr(module, "_judges", lambda *_: oracle)


def racing(world: World) -> None:
    """Fails when the last of three goes first."""
    order: list[str] = []

    async def racer(name: str) -> None:
        order.append(name)

    for name in "abc":
        world.loop.create_task(racer(name))
    world.loop.settle()
    assert order[0] != "c"


def test_the_order_of_asyncio_comes_first_then_seeds_until_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, BestIsTheGreatest())
    seen: list[tuple[Run, Outcome]] = []
    story = long_story(tmp_path, LOST_UPDATE)
    found = explore(story, seed=5, crashes="none", watch_run=lambda run, outcome: seen.append((run, outcome)))
    assert not found.passed
    (failure,) = found.failures
    assert [run for run, _ in seen] == found.runs
    assert [(run.number, run.seed) for run in found.runs] == [(n, 5 + n) for n in range(len(found.runs))]
    assert str(found.runs[0]) == "in order"
    assert seen[0][1].recording.choices == ()
    assert failure.run == found.runs[-1]
    assert failure.passing == found.runs[-2]
    assert failure.oracle == "convergence"
    assert failure.verdict.startswith("convergence: ")
    assert any(line.startswith("+ ") for line in failure.divergence)
    assert failure.shrunk is not None
    assert failure.shrunk.recording.deviations == 1


def test_the_same_exploration_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_by(monkeypatch, BestIsTheGreatest())
    story = long_story(tmp_path, LOST_UPDATE)
    (first,), (second,) = (explore(story, faults="all").failures for _ in range(2))
    assert first.run == second.run
    assert first.shrunk is not None and second.shrunk is not None
    assert str(first.shrunk.recording) == str(second.shrunk.recording)


def test_every_durable_step_is_a_moment_to_crash_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_by(monkeypatch, CountedOnce())
    story = story_of(tmp_path, LOST_UPDATE, Update(at(2)), write(3, b="b"), Update(at(4)))
    durable_steps = attempt(Case(story)).durable_steps
    found = explore(story, runs=0, crashes="all")
    assert found.passed
    assert found.crash_points == durable_steps > 5
    assert [run.crash_at for run in found.runs] == list(range(durable_steps + 1))
    one = explore(story, runs=8, crashes="one")
    assert (one.crash_points, len(one.runs)) == (9, 18)
    assert len({run.crash_at for run in one.runs}) > 4
    assert explore(story, runs=8, crashes="none").crash_points == 0
    assert explore(story, runs=8, crashes="sweep").crash_points == durable_steps + 8


def test_a_recording_is_replayed_with_the_same_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_by(monkeypatch, CountedOnce())
    story = long_story(tmp_path, COUNTS_TWICE)
    (failure,) = explore(story, runs=20).failures
    assert failure.shrunk is not None
    outcome, again = replay(story, Recording.parse(str(failure.shrunk.recording)))
    assert again is not None
    assert (again.oracle, again.verdict) == (failure.oracle, failure.verdict)
    assert list(outcome.trace.lines()) == list(failure.shrunk.outcome.trace.lines())
    assert replay(story, Recording(0, ()))[1] is None


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        ((0, 9), "keeps step 9, counted from 0, and the story has 9 steps"),
        ((1, 10), "keeps step 10"),
    ],
)
def test_a_recording_of_another_story_is_refused(tmp_path: Path, kept: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replay(long_story(tmp_path, COUNTS_TWICE), Recording(0, (), kept))
    with pytest.raises(ValueError, match=r"no story: x\.coco\.yaml:3: there was no crash"):
        replay(story_of(tmp_path, COUNTS_TWICE, Crash(at(2)), Restart(at(3))), Recording(0, (), (1,)))


def test_what_fails_only_after_a_crash_is_found_by_that_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_by(monkeypatch, CountedOnce())
    found = explore(long_story(tmp_path, COUNTS_TWICE), runs=20)
    (failure,) = found.failures
    assert failure.oracle == "crash"
    assert failure.verdict.startswith("crash: with the process killed after durable step ")
    assert "), and only then: idempotence: counted more than once" in failure.verdict
    assert failure.passing == Run(failure.run.number, failure.run.seed)
    assert "killed after durable step" in str(failure.run)
    assert failure.shrunk is not None
    assert [hazard.site for hazard in failure.shrunk.outcome.hazards] == [CRASH_SITE]
    assert len(failure.shrunk.steps) == 1


def test_what_could_have_gone_wrong_and_what_did_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    judged_by(monkeypatch, None)
    story = story_of(tmp_path, COUNTS_TWICE, Update(at(2)), write(3, b="b"), Update(at(4)))
    found = explore(story, runs=20, faults="all", crashes="none")
    assert found.passed
    assert found.met["fs.read", "EIO"] == found.met["fs.read", "EACCES"] >= 20
    assert 0 < found.fired.total() <= 2 * 21
    assert all(found.met[place] >= count for place, count in found.fired.items())
    assert {kind for _, kind in found.fired} == {"EIO", "EACCES", "ENOSPC"}
    assert explore(story, runs=2).met == {}


def test_a_fault_that_was_asked_for_and_never_happened_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, None)
    story = story_of(tmp_path, COUNTS_TWICE, Update(at(2)))
    found = explore(story, runs=12, faults={"EIO", "ack_lost"}, crashes="none")
    assert found.failures == []
    assert found.unfired == ("ack_lost",)
    assert not found.passed
    assert {kind for _, kind in found.fired} == {"EIO"}


def test_an_expectation_that_is_not_met_in_order_ends_it_at_once(tmp_path: Path) -> None:
    story = story_of(tmp_path, LOST_UPDATE, Update(at(2)), expect(3, a=Exactly(b"x")))
    found = explore(story)
    assert found.runs == [Run(0, 0)]
    assert found.failures[0].oracle == ""
    assert found.failures[0].passing is None
    assert found.failures[0].divergence == ()


def test_several_failures_are_several_only_when_they_differ() -> None:
    numbers = itertools.count()

    def body(world: World) -> None:
        number = next(numbers)
        if number % 2:
            raise KeyError(number)
        if number:
            raise ValueError(number)

    found = explore(body, runs=20, failures_max=2, shrinks=False)
    assert [type(failure.failure) for failure in found.failures] == [KeyError, ValueError]
    assert len(found.runs) == 3
    assert [failure.shrunk for failure in found.failures] == [None, None]


@pytest.mark.parametrize(("policy", "least"), [("random", 2), ("pct", 2), ("dfs", 5)])
def test_a_function_is_explored_under_every_policy(policy: str, least: int) -> None:
    found = explore(racing, policy=policy, check_determinism=True)
    (failure,) = found.failures
    assert least <= len(found.runs) < 30
    assert isinstance(failure.failure, AssertionError)
    assert failure.shrunk is not None
    assert failure.shrunk.recording.deviations == 1
    assert str(failure.run).startswith("schedule " if policy == "dfs" else "seed ")


def test_under_fifo_only_the_seed_differs() -> None:
    found = explore(racing, policy="fifo", runs=9)
    assert found.passed
    assert len(found.runs) == 10


def test_a_small_search_ends_when_every_schedule_was_tried() -> None:
    def body(world: World) -> None:
        async def nothing() -> None:
            pass

        for _ in range(3):
            world.loop.create_task(nothing())
        world.loop.settle()

    found = explore(body, policy="dfs", runs=1_000)
    assert [str(run) for run in found.runs] == ["in order", *(f"schedule {number}" for number in range(1, 6))]


def test_a_run_that_does_not_repeat_itself_is_shown_where(tmp_path: Path) -> None:
    numbers = itertools.count()

    def body(world: World) -> None:
        world.trace.note("before")
        world.trace.note(f"run {next(numbers)}")

    assert explore(body, runs=1).passed
    (failure,) = explore(body, check_determinism=True).failures
    assert failure.oracle == "determinism"
    assert "the run in order, repeated, has another trace from line 2 on" in failure.verdict
    assert isinstance(failure.failure, ExpectationFailed)
    assert failure.failure.place.path.name == "test_explore.py"
    assert failure.shrunk is None


def test_a_search_that_cannot_go_on_says_why() -> None:
    numbers = itertools.count()

    def body(world: World) -> None:
        async def nothing() -> None:
            pass

        for _ in range(3 if next(numbers) else 4):
            world.loop.create_task(nothing())
        world.loop.settle()

    (failure,) = explore(body, policy="dfs").failures
    assert failure.oracle == "determinism"
    assert failure.shrunk is None
    assert "something outside the world decides" in failure.verdict


def test_runs_log_nothing_and_the_loggers_are_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    judged_by(monkeypatch, None)
    story = story_of(tmp_path, COUNTS_TWICE, Update(at(2)))
    assert explore(story, runs=10, faults={"EIO"}).fired
    assert caplog.records == []
    assert not logging.getLogger("cocoindex_sim").disabled


def test_a_run_that_does_not_end_is_not_waited_for_when_one_that_does_is_known() -> None:
    def body(world: World) -> None:
        done: list[bool] = []

        async def wait() -> None:
            while not done:  # noqa: ASYNC110  what it should not do
                await asyncio.sleep(0)

        async def first() -> None:
            if not waiting.done() and order:
                return
            done.append(True)

        async def look() -> None:
            order.append(1)

        order: list[int] = []
        waiting = world.loop.create_task(wait())
        world.loop.create_task(first())
        world.loop.create_task(look())
        world.loop.settle()

    (failure,) = explore(body, runs=50).failures
    assert isinstance(failure.failure, LimitError)
    assert "steps_max=200000" in str(failure.failure)
    assert failure.shrunk is not None
    assert failure.shrunk.outcome.limits.steps_max <= 200_000
    assert failure.shrunk.recording.deviations == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "fair"}, "policy is one of random, pct, dfs, fifo; got 'fair'"),
        ({"crashes": "some"}, "crashes is one of none, one, sweep, all; got 'some'"),
    ],
)
def test_what_there_is_not_is_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explore(racing, **options)  # type: ignore[arg-type]  # the point


def test_the_recording_of_a_story_is_repeated_first(tmp_path: Path) -> None:
    story = long_story(
        tmp_path, LOST_UPDATE, expect(20, b=Exactly(b"bb"), c=Exactly(b"c"), **{"best.txt": Exactly(b"c")})
    )
    (first,) = explore(story, runs=30, crashes="none", shrinks=False).failures
    assert first.outcome is not None
    recorded = replace(story, recording=first.outcome.recording)
    exploration = explore(recorded, runs=0, crashes="none")
    (found,) = exploration.failures
    assert [str(run) for run in exploration.runs] == ["the recording in the file"]
    assert found.verdict == first.verdict
    assert found.shrunk is not None
    # Where it goes well, what comes after it is as it is without.
    harmless = replace(story, recording=Recording(5, ()))
    assert [str(run) for run in explore(harmless, runs=0, crashes="none").runs] == [
        "the recording in the file",
        "in order",
    ]


def test_a_recording_with_a_crash_that_is_needed_is_one_of_the_oracle_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged_by(monkeypatch, CountedOnce())
    story = long_story(tmp_path, COUNTS_TWICE)
    for nth in range(1, 12):
        recording = Recording(0, (), hazards=(Hazard(CRASH_SITE, nth, "x"),))
        found = explore(replace(story, recording=recording), runs=0, crashes="none", shrinks=False).failures
        if found:
            break
    assert found[0].run.recorded
    assert found[0].oracle == "crash"
