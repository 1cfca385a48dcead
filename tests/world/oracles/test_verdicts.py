# Goal: each verdict catches what breaks its rule, lets pass what is close to it and keeps it, and shows the difference.

from typing import Any

import pytest

from cocoindex_sim.values import (
    ROOT_PATH,
    ActionsApplied,
    ComponentMounted,
    ComponentReady,
    ComponentRemoved,
    ComponentStarted,
    DeadlockError,
    Event,
    FunctionStarted,
    LimitError,
    LiveStarted,
    RunFinished,
    RunStarted,
    StablePath,
    Symbol,
    TasksLeftError,
)
from cocoindex_sim.world._oracles._changes import Applied
from cocoindex_sim.world._oracles._convergence import convergence
from cocoindex_sim.world._oracles._idempotence import idempotence
from cocoindex_sim.world._oracles._offsets import offsets
from cocoindex_sim.world._oracles._orphans import orphans, orphans_of_a_drop
from cocoindex_sim.world._oracles._ready import ready
from cocoindex_sim.world._oracles._stale import applied_late, regressions, stale
from cocoindex_sim.world._oracles._termination import ended_early, is_endless, left_tasks, no_end
from cocoindex_sim.world._oracles._violation import Violation
from cocoindex_sim.world._trace import Entry

WHEN = "at last"
ITEM = StablePath.of("a")
OTHER = StablePath.of("b")
CHILD = ITEM / "child"


def fact_of(violation: Violation | None) -> str:
    assert violation is not None
    return violation.fact


# -- convergence and orphans -------------------------------------------------------------------------------------------


def test_what_is_missing_or_different_has_not_converged() -> None:
    found = convergence({"a": b"1", "b": b"2", "c": b"3"}, {"a": b"1", "b": b"old"}, (), when=WHEN)
    assert found == Violation(
        "convergence",
        "the targets, at last, are not those of a fresh run on the same sources: 1 missing, 1 different",
        ["b", "    expected  '2'", "    actual    'old'", "c", "    expected  '3'", "    actual    (nothing)"],
    )


def test_convergence_leaves_to_others_what_is_extra_and_leaves_out_what_was_reported() -> None:
    assert convergence({"a": b"1"}, {"a": b"1", "more": b"2"}, (), when=WHEN) is None
    assert convergence({"a": b"1", "b": b"2"}, {"a": b"old"}, {"a", "b"}, when=WHEN) is None
    assert convergence({"a": b"1", "b": b"2"}, {"a": b"old"}, {"a"}, when=WHEN) is not None


def test_what_nobody_declares_is_an_orphan() -> None:
    found = orphans({"a": b"1"}, {"a": b"1", "b": b"2"}, (), when=WHEN)
    assert found == Violation(
        "orphans",
        "the targets, at last, hold what no component declares: 1 left behind",
        ["b", "    expected  (nothing)", "    actual    '2'"],
    )


def test_orphans_are_not_what_differs_or_was_reported() -> None:
    assert orphans({"a": b"1"}, {"a": b"2"}, (), when=WHEN) is None
    assert orphans({"a": b"1"}, {}, (), when=WHEN) is None
    assert orphans({}, {"a": b"1"}, {"a"}, when=WHEN) is None


def test_a_drop_leaves_nothing() -> None:
    assert fact_of(orphans_of_a_drop({"a": b"1"}, ())) == (
        "the app was dropped and the targets are not empty: 1 left behind"
    )
    assert orphans_of_a_drop({}, ()) is None
    assert orphans_of_a_drop({"a": b"1"}, {"a"}) is None


# -- idempotence -------------------------------------------------------------------------------------------------------

TARGET = StablePath.of(Symbol("files"), "a")


def done(*events: Event, applied: tuple[Applied, ...] = (), **known: Any) -> Violation | None:
    known = {"idle": (), "declared": {ITEM: {TARGET}}, "failed": (), **known}
    return idempotence(events, applied, **known)


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (ActionsApplied(ITEM, "apply", 2), '2 actions  /"a" through apply'),
        (ComponentStarted(ITEM, "work", True), 'body ran   work at /"a"'),
        (FunctionStarted(ITEM, "count"), 'body ran   count in /"a"'),
    ],
)
def test_an_update_with_nothing_to_do_acts_on_no_target_and_runs_no_memoised_body(event: Event, line: str) -> None:
    found = done(event)
    assert fact_of(found) == "one more update, with nothing changed since the last, did something"
    assert found is not None and found.lines == [line]


def test_what_reaches_a_target_counts_whoever_says_so() -> None:
    found = done(applied=(Applied("a", b"1", 0, 0), Applied("b", None, 0, 0)))
    assert found is not None and found.lines == ["applied    a: '1'", "applied    b: (nothing)"]


def test_bodies_without_a_memo_may_run_and_containers_be_looked_at() -> None:  # TGT-19
    assert done(ComponentStarted(ITEM, "work"), ComponentMounted(ITEM, "work"), ComponentReady(ITEM)) is None
    assert done(ActionsApplied(ITEM, "apply", 1), idle={TARGET}) is None
    assert done(ActionsApplied(OTHER, "apply", 1)) is None  # of which nothing is known: the targets would show it


