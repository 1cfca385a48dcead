"""A shop whose items are in SQLite: what the scenarios of the table drive, and connect it to."""

import sqlite3

from sample_connectors import SqliteTable, keep_change_log


class Shop:
    """A database in memory; all connections share it. It outlives the processes that connect to it."""

    def __init__(self) -> None:
        self._name = f"file:shop{id(self)}?mode=memory&cache=shared"  # each its own
        self._locked = 0
        self._shop = sqlite3.connect(self._name, uri=True)
        self._shop.execute("CREATE TABLE items (name TEXT PRIMARY KEY, price TEXT)")
        keep_change_log(self._shop, "items", "name")

    def __del__(self) -> None:
        self._shop.close()

    def connect(self) -> sqlite3.Connection:
        if self._locked:
            self._locked -= 1
            raise sqlite3.OperationalError("database is locked")
        return sqlite3.connect(self._name, uri=True)

    def price(self, **prices: str) -> None:
        with self._shop:
            self._shop.executemany("INSERT OR REPLACE INTO items VALUES (?, ?)", prices.items())

    def rename(self, old: str, new: str) -> None:
        with self._shop:
            self._shop.execute("UPDATE items SET name = ? WHERE name = ?", (new, old))

    def sell_out(self, name: str) -> None:
        with self._shop:
            self._shop.execute("DELETE FROM items WHERE name = ?", (name,))

    def lock(self, times: int) -> None:
        """Nobody can connect, so many times."""
        self._locked = times

    def save(self) -> list[tuple[str, str]]:
        """What it holds, for another world; as are `load` and the rest of a driver's protocol."""
        return self._shop.execute("SELECT name, price FROM items ORDER BY name").fetchall()

    def load(self, rows: list[tuple[str, str]]) -> None:
        with self._shop:
            self._shop.execute("DELETE FROM items")
            self._shop.executemany("INSERT INTO items VALUES (?, ?)", rows)


def items(shop: Shop) -> SqliteTable:
    return SqliteTable(shop.connect, "items", key="name")
