"""Goal: each bug of the zoo's connectors is rejected by the check that is about it, with a text that says what to do."""

from __future__ import annotations

import pytest

from pytest_coco.contracts import rejections

from ..zoo.exhibits import EXHIBITS
from .zoo import planted

IN_CONNECTORS = [each for each in EXHIBITS if isinstance(each.planted, str)]

REJECTED_BY = {
    "ChangeLostBeforeArming": ("nothing_is_lost_between_scan_and_watch", "begin to listen, or note where"),
    "DoubleDeliveryAtTheSeam": ("nothing_that_the_scan_has_overtaken_is_told", "went back"),
    "ReadyTooEarly": ("ready_is_not_said_before_everything_is_processed", "said mark_ready() before"),
    "ReadyNever": ("ready_is_said_exactly_once", "has not said mark_ready() after 30 s"),
    "DeleteOvertakenByUpdate": ("a_key_that_comes_and_goes_ends_as_it_is", "is not what the source has"),
    "WrongKey": ("every_key_keeps_its_name", "+ 'beta': 'value 5'"),
    "StaleValueAfterRescan": ("iterating_gives_what_is_there_now", "read the system anew in each __aiter__"),
    "SwallowedWatcherFailure": ("trouble_is_outlived_or_let_out", "watch() returned, though the source goes on"),
    "ReconnectedWithoutRescan": ("trouble_is_outlived_or_let_out", "begin anew: listen first"),
    "EmptyTakenForDeleted": ("an_empty_value_is_no_deletion", "- 'alpha': ''"),
    "LastChangeOfABurstDropped": ("the_last_value_of_a_burst_wins", "is not what the source has"),
    "OneTaskPerChange": ("the_last_value_of_a_burst_wins", "is not what the source has"),
    "CancellationSwallowed": ("cancelling_at_any_await_ends_it", "goes on 10 s after it was cancelled"),
    "TaskLeftBehind": ("it_leaves_no_task_behind", "leaves 1 tasks behind: heartbeat"),
    "ReadOneByOne": ("nothing_that_the_scan_has_overtaken_is_told", "went back"),
    "OffsetCommittedOnReceipt": ("what_was_not_finished_comes_again", "acknowledge a change"),
    "OffsetOfTheLastToFinish": ("what_finished_out_of_order_skips_nothing", "and that of every change before it"),
    "ReadyWhenTaken": ("ready_is_not_said_before_everything_is_processed", "said mark_ready() before"),
    "BeginsAtTheEnd": ("a_catch_up_ends_with_everything_processed", "said mark_ready() before"),
    "DeletionForgottenAfterRestart": (
        "what_happened_while_nobody_watched_arrives",
        "a feed by going on where it was, or by comparing",
    ),
    "WatermarkUnreachable": ("what_happened_while_nobody_watched_arrives", "has not said mark_ready()"),
    "CountsWhatItApplies": ("actions_mean_the_same_when_applied_again", "+ 'count': "),
    "TrustsOneRecord": ("it_converges_from_every_possible_past", "with the records of 'value 1', 'value 2'"),
    "TrustsThatItIsThere": ("it_converges_from_every_possible_past", "there was nothing and 'value 1' was wanted"),
    "PartOfABatchIsSuccess": ("a_write_that_fails_is_told_and_made_good", "raise when not every action was applied"),
    "DeletesOnlyWhatIsSurelyThere": ("it_converges_from_every_possible_past", "and nothing was wanted"),
    "AcknowledgesBeforeItWrites": ("it_is_done_when_it_returns", "as soon as the sink has returned"),
}


def test_every_bug_of_a_connector_in_the_zoo_is_tried() -> None:
    assert {each.planted for each in IN_CONNECTORS} == set(REJECTED_BY)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a bug that ignores its end
@pytest.mark.parametrize("exhibit", IN_CONNECTORS, ids=lambda each: each.name)
def test_a_planted_bug_is_rejected(exhibit: object) -> None:
    name, family = exhibit.name, exhibit.family  # type: ignore[attr-defined]
    check, fragment = REJECTED_BY[name]
    found = rejections(planted(family, name), f"test_{check}")
    assert list(found) == [f"test_{check}"]
    assert fragment in found[f"test_{check}"].replace("\n", " ")
    assert "to do: " in found[f"test_{check}"]


def test_a_watch_that_ends_with_its_connection_is_rejected_while_it_starts_too() -> None:
    check = "test_trouble_while_it_starts_is_outlived_or_let_out"
    found = rejections(planted("table", "SwallowedWatcherFailure"), check)
    assert "watch() returned, though the source goes on" in found[check]
