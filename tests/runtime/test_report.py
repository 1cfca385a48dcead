# Goal: a progress report shows every count, when it changes and at the end, and no more.

import io
import sys
import threading
from datetime import timedelta

import pytest

from cocoindex_sim import ComponentStats, UpdateStats
from cocoindex_sim.runtime._report import report_period, reported, stats_block

STATS = UpdateStats(
    {
        "main": ComponentStats(num_execution_starts=1, num_reprocesses=1),
        "item": ComponentStats(
            num_execution_starts=9, num_adds=1, num_reprocesses=1, num_deletes=2, num_unchanged=2, num_errors=1
        ),
    }
)
DEADLINE_S = 30


def test_a_block_shows_the_counts_that_are_not_zero() -> None:
    # STAT-18
    assert stats_block(STATS, 1.26, spinner="⠙") == [
        "[Stats]",
        "✅ main: 1 total | 1 reprocessed",
        "⠙  item: 9 total, 2 in-flight | 1 added, 1 reprocessed, 2 deleted, 2 unchanged, 1 ⚠️ errors",
        "⏳ Elapsed: 1.3s",
    ]


def test_a_processor_that_only_began_has_no_outcomes() -> None:
    began = UpdateStats({"main": ComponentStats(num_execution_starts=1)})
    assert stats_block(began, 0, spinner="⠋")[1] == "⠋  main: 1 total, 1 in-flight"


def test_the_last_block_says_so_and_keeps_what_was_in_flight() -> None:
    # STAT-18, CLI-13
    block = stats_block(STATS, 0, spinner=None)
    assert block[0] == "[Stats] (terminated)"
    assert block[2].startswith("⠋  item: 9 total, 2 in-flight")


def test_a_run_that_never_began_has_no_processors() -> None:
    assert stats_block(None, 0, spinner=None) == ["[Stats] (terminated)", "⏳ Elapsed: 0.0s"]


@pytest.mark.parametrize(("given", "seconds"), [(False, None), (True, 1.0), (timedelta(milliseconds=20), 0.02)])
def test_the_interval_is_a_second_unless_given(given: bool | timedelta, seconds: float | None) -> None:
    # STAT-18
    assert report_period(given) == seconds


@pytest.mark.parametrize("given", [timedelta(0), timedelta(seconds=-1)])
def test_an_interval_that_is_not_positive_is_refused(given: timedelta) -> None:
    # STAT-19
    with pytest.raises(ValueError, match=r"must be a positive duration, got datetime\.timedelta\("):
        report_period(given)


def test_blocks_come_when_something_changed_and_once_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    looks, seen_often = 0, threading.Event()

    def stats() -> UpdateStats:
        nonlocal looks
        looks += 1
        if looks == 5:
            seen_often.set()
        return STATS

    with reported(stats, 0.001):
        assert seen_often.wait(DEADLINE_S)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.startswith("[Stats]")] == ["[Stats]", "[Stats] (terminated)"]


def test_the_last_block_comes_also_when_the_run_fails(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    with pytest.raises(ZeroDivisionError), reported(lambda: STATS, 60):
        raise ZeroDivisionError
    assert capsys.readouterr().out.startswith("[Stats] (terminated)\n")


def test_without_an_interval_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with reported(lambda: STATS, None):
        pass
    assert capsys.readouterr().out == ""


def test_an_output_that_has_no_such_characters_gets_others(monkeypatch: pytest.MonkeyPatch) -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    with reported(lambda: STATS, 60):
        pass
    narrow.seek(0)
    assert "? main: 1 total | 1 reprocessed\n" in narrow.read()
