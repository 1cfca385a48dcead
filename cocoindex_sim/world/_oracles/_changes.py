"""Watches the outside of a world: what its sources were, one version after the other, and what was applied."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from ...fakes.filesystem import File, KernelChange
from ...fakes.maps import MapCommit
from ...fakes.targets import JournalEntry
from ...ports import Observer
from ...values import (
    ROOT_PATH,
    ComponentReady,
    Event,
    LiveReady,
    LiveStarted,
    RunFinished,
    RunStarted,
    StablePath,
    is_non_existence,
)
from ._sources import Sources, sources_of
from ._targets import message_key, row_key, rows_and_messages

if TYPE_CHECKING:
    from ...fakes.kafka import Commit as KafkaCommit
    from ...fakes.kafka import KafkaCluster, Record
    from .._world import World

__all__ = ["Applied", "Commit", "Dropped", "Readiness", "Witness"]


class Applied(NamedTuple):
    """One change of a target: the key's new value (None: it is gone), and where in the trace it was made.

    `version` counts the versions of the sources that there had been; `late`: no update or drop was running any more.
    """

    key: str
    value: object
    version: int
    entry: int
    late: bool = False


class Readiness(NamedTuple):
    """What became ready, and what was in the targets then; `begun` and `version` count versions of the sources."""

    path: StablePath
    begun: int
    version: int
    entry: int
    targets: Mapping[str, object]


class Dropped(NamedTuple):
    """What a drop that raised nothing left in the targets, and where in the trace it ended."""

    entry: int
    targets: Mapping[str, object]


class Commit(NamedTuple):
    """An offset of a map or partition that a group of clients committed, and what was in the targets then."""

    log: str
    group: str
    offset: int
    version: int
    entry: int
    targets: Mapping[str, object]


class Witness(Observer):
    """Keeps what only can be seen while it happens. The trace keeps the rest."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.versions: list[Sources] = []
        self.applied: list[Applied] = []
        self.ready: list[Readiness] = []
        self.drops: list[Dropped] = []
        self.commits: list[Commit] = []
        self.caught_up = -1
        """The version that the last run has caught up with; -1 when it was no update to catch up, or failed."""
        self._logged = 0
        self._directories: set[str] = set()  # those the pipeline made
        self._files: dict[str, object] = {}
        self._files_in_doubt = False
        self._sources_in_doubt = True
        self._begun: dict[StablePath, int] = {}
        self._runs: list[str] = []  # the modes of those that began and did not end, in this process
        self._process = world.process
        self._has_run = False
        world.files.listeners.append(self._on_change)
        world.external.on_row.append(self._on_row)
        world.external.on_commit.append(self._on_commit)
        world.external.on_kafka.append(self._on_kafka)
        world.observe(self)

    # -- sources ---------------------------------------------------------------------------------------------------

    def source_changed(self) -> None:
        """Take the sources as they are now for a version, if they are another."""
        self._sources_in_doubt = False
        self._logged = self._log_length()
        sources = sources_of(self._world, self._directories)
        if not self.versions or sources != self.versions[-1]:
            self.versions.append(sources)

    @property
    def version(self) -> int:
        """The number of the present version of the sources, from 0."""
        if self._sources_in_doubt or not self.versions or self._logged != self._log_length():
            self.source_changed()
        return len(self.versions) - 1

    def _log_length(self) -> int:
        external = self._world.external
        messages = 0
        if external.has_kafka:
            kafka = external.kafka
            ends = sum(log.high_watermark + 1 for topic in kafka.topics for log in kafka.partitions(topic))
            messages = ends - len(kafka.from_producers)
        return sum(each.end for each in external.maps.values()) + messages

    # -- targets ---------------------------------------------------------------------------------------------------

    def targets(self) -> dict[str, object]:
        """What is in the targets now, by key."""
        if self._files_in_doubt:
            self._files_in_doubt = False
            self._files = dict(self._world.target_files())
        return {**self._files, **rows_and_messages(self._world)}

    def _key(self, path: str) -> str:
        cwd = self._world.files.cwd
        return path[len(cwd) + 1 :] if path.startswith(f"{cwd}/") else os.path.relpath(path, cwd)

    def _on_change(self, change: KernelChange) -> None:
        if change.writer == "script":
            self._sources_in_doubt = True
            self._files_in_doubt = True
            return
        path = change.path
        if change.is_dir:
            (self._directories.discard if change.kind == "removed" else self._directories.add)(path)
            return
        key = self._key(path)
        value: object = None
        if change.kind == "removed":
            self._files.pop(key, None)
        else:
            node = self._world.files.node_at(path)
            assert isinstance(node, File)
            self._files[key] = value = node.data
        self._apply(key, value)

    def _on_row(self, target: str, entry: JournalEntry) -> None:
        if entry.accepted and not entry.foreign:
            self._apply(row_key(target, entry.key), None if is_non_existence(entry.new) else entry.new)

    def _apply(self, key: str, value: object) -> None:
        if "drop" in self._runs:
            return
        world = self._world
        process = world.process
        late = world.down or (process is self._process and self._has_run and not self._runs)
        self.applied.append(Applied(key, value, self.version, len(world.trace.entries), late))

    def _on_commit(self, name: str, commit: MapCommit) -> None:
        self._add_commit(name, commit.group, commit.offset)

    def _add_commit(self, log: str, group: str, offset: int) -> None:
        entry = len(self._world.trace.entries)
        self.commits.append(Commit(log, group, offset, self.version, entry, self.targets()))

    def _on_kafka(self, kafka: KafkaCluster) -> None:
        kafka.on_commit.append(self._on_kafka_commit)
        kafka.on_produced.append(self._on_produced)

    def _on_kafka_commit(self, commit: KafkaCommit) -> None:
        if commit.member:  # else the story itself says how far a group has come
            self._add_commit(f"{commit.topic}/{commit.partition}", commit.group, commit.offset)

    def _on_produced(self, topic: str, record: Record) -> None:
        self._apply(message_key(topic, record.key), record.value)

    # -- events ----------------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, ComponentReady):
            if event.path == ROOT_PATH:
                self._became_ready(ROOT_PATH)
        elif isinstance(event, LiveStarted):
            self._begun[event.path] = self.version
        elif isinstance(event, LiveReady):
            self._became_ready(event.path)
        elif isinstance(event, RunStarted):
            if self._world.process is not self._process:
                self._process = self._world.process
                self._runs.clear()
            self._has_run = True
            self.caught_up = -1
            self._runs.append(event.mode)
            self._begun[ROOT_PATH] = self.version
        elif isinstance(event, RunFinished):
            # A drop ends the update that goes on, and then itself.
            ended = next((mode for mode in self._runs if mode != "drop"), "drop")
            self._runs.remove(ended)
            if ended != "drop" and event.error is None and not self._runs and not self._world.live:
                self.caught_up = self._begun[ROOT_PATH]
            if ended == "drop" and event.error is None:
                self.drops.append(Dropped(len(self._world.trace.entries), self.targets()))

    def _became_ready(self, path: StablePath) -> None:
        begun = self._begun.get(path)
        if begun is not None and "drop" not in self._runs:
            entry = len(self._world.trace.entries)
            self.ready.append(Readiness(path, begun, self.version, entry, self.targets()))
