# Goal: a progress report shows every count, when it changes and at the end, and no more.

from __future__ import annotations

import asyncio
import io
import re
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from rich.errors import LiveError
from rich.live import Live

import cocoindex_sim as coco
from cocoindex_sim import ComponentStats, UpdateStats
from cocoindex_sim.engine import StatsCounter
from cocoindex_sim.runtime._report import Display, Report, Subject, report_of, report_period, reported, stats_block

from ..engine.bench import Bench

STATS = UpdateStats(
    {
        "main": ComponentStats(num_execution_starts=1, num_reprocesses=1),
        "item": ComponentStats(
            num_execution_starts=9, num_adds=1, num_reprocesses=1, num_deletes=2, num_unchanged=2, num_errors=1
        ),
    }
)
DEADLINE_S = 30
sub = coco.component_subpath


class Work:
    """Counts of two items, one of them done after the other, at times that the test sets."""

    def __init__(self, *, live: bool = False, title: str | None = None) -> None:
        self.counter = StatsCounter()
        self.now_s = 10.0
        self.subject = Subject(self.counter, lambda: int(self.now_s * 1e9), live, title)

    def begin(self, count: int = 2) -> None:
        for _ in range(count):
            self.counter.started("item")

    def end(self, count: int = 1) -> None:
        for _ in range(count):
            self.counter.executed("item", existed=False)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


# --- blocks ---


def test_a_block_shows_the_counts_that_are_not_zero() -> None:
    # STAT-18
    assert stats_block(STATS, spinner="⠙", rates={}) == [
        "[Stats]",
        "✅ main: 1 total | 1 reprocessed",
        "⠙  item: 9 total, 2 in-flight | 1 added, 1 reprocessed, 2 deleted, 2 unchanged, 1 ⚠️ errors",
    ]


def test_a_processor_that_only_began_has_no_outcomes() -> None:
    began = UpdateStats({"main": ComponentStats(num_execution_starts=1)})
    assert stats_block(began, spinner="⠋", rates={})[1] == "⠋  main: 1 total, 1 in-flight"


def test_the_last_block_says_so_and_keeps_what_was_in_flight() -> None:
    # STAT-18, CLI-13
    block = stats_block(STATS, spinner=None, rates={})
    assert block[0] == "[Stats] (terminated)"
    assert block[2].startswith("⠋  item: 9 total, 2 in-flight")


def test_a_title_stands_in_the_head() -> None:
    # STAT-26
    heads = [stats_block(STATS, title="docs", spinner=spinner, rates={})[0] for spinner in ("⠋", None)]
    assert heads == ["[Stats: docs]", "[Stats: docs] (terminated)"]


@pytest.mark.parametrize(("given", "seconds"), [(False, None), (True, 1.0), (timedelta(milliseconds=20), 0.02)])
def test_the_interval_is_a_second_unless_given(given: bool | timedelta, seconds: float | None) -> None:
    # STAT-18
    assert report_period(given) == seconds


@pytest.mark.parametrize("given", [timedelta(0), timedelta(seconds=-1)])
def test_an_interval_that_is_not_positive_is_refused(given: timedelta, bench: Bench) -> None:
    # STAT-19

    async def main() -> None:
        with coco.stats_group("docs", report_to_stdout=given):
            pass

    app = bench.app(main)
    error = r"must be a positive duration, got datetime\.timedelta\("
    with pytest.raises(ValueError, match=error):
        app.update_blocking(report_to_stdout=given)
    with pytest.raises(ValueError, match=error):
        app.drop_blocking(report_to_stdout=given)
    with pytest.raises(ValueError, match=error):
        bench.update(app)
    with pytest.raises(ValueError, match=f"refresh_interval {error}"):
        bench.run(coco.show_progress(app.update(), refresh_interval=given))


# --- plain reports ---


def test_a_block_comes_only_when_something_changed(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    work = Work()
    report = Report(work.subject)
    for step in (None, None, work.begin, None, work.end, None):
        work.now_s += 1
        if step is not None:
            step()
        report.tick()
    report.finish()
    assert capsys.readouterr().out.split("\n\n") == [
        "[Stats]\n⠋  item: 2 total, 2 in-flight\n⏳ Elapsed: 3.0s",
        "[Stats]\n⠋  item: 2 total, 1 in-flight | 1 added\n⏳ Elapsed: 5.0s",
        "[Stats] (terminated)\n⠋  item: 2 total, 1 in-flight | 1 added\n⏳ Elapsed: 6.0s",
        "",
    ]


def test_a_live_report_says_how_soon_it_was_ready_and_that_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    work = Work(live=True)
    report = Report(work.subject)
    work.begin()
    report.tick()
    work.now_s += 1.5
    work.counter.mark_ready(int(work.now_s * 1e9))
    for _ in range(2):
        work.now_s += 1
        report.tick()
    report.finish()
    lines = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("⠋")]
    ready = "⏳ Ready (took 1.5s) | Watching for changes..."
    assert lines == [
        "[Stats]", "⏳ Elapsed: 0.0s | Catching up...", "",
        "[Stats]", ready, "",
        "[Stats] (terminated)", ready, "",
    ]  # fmt: skip


