"""What happened in a run, in order: the engine's events and the world's notes, each with virtual time and step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Protocol

import msgspec

from ..values import Event, LimitError, event_text

__all__ = ["EVENTS_MAX", "Entry", "Moment", "Trace"]

EVENTS_MAX: Final = 1_000_000
_LAST_SHOWN: Final = 10

# What `object.__repr__` adds: the one part of an error text that differs from process to process.
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")


class Moment(Protocol):
    """Where a run is; `VirtualLoop` is one."""

    now_ns: int
    steps: int

    def fail(self, error: Exception) -> None:
        """End the run with this error."""
        ...


class Entry(NamedTuple):
    """One thing that happened: an event, or the text of a note. `time_ns` is virtual, `step` counts from 1."""

    time_ns: int
    step: int
    what: Event | str

    def line(self) -> str:
        """`seconds step text`, without memory addresses."""
        text = self.what if isinstance(self.what, str) else event_text(self.what)
        return f"{self.time_ns / 1e9:.6f} {self.step} {_ADDRESS.sub('', text)}"

    def json(self) -> str:
        """One JSON object: `time_ns`, `step`, then the event with its fields, or `note`. Paths are text."""
        what = {"note": self.what} if isinstance(self.what, str) else msgspec.to_builtins(self.what, enc_hook=str)
        return _ADDRESS.sub("", msgspec.json.encode({"time_ns": self.time_ns, "step": self.step, **what}).decode())


class Trace:
    """An `Observer` that keeps every event. Formatting costs nothing until `lines` or `json_lines` is asked for.

    The text of a trace depends on the run alone: not on the process, `PYTHONHASHSEED` or addresses. The event after
    `events_max` entries ends the run with `LimitError`, by way of the moment: raised here, it would be the engine's to
    handle.
    """

    def __init__(self, moment: Moment, *, events_max: int = EVENTS_MAX) -> None:
        self.moment = moment
        """Where time and step come from; set it to the successor's loop after a restart."""
        self.events_max = events_max
        self.entries: list[Entry] = []
        self._taken = 0

    def on_event(self, event: Event) -> None:
        """Keep one event."""
        moment = self.moment
        if len(self.entries) >= self.events_max:
            moment.fail(self._too_many())
            return
        self.entries.append(Entry(moment.now_ns, moment.steps, event))

    def note(self, text: str) -> None:
        """Keep something the world did: a file written, a crash."""
        moment = self.moment
        self.entries.append(Entry(moment.now_ns, moment.steps, text))

    def _too_many(self) -> LimitError:
        last = "".join(f"\n  {entry.line()}" for entry in self.entries[-_LAST_SHOWN:])
        return LimitError(
            f"the trace holds events_max={self.events_max} events and the run is not done, at"
            f" {self.moment.now_ns / 1e9:.9g} s of virtual time; raise the limit, or look for work that repeats itself"
            f" among the last of them:{last}"
        )

    def take_events(self) -> list[Event]:
        """The events since the last call, without the notes; they stay in the trace."""
        start, self._taken = self._taken, len(self.entries)
        return [entry.what for entry in self.entries[start:] if not isinstance(entry.what, str)]

    def lines(self) -> Iterator[str]:
        """The trace as text, one entry a line."""
        return (entry.line() for entry in self.entries)

    def json_lines(self) -> Iterator[str]:
        """The trace as JSON lines."""
        return (entry.json() for entry in self.entries)
