# Goal: the view of a table keeps the contract of a view, with a database in memory and with one on the disk.

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from typing import Any

from pytest_coco.contracts import LiveMapViewContract

from sample_connectors import SqliteTable, keep_change_log


class SqliteTableContract(LiveMapViewContract):
    """The database is in memory, where a simulated run can have one; all connections share it."""

    view: type[SqliteTable] = SqliteTable
    database = "file:shop?mode=memory&cache=shared"
    interval = timedelta(seconds=1)

    def open(self) -> None:
        self.is_locked = False
        self.first = sqlite3.connect(self.database, uri=True, check_same_thread=False)  # without one it would be gone
        self.first.execute("CREATE TABLE items (name TEXT PRIMARY KEY, price)")
        keep_change_log(self.first, "items", "name")

    def close(self) -> None:
        self.first.close()

    def connect(self) -> sqlite3.Connection:
        if self.is_locked:
            self.is_locked = False
            raise sqlite3.OperationalError("database is locked")
        return sqlite3.connect(self.database, uri=True)

    def make(self) -> SqliteTable:
        return self.view(self.connect, "items", key="name", interval=self.interval)

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.database, uri=True)) as connection, connection:
            yield connection

    def put(self, key: str, value: Any) -> None:
        with self.transaction() as shop:
            shop.execute("INSERT OR REPLACE INTO items VALUES (?, ?)", (key, value))

    def delete(self, key: str) -> None:
        with self.transaction() as shop:
            shop.execute("DELETE FROM items WHERE name = ?", (key,))

    def entries(self) -> dict[str, Any]:
        with self.transaction() as shop:
            return dict(shop.execute("SELECT name, price FROM items"))

    def plain(self, value: dict[str, Any]) -> Any:
        return value["price"]

    def disturb(self) -> None:
        self.is_locked = True


class TestSqliteTable(SqliteTableContract):
    pass


class TestSqliteTableOnDisk(SqliteTableContract):
    real_io = True
    interval = timedelta(milliseconds=20)

    def open(self) -> None:
        self.database = f"file:{self.directory}/shop.db"
        super().open()
