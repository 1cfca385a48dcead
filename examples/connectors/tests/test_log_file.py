# Goal: the feed of a log file keeps the contract of a feed, with a simulated file and with a real one.

import json
from datetime import timedelta
from typing import Any, ClassVar

from cocoindex_sim.world import FileFault
from pytest_coco.contracts import LiveMapFeedContract

from sample_connectors import LogFile


class LogFileContract(LiveMapFeedContract):
    """The file is one of the simulated world: `open` and `os` lead there."""

    feed: type[LogFile] = LogFile
    interval = timedelta(seconds=1)

    def make(self) -> LogFile:
        return self.feed(self.directory / "orders.log", interval=self.interval)

    def put(self, key: str, value: Any) -> None:
        self.append({"key": key, "value": value})

    def delete(self, key: str) -> None:
        self.append({"key": key})

    def append(self, change: dict[str, Any]) -> None:
        with (self.directory / "orders.log").open("a") as log:
            log.write(json.dumps(change) + "\n")


class TestLogFile(LogFileContract):
    def disturb(self) -> None:
        self.world.inject(FileFault("EIO", path="orders.log"))


class TestLogFileOnDisk(LogFileContract):
    real_io = True
    interval = timedelta(milliseconds=20)
    survives_trouble = False
    bypass_reason: ClassVar = {"survives_trouble": "a real file has no trouble that a test could make, and undo"}