def test_a_live_report_that_ends_before_it_is_ready_catches_up_no_more(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    Report(Work(live=True).subject).finish()
    assert capsys.readouterr().out == "[Stats] (terminated)\n⏳ Elapsed: 0.0s\n\n"


def test_an_output_that_has_no_such_characters_gets_others(monkeypatch: pytest.MonkeyPatch) -> None:
    work, narrow = Work(), io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stdout", narrow)
    work.begin(1)
    work.end(1)
    Report(work.subject).finish()
    narrow.seek(0)
    assert "? item: 1 total | 1 added\n" in narrow.read()


def test_a_reader_that_went_away_does_not_fail_the_update(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())
    Report(Work().subject).finish()


# --- from a thread of its own, for blocking calls ---


def test_a_blocking_report_ticks_and_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    work, ticked = Work(), threading.Event()

    class Ticking(Report):
        def tick(self) -> None:
            super().tick()
            ticked.set()

    work.begin()
    with reported(lambda: Ticking(work.subject), 0.001):
        assert ticked.wait(DEADLINE_S)
    heads = [line for line in capsys.readouterr().out.splitlines() if line.startswith("[Stats]")]
    assert heads == ["[Stats]", "[Stats] (terminated)"]


def test_the_last_block_comes_also_when_the_run_fails(capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18
    with pytest.raises(ZeroDivisionError), reported(lambda: Report(Work().subject), 60):
        raise ZeroDivisionError
    assert capsys.readouterr().out.startswith("[Stats] (terminated)\n")


def test_without_an_interval_nothing_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with reported(lambda: Report(Work().subject), None):
        pass
    assert capsys.readouterr().out == ""


# --- show_progress ---


async def child(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def main(*seconds: float) -> int:
    for key, duration in enumerate(seconds):
        await coco.mount(sub(key), child, duration)
    return 7


async def broken() -> None:
    raise LookupError("broken")


def test_progress_is_shown_at_whole_intervals_while_something_changes(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    # STAT-17, STAT-18
    handle = bench.app(main, 0.5, 6.2, 9).update()
    assert bench.run(coco.show_progress(handle, refresh_interval=timedelta(seconds=2))) == 7
    out = capsys.readouterr().out
    assert re.findall(r"Elapsed: (\S+)s", out) == ["2.0", "8.0", "9.0"]
    assert out.split("\n\n")[0] == (
        "[Stats]\n⠋  main: 1 total, 1 in-flight\n⠋  child: 3 total, 2 in-flight | 1 added\n⏳ Elapsed: 2.0s"
    )
    assert out.endswith(
        "[Stats] (terminated)\n✅ main: 1 total | 1 added\n✅ child: 3 total | 3 added\n⏳ Elapsed: 9.0s\n\n"
    )


def test_progress_of_an_update_that_fails_ends_with_its_block(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-17
    with pytest.raises(LookupError, match="broken"):
        bench.run(coco.show_progress(bench.app(broken).update()))
    assert capsys.readouterr().out == ("[Stats] (terminated)\n✅ broken: 1 total | 1 ⚠️ errors\n⏳ Elapsed: 0.0s\n\n")


def test_nothing_is_printed_of_a_handle_that_was_used(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-02, STAT-17
    handle = bench.app(main).update()
    bench.run(handle)
    with pytest.raises(RuntimeError, match="result already consumed"):
        bench.run(coco.show_progress(handle))
    assert capsys.readouterr().out == ""


# --- on a terminal ---


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    def take(self) -> str:
        """What was written since the last look, without the commands that move the cursor."""
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "", self.getvalue())
        self.seek(0)
        self.truncate()
        return text


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal)
    return terminal


def test_the_display_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    on_terminal(monkeypatch)
    assert type(report_of(Work().subject)) is Display
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    assert type(report_of(Work().subject)) is Report


def test_the_display_shows_rows_rates_and_time_and_leaves_the_final_block(monkeypatch: pytest.MonkeyPatch) -> None:
    # STAT-18
    terminal = on_terminal(monkeypatch)
    work = Work()
    display = Display(work.subject)
    assert display.begin() is display
    try:
        work.begin(10)
        work.counter.started("once")
        work.counter.executed("once", existed=False)
        work.now_s += 2
        work.end(5)
        terminal.take()
        display.tick()
        assert terminal.take() == (
            "[Stats]\n⠙  item: 10 total, 5 in-flight | 5 added | 2.5/s\n✅ once: 1 total | 1 added\n⏳ Elapsed: 2.0s"
        )
        print("from the pipeline")
        assert terminal.take().startswith("from the pipeline\n")
        work.now_s += 10
        work.end(5)
        display.tick()
        assert "✅ item: 10 total | 10 added | 0.5/s\n" in terminal.take()
        work.now_s += 10
        display.tick()
        assert "✅ item: 10 total | 10 added\n" in terminal.take()  # it rests
    finally:
        display.finish()
    assert terminal.take().endswith("✅ item: 10 total | 10 added\n✅ once: 1 total | 1 added\n⏳ Elapsed: 22.0s\n\n")


def test_progress_is_displayed_while_time_passes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    # STAT-17, STAT-18
    terminal = on_terminal(monkeypatch)

    async def story() -> str:
        assert await coco.show_progress(bench.app(main, 0.35).update()) == 7
        shown = terminal.take()
        await asyncio.sleep(10)
        assert terminal.take() == ""
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return shown

    text = bench.run(story())
    assert [time for time in ("0.0", "0.1", "0.2", "0.3") if f"⏳ Elapsed: {time}s" in text] == [
        "0.0",
        "0.1",
        "0.2",
        "0.3",
    ]
    assert text.endswith(
        "[Stats] (terminated)\n✅ main: 1 total | 1 added\n✅ child: 1 total | 1 added\n⏳ Elapsed: 0.3s\n\n"
    )


def test_who_draws_already_keeps_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(self: Live, refresh: bool = False) -> None:
        raise LiveError("Only one live display may be active at once")

    terminal = on_terminal(monkeypatch)
    monkeypatch.setattr(Live, "start", taken)
    work = Work()
    work.begin()
    with reported(lambda: report_of(work.subject), 60):
        pass
    assert terminal.take() == "[Stats] (terminated)\n⠋  item: 2 total, 2 in-flight\n⏳ Elapsed: 0.0s\n\n"
