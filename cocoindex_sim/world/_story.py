"""A story as values: where it starts, the steps that happen, and what is expected to hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeAlias

from ..fakes import KAFKA_TROUBLES
from ..fakes.filesystem import HAZARD_KINDS, PROFILES, FileFault
from ..fakes.maps import TROUBLES
from ..fakes.targets import TARGET_TROUBLES
from ..values import EVENT_NAMES
from ._kafka_steps import KafkaStep
from ._place import Place
from ._recording import Recording

__all__ = [
    "DRAWN_FAULTS",
    "HOLD_BARRIERS",
    "STATS_FIELDS",
    "WATCH_PROFILES",
    "Advance",
    "AppendFiles",
    "Call",
    "ChangeMode",
    "CommittedExpectation",
    "Contains",
    "Crash",
    "DeleteKeys",
    "Diff",
    "Drop",
    "Exactly",
    "Expect",
    "Failure",
    "Happening",
    "Hold",
    "Inject",
    "InjectTrouble",
    "LogExpectation",
    "MakeLink",
    "MapTrouble",
    "Matches",
    "MoveFile",
    "Ready",
    "Release",
    "RemoveFiles",
    "Restart",
    "SetKeys",
    "Settle",
    "Start",
    "StatsExpectation",
    "Step",
    "Stop",
    "Story",
    "TargetExpectation",
    "TopicExpectation",
    "TouchFiles",
    "Trouble",
    "Update",
    "WriteFiles",
]

STATS_FIELDS: tuple[str, ...] = (
    "num_execution_starts",
    "num_unchanged",
    "num_adds",
    "num_deletes",
    "num_reprocesses",
    "num_errors",
    "num_processed",
    "num_finished",
    "num_in_progress",
)
"""The counters of one update that a story may expect (STAT-04)."""


HOLD_BARRIERS: tuple[str, ...] = (
    *EVENT_NAMES,
    *(f"fs.{call}" for call in HAZARD_KINDS),
    *(f"map.{call}" for call in TROUBLES),
    *(f"kafka.{call}" for call in KAFKA_TROUBLES),
)
"""Where an update can be held: events of the engine, and calls of the pipeline to what is outside."""

DRAWN_FAULTS: tuple[str, ...] = tuple(
    dict.fromkeys(
        kind
        for kinds in (*HAZARD_KINDS.values(), TARGET_TROUBLES, *TROUBLES.values(), *KAFKA_TROUBLES.values())
        for kind in kinds
    )
)
"""The kinds of faults that may be drawn for the calls of a run."""

WATCH_PROFILES: tuple[str, ...] = tuple(PROFILES)
"""The profiles by which changes of files may be told; the default is `inotify`."""


@dataclass(frozen=True, slots=True)
class Start:
    """Begin an update and go on to the next step without waiting for it. A live one goes on until it is stopped."""

    place: Place
    full_reprocess: bool = False
    live: bool = False


@dataclass(frozen=True, slots=True)
class Ready:
    """Run the started update until all of its first pass is done."""

    place: Place


@dataclass(frozen=True, slots=True)
class Settle:
    """Run what is ready; let time pass only for changes that are on their way to the pipeline."""

    place: Place


@dataclass(frozen=True, slots=True)
class Stop:
    """End the started live update, as Ctrl-C does. No task of it may be left."""

    place: Place


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that happens to the watches of the file system; see `fakes.filesystem.Watching`."""

    place: Place
    kind: Literal["hold", "release", "overflow", "silence", "kill"]


@dataclass(frozen=True, slots=True)
class Update:
    """Run one update to its end."""

    place: Place
    full_reprocess: bool = False


@dataclass(frozen=True, slots=True)
class Drop:
    """Drop the app: everything it declared, and all it remembers."""

    place: Place


@dataclass(frozen=True, slots=True)
class WriteFiles:
    """Give files this content, creating directories as needed. Paths are relative to the working directory."""

    place: Place
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class AppendFiles:
    """Add this to the end of files, creating those that are not there."""

    place: Place
    files: tuple[tuple[str, bytes], ...]