def test_what_failed_is_tried_again() -> None:
    assert done(ComponentStarted(ITEM, "work", True), ActionsApplied(ITEM, "apply", 1), failed={ITEM}) is None
    assert done(ComponentStarted(ITEM, "work", True), failed={CHILD}) is None  # its memo was not stored, either
    assert done(FunctionStarted(CHILD, "count"), failed={ITEM}) is None
    assert done(ComponentStarted(ITEM, "work", True), failed={OTHER}) is not None


# -- ready -------------------------------------------------------------------------------------------------------------


def test_what_was_visible_at_the_beginning_is_there_when_it_is_ready() -> None:
    found = ready("the update", {"a": b"old"}, [{"a": b"1", "b": b"2"}], ["a", "b"], ())
    assert found == Violation(
        "ready",
        "the update was ready and the targets did not hold what was visible when it began: 2 missing or different",
        ["a", "    expected  '1'", "    actual    'old'", "b", "    expected  '2'", "    actual    (nothing)"],
    )


def test_what_changed_before_it_was_ready_may_be_as_at_any_time_since_it_began() -> None:
    versions = [{"a": b"1", "b": b"1"}, {"a": b"2", "b": b"1"}, {"a": b"3", "b": b"1", "c": b"1"}]
    for value in (b"1", b"2", b"3"):
        assert ready("it", {"a": value, "b": b"1"}, versions, "abc", ()) is None
    found = ready("it", {"a": b"0", "b": b"1"}, versions, "abc", ())
    assert found is not None and found.lines[1] == "    expected  '1' or '2' or '3'"
    assert ready("it", {"a": b"0", "b": b"1"}, versions, "abc", {"a"}) is None


def test_what_was_there_all_the_time_may_not_be_missing_because_something_else_came() -> None:
    versions: list[dict[str, object]] = [{"a": b"1"}, {"a": b"1", "b": b"1"}]
    assert ready("it", {"b": b"1"}, versions, "ab", ()) is not None
    assert ready("it", {"a": b"1"}, versions, "ab", ()) is None


# -- stale -------------------------------------------------------------------------------------------------------------


def judged(versions: list[dict[str, object] | None], *values: object) -> Violation | None:
    return stale(regressions([Applied("a", value, 0, 0) for value in values], versions), versions)


ONE_TO_THREE: list[dict[str, object] | None] = [{"a": b"1"}, {"a": b"2"}, {"a": b"3"}]


def test_an_older_value_is_not_applied_after_a_newer_one() -> None:
    found = judged(ONE_TO_THREE, b"1", b"3", b"2")
    assert found == Violation(
        "stale",
        "an older value was applied after a newer one",
        ["a", "    applied   '2', of version 2 of the sources", "    after     '3', of version 3"],
    )


@pytest.mark.parametrize("values", [(b"1", b"2", b"3"), (b"1", b"3"), (b"2", b"2", b"3", b"3"), (b"3",), ()])
def test_values_may_be_left_out_and_repeated(values: tuple[bytes, ...]) -> None:
    assert judged(ONE_TO_THREE, *values) is None


def test_a_value_that_comes_back_is_the_newer_one() -> None:
    back: list[dict[str, object] | None] = [{"a": b"1"}, {"a": b"2"}, {"a": b"1"}, {"a": b"3"}]
    assert judged(back, b"1", b"2", b"1", b"3") is None
    assert judged(back, b"1", b"2", b"1", b"2") is not None


def test_absence_is_a_value() -> None:
    gone: list[dict[str, object] | None] = [{}, {"a": b"1"}, {}, {"a": b"2"}]
    assert judged(gone, b"1", None, b"2") is None
    assert judged(gone, b"1", b"2", None) is not None  # a deletion that was overtaken
    assert judged(gone, b"1", None, b"1") is not None  # an update that was


def test_what_no_version_gives_or_nothing_is_known_of_tells_nothing() -> None:
    assert judged(ONE_TO_THREE, b"2", b"of 1 and 3", b"3") is None
    unknown: list[dict[str, object] | None] = [{"a": b"1"}, {"a": b"2"}, None]
    assert judged(unknown, b"1", b"2", b"1") is None
    assert judged([None, *ONE_TO_THREE], b"3", b"2") is None  # the first may have been of what nothing is known of
    assert judged([*ONE_TO_THREE[:2], {"a": b"3"}], b"2", b"1") is not None


def test_keys_have_histories_of_their_own() -> None:
    versions: list[dict[str, object] | None] = [{"a": b"1", "b": b"1"}, {"a": b"2", "b": b"2"}]
    applied = [Applied("a", b"2", 0, 0), Applied("b", b"1", 0, 0)]
    assert list(regressions(applied, versions)) == []


def late(*events: Event | str, applied: tuple[Applied, ...] = ()) -> Violation | None:
    return applied_late([Entry(0, number, event) for number, event in enumerate(events)], applied)


BEGIN = RunStarted("app", "update")
END = RunFinished("app", None)
APPLY = ActionsApplied(ITEM, "apply", 1)


