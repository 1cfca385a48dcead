"""Progress of an update, for people (STAT-18): a live display on a terminal, plain blocks otherwise."""

from __future__ import annotations

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Final

from ..engine import ComponentStats, UpdateStats

__all__ = ["report_period", "reported", "stats_block"]

_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_REFRESH_S: Final = 0.1


def report_period(report_to_stdout: bool | timedelta) -> float | None:
    """The interval in seconds, or None for no report. ValueError unless it is positive (STAT-19)."""
    if isinstance(report_to_stdout, timedelta):
        if report_to_stdout <= timedelta(0):
            raise ValueError(f"report_to_stdout must be a positive duration, got {report_to_stdout!r}")
        return report_to_stdout.total_seconds()
    return 1.0 if report_to_stdout else None


def stats_block(stats: UpdateStats | None, elapsed_s: float, *, spinner: str | None) -> list[str]:
    """The lines of one report. `spinner`: what stands before a processor at work; None: the run is over."""
    lines = ["[Stats] (terminated)" if spinner is None else "[Stats]"]
    for name, counts in (stats.by_component if stats is not None else {}).items():
        mark = f"{spinner or _SPINNER[0]} " if counts.num_in_progress else "✅"
        lines.append(f"{mark} {name}: {_counts(counts)}")
    lines.append(f"⏳ Elapsed: {elapsed_s:.1f}s")
    return lines


def _counts(counts: ComponentStats) -> str:
    in_flight = counts.num_in_progress
    total = f"{counts.num_finished + in_flight} total" + (f", {in_flight} in-flight" if in_flight else "")
    outcomes = (
        (counts.num_adds, "added"),
        (counts.num_reprocesses, "reprocessed"),
        (counts.num_deletes, "deleted"),
        (counts.num_unchanged, "unchanged"),
        (counts.num_errors, "⚠️ errors"),
    )
    shown = ", ".join(f"{number} {what}" for number, what in outcomes if number)
    return f"{total} | {shown}" if shown else total


@contextmanager
def reported(stats: Callable[[], UpdateStats | None], period_s: float | None) -> Iterator[None]:
    """Show progress for the length of a block, from a thread of its own; None: not at all."""
    if period_s is None:
        yield
        return
    began, done = time.perf_counter(), threading.Event()
    show = _on_terminal if sys.stdout.isatty() else _as_blocks
    thread = threading.Thread(
        target=show, args=(stats, period_s, began, done), name="cocoindex-sim report", daemon=True
    )
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        _print_block(stats_block(stats(), time.perf_counter() - began, spinner=None))


def _print_block(lines: list[str]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    # A reader that went away is no reason for the run to fail.
    with suppress(BrokenPipeError):
        print("\n".join(lines).encode(encoding, "replace").decode(encoding), end="\n\n", flush=True)


def _as_blocks(stats: Callable[[], UpdateStats | None], period_s: float, began: float, done: threading.Event) -> None:
    shown: UpdateStats | None = None
    while not done.wait(period_s):
        now = stats()
        if now is not None and now != shown:
            shown = now
            _print_block(stats_block(now, time.perf_counter() - began, spinner=_SPINNER[0]))


def _on_terminal(stats: Callable[[], UpdateStats | None], period_s: float, began: float, done: threading.Event) -> None:
    from rich.live import Live
    from rich.text import Text

    spinner = itertools.cycle(_SPINNER)

    def block() -> Text:
        return Text("\n".join(stats_block(stats(), time.perf_counter() - began, spinner=next(spinner))))

    # What others print appears above the display; where stderr is not this terminal, it keeps going where it goes.
    with Live(block(), auto_refresh=False, transient=True, redirect_stderr=sys.stderr.isatty()) as live:
        while not done.wait(min(period_s, _REFRESH_S)):
            live.update(block(), refresh=True)
