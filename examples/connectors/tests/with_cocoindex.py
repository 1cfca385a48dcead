"""A pipeline over all three connectors, in wall time, on whatever `cocoindex` is.

In an empty directory it is brought up to date, changes are made, and it follows them live.
"""

import asyncio
import json
import os
import pathlib
import sqlite3
from datetime import timedelta

import cocoindex as coco
from cocoindex.connectors import localfs

from sample_connectors import JsonFeed, LogFile, SqliteTable, keep_change_log, over_http
from shop_server import ShopServer

EVERY = timedelta(milliseconds=50)
OUTPUT = pathlib.Path("out")


@coco.lifespan
def environment(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn
async def write(entry, directory):
    directory.declare_file(entry["name"], json.dumps(entry["value"]))


async def main(url):
    items = {
        "json": JsonFeed(over_http(url), interval=EVERY),
        "log": LogFile("orders.log", interval=EVERY),
        "table": SqliteTable(connect, "items", key="name", interval=EVERY),
    }
    for name, source in items.items():
        directory = await localfs.mount_dir_target(OUTPUT / name)
        await coco.mount_each(coco.component_subpath(name), write, source, directory)


def connect():
    return sqlite3.connect("shop.db")


def entry(name, value):
    return {"name": name, "value": value}


def append(*changes):
    with open("orders.log", "a") as log:
        log.writelines(json.dumps(change) + "\n" for change in changes)


def written():
    found = {}
    for path in OUTPUT.rglob("*"):
        if path.is_file():
            found.setdefault(path.parent.name, {})[path.name] = json.loads(path.read_text())
    return found


async def play(expected):
    """Prints the values of the files there are in the end, by directory and name; waits until they are as expected."""
    with connect() as shop:
        shop.execute("CREATE TABLE items (name TEXT PRIMARY KEY, value TEXT)")
        keep_change_log(shop, "items", "name")
        shop.execute("INSERT INTO items VALUES ('apples', '1'), ('pears', '2')")
    append({"key": "A1", "value": entry("A1", "apples")})
    async with ShopServer() as server:
        server.document = {"apples": entry("apples", "1")}
        app = coco.App("Shop", main, server.url)
        await app.update()
        update = app.update(live=True)
        result = asyncio.ensure_future(update.result())
        await asyncio.wait([result], timeout=1)
        with connect() as shop:
            shop.execute("DELETE FROM items WHERE name = 'apples'")
            shop.execute("INSERT INTO items VALUES ('plums', '3')")
        append({"key": "A1"}, {"key": "A2", "value": entry("A2", "pears")})
        server.document = {"plums": entry("plums", "3")}
        for _ in range(1_200):
            if written() == expected or result.done():
                break
            await asyncio.sleep(0.05)
        print(json.dumps(written(), sort_keys=True), flush=True)
        os._exit(0)  # a live update does not end by itself