def test_nothing_is_applied_when_no_update_runs() -> None:
    found = late(BEGIN, APPLY, END, APPLY)
    assert found is not None and found.oracle == "stale"
    assert found.lines == ['0.000000 3 actions_applied path=/"a" sink=apply count=1: when no update was running']
    assert late(BEGIN, "crash", APPLY) is not None
    assert late(BEGIN, "crash", "restart", BEGIN, APPLY, END) is None
    assert late(BEGIN, RunStarted("app", "drop"), END, APPLY, END) is None  # the drop is left


def test_nothing_is_applied_for_a_component_that_was_removed() -> None:
    assert late(BEGIN, ComponentRemoved(ITEM), APPLY) is not None
    assert late(BEGIN, APPLY, ComponentRemoved(ITEM)) is None
    assert late(BEGIN, ComponentRemoved(OTHER), APPLY) is None
    assert late(BEGIN, ComponentRemoved(ITEM), ComponentStarted(ITEM, "work"), APPLY) is None


def test_nothing_starts_below_a_component_that_was_removed() -> None:  # LIV-50
    assert late(BEGIN, ComponentRemoved(ITEM), ComponentStarted(CHILD, "work")) is not None
    assert late(BEGIN, ComponentRemoved(CHILD), ComponentStarted(CHILD, "work")) is None
    assert late(BEGIN, ComponentRemoved(ITEM), LiveStarted(ITEM, "x"), ComponentStarted(CHILD, "work")) is None
    assert late(BEGIN, ComponentRemoved(ITEM), ComponentMounted(ITEM, "x"), ComponentStarted(CHILD, "work")) is None


def test_nothing_reaches_a_target_when_no_update_runs() -> None:
    assert late(applied=(Applied("a", b"1", 0, 0, late=True),)) is not None
    assert late(applied=(Applied("a", b"1", 0, 0),)) is None


# -- offsets -----------------------------------------------------------------------------------------------------------

PREFIXES: list[dict[str, object] | None] = [{}, {"a": 1}, {"a": 1, "b": 1}, {"a": 2, "b": 1}]


def committed(offset: int, actual: dict[str, object], excepted: frozenset[str] = frozenset()) -> Violation | None:
    return offsets("the group", offset, actual, PREFIXES, excepted)


def test_an_offset_does_not_pass_what_is_not_done() -> None:
    assert committed(2, {"a": 1}) == Violation(
        "offsets",
        "the group committed 2 messages before they were done: 1 missing from the targets",
        ["b", "    expected  1, by message 2 of 2", "    actual    (nothing)"],
    )
    assert committed(3, {"a": 1, "b": 1}) is not None
    assert committed(3, {"a": 2}) is not None  # a gap


def test_an_offset_may_stay_behind_what_is_done() -> None:
    for offset in range(4):
        assert committed(offset, {"a": 2, "b": 1}) is None
    assert committed(1, {"a": 1}) is None
    assert committed(0, {}) is None
    assert committed(1, {"a": 1, "c": "of another source"}) is None


def test_a_later_message_of_a_key_stands_for_those_before_it() -> None:  # KFK-08
    assert committed(1, {}) is None
    assert committed(2, {"b": 1}) is None
    assert committed(3, {"b": 1}) is not None


def test_what_was_reported_counts_as_done() -> None:
    assert committed(2, {"a": 1}, frozenset({"b"})) is None
    assert committed(3, {"b": 1}, frozenset({"b"})) is not None


def test_of_messages_nothing_is_known_of_nothing_is_said() -> None:
    assert offsets("the group", 1, {}, [{}, None, {"a": 1}], ()) is None


# -- termination -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [DeadlockError, LimitError, TasksLeftError])
def test_an_end_that_does_not_come_is_told_from_other_errors(kind: type[Exception]) -> None:
    assert is_endless(kind("nothing can happen"))
    assert no_end("the update", kind("nothing can happen\n  who waits")) == Violation(
        "termination", f"the update does not end: {kind.__name__}: nothing can happen", ["  who waits"]
    )


def test_other_errors_are_an_end() -> None:
    assert not is_endless(RuntimeError("broken"))
    assert not is_endless(None)


def test_an_ended_update_leaves_no_task() -> None:
    assert left_tasks([]) is None
    assert left_tasks(["b", "a"]) == Violation(
        "termination", "the update has ended and left 2 tasks behind", ["a", "b"]
    )


def test_a_live_update_that_ended_has_followed_everything() -> None:
    assert ended_early({"a": b"1"}, {"a": b"1"}, ()) is None
    assert ended_early({"a": b"2"}, {"a": b"1"}, {"a"}) is None
    assert fact_of(ended_early({"a": b"2"}, {"a": b"1"}, ())) == (
        "the live update ended before it was told to, and the targets did not follow what changed since"
    )
    assert ended_early({}, {"a": b"1"}, ()) is not None


def test_paths_above_all_are_nobody_s_children() -> None:
    assert late(BEGIN, ComponentRemoved(ROOT_PATH), ComponentStarted(ROOT_PATH, "main"), APPLY) is None