@dataclass(frozen=True, slots=True)
class RemoveFiles:
    """Delete files, or directories with everything in them."""

    place: Place
    paths: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MoveFile:
    """Rename a file or a directory, creating the directories it goes into."""

    place: Place
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class MakeLink:
    """Make a symbolic link, creating the directory it is in. `target` stays as written, relative to that directory."""

    place: Place
    path: str
    target: str


@dataclass(frozen=True, slots=True)
class TouchFiles:
    """Set modification times, and change nothing else: to now, or to that of the file beside the path."""

    place: Place
    paths: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class ChangeMode:
    """Set permission bits, which the pipeline has to obey; the story itself may do everything."""

    place: Place
    modes: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Inject:
    """Let something go wrong later on. That it never does is a failure of the story."""

    place: Place
    fault: FileFault


@dataclass(frozen=True, slots=True)
class SetKeys:
    """Give keys of external maps these values: (map, key, value) each, one after the other."""

    place: Place
    entries: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class DeleteKeys:
    """Remove keys of external maps: (map, key) each; that is told also of those that are not there."""

    place: Place
    keys: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MapTrouble:
    """Something that happens to the clients of an external map; see `fakes.maps.RemoteMap`."""

    place: Place
    map: str
    kind: Literal["hold", "release", "silence", "kill", "rewind"]
    barrier: str | None = None
    """Which one is held or released; None for any."""


@dataclass(frozen=True, slots=True)
class InjectTrouble:
    """Let something go wrong with an external system later on. That it never does is a failure of the story."""

    place: Place
    system: Literal["map", "target", "kafka"]
    name: str
    kind: str
    call: str = ""
    """The call it strikes, of a map (`fakes.maps.TROUBLES`) or of Kafka (`fakes.KAFKA_TROUBLES`)."""
    nth: int = 1
    times: int = 1

    def __str__(self) -> str:
        if self.system == "kafka":
            return f"{self.kind} at {self.call!r} of Kafka"
        at = f"at {self.call!r} of map" if self.system == "map" else "at an action of target"
        return f"{self.kind} {at} {self.name!r}"


@dataclass(frozen=True, slots=True)
class Call:
    """Call a method of a driver, and wait for its end if it is async; `arguments` are given by name."""

    place: Place
    driver: str
    method: str
    arguments: tuple[tuple[str, Any], ...] = field(default=(), hash=False)


@dataclass(frozen=True, slots=True)
class Hold:
    """Run the started update to its `nth` barrier called `at`, and no step further, until it is released."""

    place: Place
    at: str
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Release:
    """Let the update that is held go on."""

    place: Place


@dataclass(frozen=True, slots=True)
class Advance:
    """Let virtual time pass."""

    place: Place
    duration: timedelta


@dataclass(frozen=True, slots=True)
class Crash:
    """Kill the process: now, or when the started update reaches the `nth` event called `at`."""

    place: Place
    at: str | None = None
    nth: int = 1


@dataclass(frozen=True, slots=True)
class Restart:
    """Start a new process on what was durable."""

    place: Place


