"""The pipeline of a test: loaded into its world, run, crashed and restarted there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from cocoindex_sim.runtime import App
from cocoindex_sim.values import DeadlockError, LimitError
from cocoindex_sim.world import STATS_FIELDS, Failure, StatsExpectation, World, compare_error, compare_stats

from ._timeline import CocoTimeline
from ._unmet import refuse

__all__ = ["CocoApp"]


class CocoApp:
    """The app of a world. Load one first; paths are relative to the directory of the test's file.

    What the pipeline raises comes out of the call that ran it. Expectations raise `Unmet`.
    """

    def __init__(self, world: World, directory: Path) -> None:
        self._world = world
        self._directory = directory

    def load(self, target: str) -> App[..., Any]:
        """Take the app of a pipeline file, unmodified: `path/main.py`, or `path/main.py:app_name`."""
        return self._world.load(target, base=self._directory)

    def load_source(self, target: str) -> App[..., Any]:
        """Take a connector under test, mirrored into a target: `path/prices.py:factory`."""
        return self._world.load(target, base=self._directory, is_source=True)

    def use(self, make_app: Callable[[], App[..., Any]]) -> App[..., Any]:
        """Take the app that a function makes, for pipelines written inside a test."""
        return self._world.use(make_app)

    # -- runs ------------------------------------------------------------------------------------------------------

    def update(self, *, full_reprocess: bool = False) -> Any:
        """Run one catch-up update to its end; what the root function returned, or its error raised."""
        return self._world.update(full_reprocess=full_reprocess)

    def start(self, *, live: bool = True, full_reprocess: bool = False) -> None:
        """Begin an update without waiting for it; a live one goes on until it is stopped."""
        self._world.start(full_reprocess=full_reprocess, live=live)

    def stop(self) -> Any:
        """End the started update as Ctrl-C does; what the root function returned, or its error raised."""
        return self._world.stop()

    def drop(self) -> None:
        """Drop the app: everything it declared, and all it remembers."""
        self._world.drop()

    def crash(self) -> None:
        """Kill the process, as `kill -9` does."""
        self._world.crash()

    def restart(self) -> None:
        """Begin a new process on what was durable; after a crash of the one before, if there was none."""
        self._world.restart()

    @property
    def is_running(self) -> bool:
        """Whether a started update has not ended."""
        return self._world.running

    @property
    def is_ready(self) -> bool:
        """Whether all of the first pass of the last update is done."""
        return self._world.ready

    # -- expectations ----------------------------------------------------------------------------------------------

    def expect_ready(self) -> None:
        """The started update becomes ready; it is run until then."""
        __tracebackhide__ = True
        try:
            self._world.wait_ready()
        except (DeadlockError, LimitError) as error:
            refuse(f"the update does not become ready: {_first_line(error)}", _rest(error))
        if not self._world.ready:
            self._world.finish()  # its error says more
            refuse("the update ended without becoming ready", self._last_happenings())

    def expect_not_ready(self) -> None:
        """The started update is not ready, with nothing left to do before something else happens."""
        __tracebackhide__ = True
        self._world.settle()
        if self._world.ready:
            ready = CocoTimeline(self._world).times("*_ready /")
            refuse("the update is ready; it was expected not to be yet", [str(each) for each in ready])

    def expect_ends(self, within: timedelta | float = 60) -> Any:
        """The started update comes to its end, as a catch-up does, in so much virtual time; what its root returned.

        What it raises comes out.
        """
        __tracebackhide__ = True
        kind = "live" if self._world.live else "catch-up"
        try:
            self._world.advance(within)
        except (DeadlockError, LimitError) as error:
            refuse(f"the {kind} update does not end: {_first_line(error)}", _rest(error))
        if self._world.running:
            refuse(
                f"the {kind} update has not ended, by {self._seconds:.6f} s of virtual time",
                ["who waits where:", *(f"  {line}" for line in self._world.loop.waiting().splitlines())],
            )
        return self._world.finish()

    def expect_goes_on(self, duration: timedelta | float = 0) -> None:
        """The started update has not ended when everything is done, nor after so much more virtual time."""
        __tracebackhide__ = True
        self._world.settle()
        if duration and self._world.running:
            self._world.advance(duration)
        if not self._world.running:
            self._world.finish()  # its error says more
            refuse(
                f"the update ended by itself, by {self._seconds:.6f} s of virtual time; it was expected to go on",
                self._last_happenings(),
            )

    def expect_stats(self, component: str | None = None, /, **counters: int) -> None:
        """Counters of the last update, of one name or in total: `expect_stats("shout", num_adds=1)`.

        TypeError for a counter that there is not.
        """
        __tracebackhide__ = True
        for name in counters:
            if name not in STATS_FIELDS:
                near = get_close_matches(name, STATS_FIELDS, 1)
                meant = f"did you mean {near[0]!r}? " if near else ""
                raise TypeError(f"unknown counter {name!r}; {meant}known: {', '.join(STATS_FIELDS)}")
        found = compare_stats([StatsExpectation(component, tuple(counters.items()))], self._world.stats())
        if found is not None:
            refuse(found.fact, found.lines)

    def expect_raises(self, type: str | None = None, matches: str | None = None) -> None:
        """The started update ends with an error of this class or a base of it, whose text matches a pattern."""
        __tracebackhide__ = True
        error: BaseException | None = None
        try:
            self._world.finish()
        except Exception as raised:
            error = raised
        found = compare_error(Failure(type, matches), error)
        if found is not None:
            refuse(found.fact, found.lines)

    @property
    def _seconds(self) -> float:
        return self._world.clock.monotonic_ns() / 1e9

    def _last_happenings(self) -> list[str]:
        return ["the end of the timeline:", *(f"  {line}" for line in CocoTimeline(self._world).lines()[-10:])]


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def _rest(error: BaseException) -> list[str]:
    return str(error).splitlines()[1:]
