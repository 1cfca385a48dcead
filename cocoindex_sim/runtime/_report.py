"""Progress of an update, for people (STAT-18): a live display on a terminal, plain blocks otherwise."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from ..engine import ComponentStats, UpdateStats

__all__ = ["report_period", "reported", "stats_block"]


def report_period(report_to_stdout: bool | timedelta) -> float | None:
    """The interval in seconds, or None for no report. ValueError unless it is positive (STAT-19)."""
    if isinstance(report_to_stdout, timedelta):
        if report_to_stdout <= timedelta(0):
            raise ValueError(f"report_to_stdout must be a positive duration, got {report_to_stdout!r}")
        return report_to_stdout.total_seconds()
    return 1.0 if report_to_stdout else None


def stats_block(stats: UpdateStats | None, elapsed_s: float, *, running: bool) -> list[str]:
    """The lines of one report: a heading, one line per processor, the time."""
    lines = ["[Stats]" if running else "[Stats] (terminated)"]
    for name, counts in (stats.by_component if stats is not None else {}).items():
        lines.append(f"{'⏳' if running and counts.num_in_progress else '✅'} {name}: {_counts(counts)}")
    lines.append(f"⏳ Elapsed: {elapsed_s:.1f}s")
    return lines


def _counts(counts: ComponentStats) -> str:
    parts = (
        (counts.num_adds, "added"),
        (counts.num_reprocesses, "reprocessed"),
        (counts.num_deletes, "deleted"),
        (counts.num_unchanged, "unchanged"),
        (counts.num_errors, "⚠️ errors"),
        (counts.num_in_progress, "in-flight"),
    )
    shown = ", ".join(f"{number} {what}" for number, what in parts if number)
    return f"{counts.num_finished} total" + (f" | {shown}" if shown else "")


@contextmanager
def reported(stats: Callable[[], UpdateStats | None], period_s: float | None) -> Iterator[None]:
    """Show progress for the length of a block, from a thread of its own; None: not at all."""
    if period_s is None:
        yield
        return
    began, done = time.perf_counter(), threading.Event()
    show = _on_terminal if sys.stdout.isatty() else _as_lines
    thread = threading.Thread(
        target=show, args=(stats, period_s, began, done), name="cocoindex-sim report", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        print("\n".join(stats_block(stats(), time.perf_counter() - began, running=False)), flush=True)


def _as_lines(stats: Callable[[], UpdateStats | None], period_s: float, began: float, done: threading.Event) -> None:
    shown: UpdateStats | None = None
    while not done.wait(period_s):
        now = stats()
        if now is not None and now != shown:
            shown = now
            print("\n".join(stats_block(now, time.perf_counter() - began, running=True)), flush=True)


def _on_terminal(stats: Callable[[], UpdateStats | None], period_s: float, began: float, done: threading.Event) -> None:
    from rich.live import Live
    from rich.text import Text

    def block() -> Text:
        return Text("\n".join(stats_block(stats(), time.perf_counter() - began, running=True)))

    with Live(block(), auto_refresh=False, transient=True) as live:
        while not done.wait(min(period_s, 0.1)):
            live.update(block(), refresh=True)
