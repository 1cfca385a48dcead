"""A view of a table in SQLite, with a change log that triggers keep."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

import cocoindex as coco
from cocoindex.connectorkits import SingleWatcherGuard

__all__ = ["SqliteTable", "keep_change_log"]

T = TypeVar("T")
Row = dict[str, Any]

_log = logging.getLogger(__name__)


class _Change(NamedTuple):
    number: int
    key: Any
    row: Row | None
    """As it is now; None if it is gone."""


def keep_change_log(connection: sqlite3.Connection, table: str, key: str) -> None:
    """Have a table keep a log of which rows changed, in a table beside it. Again is fine.

    The log has one line per key, that of its last change; so it does not grow with their number.
    """
    log = f"{table} changes"
    statements = [f"CREATE TABLE IF NOT EXISTS {_quoted(log)} (number INTEGER PRIMARY KEY AUTOINCREMENT, key UNIQUE)"]
    for event, rows in (("INSERT", ("NEW",)), ("UPDATE", ("OLD", "NEW")), ("DELETE", ("OLD",))):
        # Not INSERT OR REPLACE: an INSERT OR IGNORE of the application would make that ignore it, too.
        body = " ".join(
            f"DELETE FROM {_quoted(log)} WHERE key = {row}.{_quoted(key)};"
            f" INSERT INTO {_quoted(log)} (key) VALUES ({row}.{_quoted(key)});"
            for row in rows
        )
        trigger = _quoted(f"{log} {event}")
        statements.append(f"CREATE TRIGGER IF NOT EXISTS {trigger} AFTER {event} ON {_quoted(table)} BEGIN {body} END")
    with connection:
        for statement in statements:
            connection.execute(statement)


class SqliteTable:
    """A `LiveMapView` of the rows of a table that keeps a change log: the value of each key is its row, as a dict.

    `connect` opens the database, as `lambda: sqlite3.connect("shop.db")` does. The log is looked at every `interval`.
    When the database does not answer, that is repeated. One `watch` at a time.
    """

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        table: str,
        *,
        key: str,
        interval: timedelta = timedelta(seconds=1),
    ) -> None:
        self._connect = connect
        self._name = table
        self._table, self._log, self._key = _quoted(table), _quoted(f"{table} changes"), _quoted(key)
        self._column = key
        self._interval_s = interval.total_seconds()
        self._guard = SingleWatcherGuard(type(self).__name__)
        self._is_read = False  # whether the last reading of all rows came to its end

    async def __aiter__(self) -> AsyncIterator[tuple[Any, Row]]:
        self._is_read = False
        for row in await self._ask(lambda database: database.execute(f"SELECT * FROM {self._table}").fetchall()):
            yield row[self._column], dict(row)
        self._is_read = True

    async def watch(self, subscriber: coco.LiveMapSubscriber[Any, Row]) -> None:
        """Tell of all rows, then of every change, until cancelled."""
        with self._guard:
            number = await self._begin(subscriber)
            await subscriber.mark_ready()
            while True:
                await asyncio.sleep(self._interval_s)
                number = await self._tell_changes(subscriber, number)

    async def _begin(self, subscriber: coco.LiveMapSubscriber[Any, Row]) -> int:
        """Tell of all rows; the number of the last change that is surely among them."""
        while True:
            try:
                number = await self._ask(self._last_number)  # first: what changes from here on is told of
            except sqlite3.Error as error:
                self._warn(error)
            else:
                await subscriber.update_all()
                if self._is_read:  # else that has been reported
                    return number
            await asyncio.sleep(self._interval_s)

    async def _tell_changes(self, subscriber: coco.LiveMapSubscriber[Any, Row], number: int) -> int:
        try:
            changes = await self._ask(lambda database: self._changes_after(database, number))
        except sqlite3.Error as error:
            self._warn(error)
            return number
        for change in changes:
            if change.row is None:
                await subscriber.delete(change.key)
            else:
                await subscriber.update(change.key, change.row)
        return changes[-1].number if changes else number

    def _last_number(self, database: sqlite3.Connection) -> int:
        found = database.execute(f"SELECT max(number) FROM {self._log}").fetchone()
        return found[0] or 0

    def _changes_after(self, database: sqlite3.Connection, number: int) -> list[_Change]:
        database.execute("BEGIN")  # so that both are of one moment
        log = database.execute(f"SELECT number, key FROM {self._log} WHERE number > ? ORDER BY number", (number,))
        changes = []
        for latest, key in log.fetchall():
            row = database.execute(f"SELECT * FROM {self._table} WHERE {self._key} = ?", (key,)).fetchone()
            changes.append(_Change(latest, key, None if row is None else dict(row)))
        return changes

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Ask the database, in a thread, as it may take its time."""

        def ask() -> T:
            with closing(self._connect()) as database:
                database.row_factory = sqlite3.Row
                return question(database)

        return await asyncio.to_thread(ask)

    def _warn(self, error: sqlite3.Error) -> None:
        _log.warning("table %r: %s; asking again in %s s", self._name, error, self._interval_s)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
