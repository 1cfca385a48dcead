# Goal: the change log of a table has every change by its last, whichever statement made it.

import sqlite3

import pytest

from sample_connectors import keep_change_log

CHANGES = [
    ("insert into items values ('c', 3)", ["c"]),
    ("insert or ignore into items values ('a', 9), ('c', 3)", ["c"]),
    ("insert or replace into items values ('a', 9)", ["a"]),
    ("insert into items values ('a', 9) on conflict (id) do update set price = 9", ["a"]),
    ("update items set price = price + 1", ["a", "b"]),
    ("update or ignore items set price = 9 where id = 'b'", ["b"]),
    ("update items set id = 'z' where id = 'a'", ["a", "z"]),
    ("delete from items where id = 'b'", ["b"]),
    ("delete from items", ["a", "b"]),
]


@pytest.fixture
def shop():
    database = sqlite3.connect(":memory:")
    database.execute("create table items (id text primary key, price int)")
    database.execute("insert into items values ('a', 1), ('b', 2)")
    keep_change_log(database, "items", "id")
    yield database
    database.close()


def logged(shop: sqlite3.Connection) -> list[str]:
    return [key for (key,) in shop.execute('select key from "items changes" order by number')]


@pytest.mark.parametrize(("statement", "keys"), CHANGES, ids=[statement for statement, _ in CHANGES])
def test_every_way_to_change_a_row_is_logged(shop: sqlite3.Connection, statement: str, keys: list[str]) -> None:
    shop.execute(statement)
    assert logged(shop) == keys


def test_a_key_is_logged_once_at_its_last_change(shop: sqlite3.Connection) -> None:
    for statement in ("update items set price = 3 where id = 'a'", "delete from items where id = 'b'") * 3:
        shop.execute(statement)
    shop.execute("update items set price = 4 where id = 'a'")
    assert logged(shop) == ["b", "a"]


def test_numbers_are_never_used_again(shop: sqlite3.Connection) -> None:
    shop.execute("delete from items")
    (last,) = shop.execute('select max(number) from "items changes"').fetchone()
    shop.execute('delete from "items changes"')
    shop.execute("insert into items values ('a', 1)")
    assert shop.execute('select number from "items changes"').fetchall() == [(last + 1,)]


def test_to_keep_it_twice_is_to_keep_it_once(shop: sqlite3.Connection) -> None:
    keep_change_log(shop, "items", "id")
    shop.execute("delete from items where id = 'a'")
    assert logged(shop) == ["a"]


def test_names_may_be_any() -> None:
    database = sqlite3.connect(":memory:")
    database.execute('create table "my ""items" ("the key" text primary key)')
    keep_change_log(database, 'my "items', "the key")
    database.execute('insert into "my ""items" values (1)')
    assert database.execute('select key from "my ""items changes"').fetchall() == [("1",)]
    database.close()
