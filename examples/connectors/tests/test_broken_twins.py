# Goal: the contracts reject each broken twin by the check that is about its mistake, and say what to do.

import pytest
from pytest_coco.contracts import Contract, rejections

from broken_twins import EmptyJsonFeed, ForgetfulJsonFeed, HastyLogFile, LateSqliteTable
from test_json_feed import JsonFeedContract
from test_log_file import LogFileContract
from test_sqlite_table import SqliteTableContract


class OfTheForgetfulFeed(JsonFeedContract):
    feed = ForgetfulJsonFeed


class OfTheEmptyFeed(JsonFeedContract):
    feed = EmptyJsonFeed


class OfTheLateTable(SqliteTableContract):
    view = LateSqliteTable


class OfTheHastyLog(LogFileContract):
    feed = HastyLogFile


REJECTED = {
    OfTheForgetfulFeed: (
        "test_what_happened_while_nobody_watched_arrives",
        "+ 'Beta': 'value 2'",
        "before mark_ready(), process what changed since the last run, deletions, too: a view by update_all(); a feed"
        " by going on where it was, or by comparing what there is with the keys that it told of, which it keeps by"
        " write_committed_state().",
    ),
    OfTheEmptyFeed: (
        "test_trouble_is_outlived_or_let_out",
        "the item 'Beta' was removed, and the source never was without it.",
        "take a source that does not answer, or not in full, for one that does not answer, not for an empty one:",
    ),
    OfTheLateTable: (
        "test_nothing_is_lost_between_scan_and_watch",
        "source: 'alpha' = 'value 4'",
        "begin to listen, or note where the changes are now, before you read what is there: what changes in between is"
        " in the one or the other.",
    ),
    OfTheHastyLog: (
        "test_what_was_not_finished_comes_again",
        "- 'alpha': 'value 3'",
        "acknowledge a change, or note that you are past it, only when ready() of its handle has returned, and that of"
        " every change before it; who dies before tells of it again.",
    ),
}


@pytest.mark.parametrize("contract", REJECTED, ids=lambda contract: contract.__name__)
def test_a_twin_is_rejected_with_what_to_do(contract: type[Contract]) -> None:
    check, fact, fix = REJECTED[contract]
    text = " ".join(rejections(contract, check)[check].split())
    assert fact in text
    assert f"to do: {fix}" in text


@pytest.mark.parametrize("contract", REJECTED, ids=lambda contract: contract.__name__)
def test_the_same_check_accepts_the_connector_without_the_mistake(contract: type[Contract]) -> None:
    check, _, _ = REJECTED[contract]
    assert rejections(contract.__mro__[1], check) == {}
