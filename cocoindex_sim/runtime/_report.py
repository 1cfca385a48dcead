"""Progress, for people (STAT-17, STAT-18, STAT-26): a live display on a terminal, plain blocks otherwise."""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ..engine import ComponentStats, StatsCounter, UpdateStats

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

__all__ = ["Display", "Report", "Subject", "keep_reporting", "report_of", "report_period", "reported", "stats_block"]

_SPINNER: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_REFRESH_S: Final = 0.1
_RATE_WINDOW_S: Final = 5.0


class Subject(NamedTuple):
    """What a report is of. `now_ns`: the clock it goes by; `live`: whether it goes on once it is ready."""

    counter: StatsCounter
    now_ns: Callable[[], int]
    live: bool
    title: str | None = None


def report_period(given: bool | timedelta, name: str = "report_to_stdout") -> float | None:
    """The interval in seconds, or None for no report. ValueError unless it is positive (STAT-19)."""
    if isinstance(given, timedelta):
        if given <= timedelta(0):
            raise ValueError(f"{name} must be a positive duration, got {given!r}")
        return given.total_seconds()
    return 1.0 if given else None


class Report:
    """Plain blocks. `tick` prints one if something changed since the last; `finish` prints the final one."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._began_ns = subject.now_ns()
        self._shown: tuple[UpdateStats, bool] | None = None

    def begin(self) -> Report:
        """Before the first `tick`. Gives the report to go on with."""
        return self

    def interval_s(self, period_s: float) -> float:
        """How often to call `tick`, where one block in `period_s` is asked for."""
        return period_s

    def tick(self) -> None:
        """Time has passed."""
        counter = self._subject.counter
        now = (counter.snapshot(), counter.ready_ns is not None and self._subject.live)
        if now != self._shown and not counter.is_empty:
            self._shown = now
            _print_block(self._block(spinner=_SPINNER[0]))

    def finish(self) -> None:
        """It is over."""
        _print_block(self._block(spinner=None))

    def _block(self, *, spinner: str | None, rates: dict[str, float] | None = None) -> list[str]:
        counter, ready_s = self._subject.counter, None
        if counter.ready_ns is not None and self._subject.live:
            ready_s = (counter.ready_ns - self._began_ns) / 1e9
        elapsed_s = (self._subject.now_ns() - self._began_ns) / 1e9
        lines = stats_block(counter.snapshot(), title=self._subject.title, spinner=spinner, rates=rates or {})
        return [*lines, _time_line(elapsed_s, ready_s, catches_up=self._subject.live and spinner is not None)]


class Display(Report):
    """A display on a terminal that is drawn anew; the final block stays. What others print appears above it."""

    def __init__(self, subject: Subject) -> None:
        super().__init__(subject)
        self._spinner = itertools.cycle(_SPINNER)
        self._samples: deque[tuple[int, UpdateStats]] = deque()
        self._live: Live | None = None

    def begin(self) -> Report:
        """Start to draw. Where somebody else does, plain blocks appear above theirs."""
        from rich.errors import LiveError
        from rich.live import Live

        # Where stderr is not this terminal, what is written there keeps going where it goes.
        stderr = sys.stderr.isatty()
        live = Live(self._drawn(), auto_refresh=False, transient=True, redirect_stderr=stderr)
        try:
            live.start(refresh=True)
        except LiveError:  # some versions of rich have one at a time
            return Report(self._subject)
        self._live = live
        return self

    def interval_s(self, period_s: float) -> float:
        """Often enough for the spinner to turn."""
        return min(period_s, _REFRESH_S)

    def tick(self) -> None:
        """Draw."""
        if self._live is not None:
            self._live.update(self._drawn(), refresh=True)

    def finish(self) -> None:
        """Take the display away and leave the final block."""
        if self._live is not None:
            self._live.stop()
        super().finish()

    def _drawn(self) -> Text:
        from rich.text import Text

        return Text("\n".join(self._block(spinner=next(self._spinner), rates=self._rates())))

    def _rates(self) -> dict[str, float]:
        """Components per second, of late, of each processor that had more than one."""
        now_ns, now = self._subject.now_ns(), self._subject.counter.snapshot()
        samples = self._samples
        samples.append((now_ns, now))
        while now_ns - samples[0][0] > _RATE_WINDOW_S * 1e9 and len(samples) > 2:
            samples.popleft()
        then_ns, then = samples[0]
        seconds, none = (now_ns - then_ns) / 1e9, ComponentStats()
        if seconds < _REFRESH_S:
            return {}
        finished = {
            name: counts.num_finished - then.by_component.get(name, none).num_finished
            for name, counts in now.by_component.items()
        }
        return {name: count / seconds for name, count in finished.items() if count > 1}


def stats_block(
    stats: UpdateStats, *, title: str | None = None, spinner: str | None, rates: dict[str, float]
) -> list[str]:
    """The lines of one report but the last. `spinner`: what stands before a processor at work; None: it is over."""
    head = "[Stats]" if title is None else f"[Stats: {title}]"
    lines = [f"{head} (terminated)" if spinner is None else head]
    for name, counts in stats.by_component.items():
        mark = f"{spinner or _SPINNER[0]} " if counts.num_in_progress else "✅"
        rate = f" | {rates[name]:.1f}/s" if name in rates else ""
        lines.append(f"{mark} {name}: {_counts(counts)}{rate}")
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


def _time_line(elapsed_s: float, ready_s: float | None, *, catches_up: bool) -> str:
    if ready_s is not None:
        return f"⏳ Ready (took {ready_s:.1f}s) | Watching for changes..."
    return f"⏳ Elapsed: {elapsed_s:.1f}s" + (" | Catching up..." if catches_up else "")


def _print_block(lines: list[str]) -> None:
    encoding = sys.stdout.encoding or "utf-8"
    text = "\n".join(lines).encode(encoding, "replace").decode(encoding)
    # In one piece, as others print too. A reader that went away is no reason for the run to fail.
    with suppress(BrokenPipeError):
        print(f"{text}\n\n", end="", flush=True)


def report_of(subject: Subject) -> Report:
    """What suits stdout as it is now."""
    return Display(subject) if sys.stdout.isatty() else Report(subject)


@contextmanager
def reported(report: Callable[[], Report], period_s: float | None) -> Iterator[None]:
    """Show progress for the length of a block, from a thread of its own; None: not at all."""
    if period_s is None:
        yield
        return
    shown, done = report().begin(), threading.Event()
    interval_s = shown.interval_s(period_s)

    def show() -> None:
        while not done.wait(interval_s):
            shown.tick()

    thread = threading.Thread(target=show, name="cocoindex-sim report", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
        shown.finish()


async def keep_reporting(report: Report, counter: StatsCounter, period_s: float) -> None:
    """Show progress on the running loop until cancelled, without `begin` and `finish`."""
    if isinstance(report, Display):
        while True:
            await asyncio.sleep(report.interval_s(period_s))
            report.tick()
    loop = asyncio.get_running_loop()
    began, change = loop.time(), counter.next_change()
    while True:
        await change  # while nothing changes, no time need pass
        await asyncio.sleep(period_s - (loop.time() - began) % period_s)
        change = counter.next_change()
        report.tick()
