"""What a pipeline can see of its sources at one moment, as a value: compared, cached by, and put into a fresh world."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ...fakes.filesystem import Directory, File, Link
from ...fakes.maps import MapChange

if TYPE_CHECKING:
    from .._world import World

__all__ = ["Sources", "fill", "sources_of"]

_Entry: TypeAlias = tuple[str, str, bytes | str | None, int]


class Message(NamedTuple):
    """A message that somebody else than the pipeline produced."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, str | bytes | None], ...]

    @property
    def log(self) -> str:
        """The name of its partition, among logs."""
        return f"{self.topic}/{self.partition}"


class Sources(NamedTuple):
    """Everything that the story, not the pipeline, put into the file system, into the external maps and into Kafka.

    `files`: path, kind, content or link target, and mode of each, in the order it stands there. `maps`: the whole log
    of each, by name. `topics`: name and number of partitions. `messages`: all that ever were in them, in the order in
    which they came. `drivers`: what each says of itself. Times are left out.
    """

    files: tuple[_Entry, ...]
    maps: tuple[tuple[str, tuple[MapChange, ...]], ...] = ()
    topics: tuple[tuple[str, int], ...] = ()
    messages: tuple[Message, ...] = ()
    drivers: tuple[tuple[str, Any], ...] = ()

    def log(self, name: str) -> list[int]:
        """The offsets of what there is in a map, or in a partition `topic/number`."""
        found = [change.offset for each, log in self.maps if each == name for change in log]
        return found or [message.offset for message in self.messages if message.log == name]

    def until(self, name: str, count: int) -> Sources:
        """The same when only the first `count` changes of a map, or messages of a partition, had happened."""
        maps = tuple((each, log[:count] if each == name else log) for each, log in self.maps)
        later = frozenset(self.log(name)[count:])
        messages = tuple(each for each in self.messages if each.log != name or each.offset not in later)
        return self._replace(maps=maps, messages=messages)


def sources_of(world: World, made_by_pipeline: Collection[str]) -> Sources:
    """The sources as they are, without the directories that the pipeline made."""
    entries: list[_Entry] = []
    for below, node in world.files.walk():
        path = f"/{below}"
        if isinstance(node, File):
            if node.writer == "script":
                entries.append((path, "file", node.data, node.mode))
        elif isinstance(node, Link):
            entries.append((path, "link", node.target, 0))
        elif isinstance(node, Directory) and path not in made_by_pipeline:
            entries.append((path, "directory", None, node.mode))
    maps = sorted(world.external.maps.items())
    logs = tuple((name, tuple(each.log)) for name, each in maps if each.log)
    drivers = world.external.drivers.states()
    if not world.external.has_kafka:
        return Sources(tuple(entries), logs, drivers=drivers)
    kafka = world.kafka
    records = [
        (record.arrival, Message(topic, log.index, record.offset, record.key, record.value, record.headers))
        for topic in kafka.topics
        for log in kafka.partitions(topic)
        for record in log.history
        if log.is_message(record) and record.arrival not in kafka.from_producers
    ]
    records.sort(key=lambda record: record[0])
    return Sources(
        tuple(entries), logs, tuple(sorted(kafka.topics.items())), tuple(each for _, each in records), drivers
    )


def fill(world: World, sources: Sources) -> None:
    """Put these sources into a world where a pipeline is loaded and nothing has happened yet."""
    files = world.files
    for path, kind, content, _ in sources.files:
        if kind == "directory":
            files.mkdir(path, parents=True)
        elif kind == "file":
            assert isinstance(content, bytes)
            files.write(path, content, parents=True)
    for path, kind, content, mode in sources.files:
        if kind == "link":
            files.symlink(str(content), path)
        elif mode != (0o755 if kind == "directory" else 0o644):
            files.chmod(path, mode)
    for name, log in sources.maps:
        world.map(name).replay(log)
    world.external.drivers.restore(sources.drivers)
    for topic, partitions in sources.topics:
        world.kafka.create_topic(topic, partitions)
    for message in sources.messages:
        world.kafka.produce(
            message.topic, message.value, message.key, partition=message.partition, headers=message.headers
        )