@dataclass(frozen=True, slots=True)
class Exactly:
    """The file has exactly this content."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Contains:
    """The file is UTF-8 text with this text in it."""

    text: str


@dataclass(frozen=True, slots=True)
class Matches:
    """The file is UTF-8 text in which `re.search` finds this pattern."""

    pattern: str


TargetExpectation: TypeAlias = Exactly | Contains | Matches

TopicExpectation: TypeAlias = tuple[str, tuple[tuple[bytes, TargetExpectation], ...]]
"""A topic, and the last value of each of its keys."""

CommittedExpectation: TypeAlias = tuple[str, str, tuple[int | None, ...]]
"""A group, a topic, and the offset that is committed for each of its partitions; None where there is none."""


@dataclass(frozen=True, slots=True)
class Diff:
    """Which target files came, changed their content and went since the last look; all of them."""

    added: frozenset[str] = frozenset()
    changed: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StatsExpectation:
    """What counters of the last update are, for one component name or, with None, in total."""

    component: str | None
    counters: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """The error an update or drop must end with: its class or a base of it by name, and a pattern its text matches."""

    type: str | None = None
    matches: str | None = None


Happening: TypeAlias = tuple[str, str | None]
"""The name of an event, and the component (or target, or app) it is about as text; None for any."""


@dataclass(frozen=True, slots=True)
class LogExpectation:
    """A record that was logged: with this in its text, of this level (None: any) and by this logger or one below it."""

    text: Contains | Matches
    level: str | None = None
    logger: str | None = None


@dataclass(frozen=True, slots=True)
class Expect:
    """One look at the world; what is None is not looked at.

    Before the look, a started update is run to its end; a live one, and any when `terminates` is False, until it only
    waits.
    """

    place: Place
    targets: tuple[tuple[str, TargetExpectation], ...] | None = None
    diff: Diff | None = None
    stats: tuple[StatsExpectation, ...] | None = None
    terminates: bool | None = None
    raises: Failure | None = None
    rows: tuple[tuple[str, str, TargetExpectation], ...] | None = None
    """All rows of the external targets: (target, key, content) each."""
    kafka: tuple[TopicExpectation, ...] | None = None
    committed: tuple[CommittedExpectation, ...] | None = None
    actions: int | tuple[tuple[str, int], ...] | None = None
    """How many actions the targets got since the last look: all of them, or by the path of each component with some."""
    ready: bool | tuple[str, ...] | None = None
    """Whether the last update is ready; or the paths of components that became ready since the last look."""
    order: tuple[Happening, ...] | None = None
    """Events that came since the last look, in this order, with whatever else between them."""
    logs: tuple[LogExpectation, ...] | None = None
    """What was logged since the last look; when empty, no record of level warning or above was."""
    places: dict[str, Place] = field(default_factory=dict, hash=False, compare=False)
    """Where each of the parts above is written, by its name; `place` for those not in it."""


Step: TypeAlias = (
    Start
    | Ready
    | Settle
    | Stop
    | Update
    | Drop
    | WriteFiles
    | AppendFiles
    | Call
    | Hold
    | Release
    | RemoveFiles
    | MoveFile
    | MakeLink
    | TouchFiles
    | ChangeMode
    | Trouble
    | Inject
    | SetKeys
    | DeleteKeys
    | MapTrouble
    | InjectTrouble
    | KafkaStep
    | Advance
    | Crash
    | Restart
    | Expect
)


@dataclass(frozen=True, slots=True)
class Story:
    """One scenario.

    `app` is a pipeline, `path/main.py` or `path/main.py:app_name`, relative to `base`; with `is_source`, a connector
    under test, `path/prices.py:factory`. `watch`: the profile by which changes of files are told. `entries`: what the
    external maps hold at the beginning, (map, key, value) each. `oracles_off`: oracles that can't hold in this
    story, each with the reason. `drivers`: by name what makes each, `path/shop.py:Shop`, relative to `base`.
    """

    name: str
    place: Place
    app: str
    app_place: Place
    base: Path
    steps: tuple[Step, ...]
    files: tuple[tuple[str, bytes], ...] = ()
    watch: str = "inotify"
    entries: tuple[tuple[str, str, str], ...] = ()
    kafka: tuple[KafkaStep, ...] = ()
    is_source: bool = False
    description: str = ""
    oracles_off: tuple[tuple[str, str], ...] = ()
    drivers: tuple[tuple[str, str], ...] = ()
    options: tuple[tuple[str, Any], ...] = ()
    """How it is explored where it says so itself: what pytest's options for one test are called, and their values."""
    recording: Recording | None = None
    """A run that failed once, of all steps; it is repeated before any other run is made."""
