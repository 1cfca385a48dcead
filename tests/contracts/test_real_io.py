"""Goal: a contract also judges a connector with I/O of its own, once, on the real loop: here a table in a SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from cocoindex_sim.connectorkits import SingleWatcherGuard
from pytest_coco.contracts import LiveMapViewContract, rejections

pytestmark = pytest.mark.real

POLL_S = 0.02


def connect(path: Path) -> closing[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    return closing(connection)


class Table:
    """The rows of a table, as a view that looks at the table again and again, in a thread."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.guard = SingleWatcherGuard("Table")
        self.seen: dict[str, str] = {}

    def read(self) -> dict[str, str]:
        with connect(self.path) as connection:
            return dict(connection.execute("SELECT key, value FROM entries"))

    async def __aiter__(self) -> AsyncIterator[tuple[str, str]]:
        self.seen = await asyncio.to_thread(self.read)
        for entry in self.seen.items():
            yield entry

    async def watch(self, subscriber: Any) -> None:
        with self.guard:
            await subscriber.update_all()
            await subscriber.mark_ready()
            while True:
                await asyncio.sleep(POLL_S)
                before, self.seen = self.seen, await asyncio.to_thread(self.read)
                for key in before.keys() - self.seen.keys():
                    await subscriber.delete(key)
                for key, value in self.seen.items():
                    if before.get(key) != value:
                        await subscriber.update(key, value)


class ForgetsDeletions(Table):
    """Tells of what is there, and not of what is gone."""

    async def watch(self, subscriber: Any) -> None:
        with self.guard:
            await subscriber.update_all()
            await subscriber.mark_ready()
            while True:
                await asyncio.sleep(POLL_S)
                before, self.seen = self.seen, await asyncio.to_thread(self.read)
                for key, value in self.seen.items():
                    if before.get(key) != value:
                        await subscriber.update(key, value)


class IgnoresItsEnd(Table):
    """Goes on whatever happens."""

    async def watch(self, subscriber: Any) -> None:
        while True:
            try:
                await super().watch(subscriber)
            except BaseException:
                await asyncio.sleep(POLL_S)


class TableContract(LiveMapViewContract):
    real_io = True
    survives_trouble = False
    bypass_reason: ClassVar = {"survives_trouble": "a file is never lost"}
    table: ClassVar[type[Table]] = Table
    within_s = 15.0

    @property
    def path(self) -> Path:
        return self.directory / "table.db"

    def open(self) -> None:
        with connect(self.path) as connection:
            connection.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT)")

    def make(self) -> Table:
        return self.table(self.path)

    def put(self, key: str, value: str) -> None:
        with connect(self.path) as connection:
            connection.execute("INSERT OR REPLACE INTO entries VALUES (?, ?)", (key, value))

    def delete(self, key: str) -> None:
        with connect(self.path) as connection:
            connection.execute("DELETE FROM entries WHERE key = ?", (key,))

    def entries(self) -> dict[str, str]:
        return Table(self.path).read()


class TestTable(TableContract):
    pass


@pytest.mark.parametrize(
    ("table", "check", "fragment"),
    [
        (ForgetsDeletions, "test_every_change_arrives", "+ 'Beta': 'value 2'"),
        (IgnoresItsEnd, "test_it_can_be_watched_again", "watch() goes on 10 s after it was cancelled"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the one that ignores its end
def test_a_wrong_table_is_rejected(table: type[Table], check: str, fragment: str) -> None:
    found = rejections(type(table.__name__, (TableContract,), {"table": table}), check)
    assert list(found) == [check]
    assert fragment in found[check]
    assert "found by: the real loop" in found[check]
