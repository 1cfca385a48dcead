"""Goal: the connectors of this package keep the contracts that authors' are tested by."""

from __future__ import annotations

from typing import Any, ClassVar

from confluent_kafka.aio import AIOConsumer, AIOProducer

from cocoindex_sim.connectors import kafka, localfs
from cocoindex_sim.connectors.kafka._messages import MessageHandler, MessageSpec
from cocoindex_sim.connectors.localfs._entries import EntryHandler, FileSpec
from cocoindex_sim.engine import ContextKey, ContextProvider, current_process
from cocoindex_sim.world import FileFault, MapFeed, MapView, World, remote_map
from cocoindex_sim.world._journal_rows import _ROOT
from pytest_coco.contracts import LiveMapFeedContract, LiveMapViewContract, LiveStreamContract, TargetContract

SRC = "/project/src"
SESSION_S = 60.0
"""Longer than it takes until a group gives the partitions of a dead member to another one."""


class LocalFiles(LiveMapViewContract):
    tells_values = False
    bypass_reason: ClassVar = {"tells_values": "a file is read when its item is processed"}
    profile: ClassVar[str]

    def open(self) -> None:
        self.world.files.mkdir(SRC)
        self.world.watching.profile = self.profile

    def make(self) -> Any:
        return localfs.walk_dir(SRC, live=True, recursive=True).items()

    def put(self, key: str, value: str) -> None:
        self.world.files.write(f"{SRC}/{key}", value, parents=True)

    def delete(self, key: str) -> None:
        if key in self.entries():
            self.world.files.unlink(f"{SRC}/{key}")

    def entries(self) -> dict[str, str]:
        return {key: content.decode() for key, content in self.world.files.contents(SRC).items()}

    def disturb(self) -> None:
        self.world.watching.kill()

    def keys(self) -> tuple[str, ...]:
        return ("a.md", "B.md", "sub/c d.md", "sub/deep/größe.md", "sub/9")

    async def plain(self, file: localfs.File) -> str:
        return await file.read_text()


class TestLocalFilesToldAsTheyChange(LocalFiles):
    profile = "perfect"


class TestLocalFilesToldByInotify(LocalFiles):
    profile = "inotify"


class TestLocalFilesToldByFSEvents(LocalFiles):
    profile = "fsevents"


class TestLocalFilesToldByWindows(LocalFiles):
    profile = "windows"


class _OfAMap:
    world: World

    def put(self, key: Any, value: Any) -> None:
        self.world.map().set(key, value)

    def delete(self, key: Any) -> None:
        self.world.map().delete(key)

    def disturb(self) -> None:
        self.world.map().kill()


class TestMapView(_OfAMap, LiveMapViewContract):
    def make(self) -> MapView:
        return MapView(remote_map())

    def entries(self) -> dict[Any, Any]:
        return self.world.map().entries


class TestMapFeed(_OfAMap, LiveMapFeedContract):
    def make(self) -> MapFeed:
        return MapFeed(remote_map())


class _OfATopic:
    world: World

    def open(self) -> None:
        self.world.kafka.create_topic("t", 3)

    def consumer(self) -> AIOConsumer:
        return AIOConsumer({"group.id": "g", "enable.auto.commit": False, "auto.offset.reset": "earliest"})

    def disturb(self) -> None:
        self.world.kafka.rebalance("g")


class TestTopicAsMap(_OfATopic, LiveMapFeedContract):
    within_s = SESSION_S

    def make(self) -> Any:
        return kafka.topic_as_map(self.consumer(), ["t"])

    def keys(self) -> tuple[bytes, ...]:
        return (b"alpha", b"Beta", b"gamma delta", "größe".encode(), b"9")

    def put(self, key: bytes, value: str) -> None:
        self.world.kafka.produce("t", value.encode(), key)

    def delete(self, key: bytes) -> None:
        self.world.kafka.produce("t", None, key)

    def plain(self, message: Any) -> str:
        return str(message.value(), "utf-8")


class TestTopicAsStream(_OfATopic, LiveStreamContract):
    within_s = SESSION_S

    def make(self) -> Any:
        return kafka.topic_as_stream(self.consumer(), ["t"])

    def publish(self, message: str) -> None:
        self.world.kafka.produce("t", message.encode(), b"k")

    def plain(self, message: Any) -> str:
        return str(message.value(), "utf-8")


class TestPayloads(TestTopicAsStream):
    def make(self) -> Any:
        return kafka.topic_as_stream(self.consumer(), ["t"]).payloads()

    def plain(self, message: bytes) -> str:
        return message.decode()


class TestFiles(TargetContract):
    """Files as targets: a key is a base and a path."""

    def make(self) -> EntryHandler:
        return EntryHandler()

    def contents(self) -> dict[Any, Any]:
        return {
            (None, path): FileSpec(content, create_parent_dirs=True)
            for path, content in self.world.target_files().items()
        }

    def disturb(self) -> None:
        self.world.inject(FileFault("ENOSPC", "out/1"))

    def key(self, number: int) -> tuple[None, str]:
        return None, f"out/{number}"

    def value(self, number: int) -> FileSpec:
        return FileSpec(f"content {number}".encode(), create_parent_dirs=True)


PRODUCER = ContextKey[AIOProducer]("producer of the contract")


class TestMessages(TargetContract):
    """Messages of a topic as targets."""

    def open(self) -> None:
        self.world.kafka.create_topic("t", 3)

    def make(self) -> MessageHandler:
        return MessageHandler(PRODUCER.key, "t", None)

    def provide(self, context: ContextProvider) -> None:
        context.provide(PRODUCER, AIOProducer({}))

    def contents(self) -> dict[bytes, MessageSpec]:
        return {key: MessageSpec(value, True) for key, value in self.world.kafka.fold("t").items()}

    def disturb(self) -> None:
        self.world.kafka.inject("produce", "fails", nth=2)

    def key(self, number: int) -> bytes:
        return f"key {number}".encode()

    def value(self, number: int) -> MessageSpec:
        return MessageSpec(f"value {number}".encode(), True)


class TestJournalRows(TargetContract):
    def make(self) -> Any:
        return current_process().root_provider(_ROOT).handler

    def contents(self) -> dict[Any, Any]:
        return {("mirror", key): value for key, value in self.world.target().rows.items()}

    def disturb(self) -> None:
        self.world.target().inject("partial", nth=2)

    def key(self, number: int) -> tuple[str, int]:
        return "mirror", number
