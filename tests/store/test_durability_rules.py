"""Goal: a state directory grows as it has to, and has one process at a time that updates it (DUR-07, DUR-08)."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import cocoindex_sim as coco
from cocoindex_sim.ports import ComponentRecord, RecordKey
from cocoindex_sim.store import LmdbStore
from cocoindex_sim.values import StablePath, StateLockedError

TINY = 1 << 16


@contextmanager
def environment(directory: Path, map_size: int) -> Iterator[coco.Environment]:
    opened = coco.Environment(coco.Settings(db_path=directory, db_settings=coco.LmdbSettings(map_size=map_size)))
    try:
        yield opened
    finally:
        opened.close()


def growths(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_a_full_map_doubles_and_the_commit_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # DUR-07
    def key(number: int) -> RecordKey:
        return RecordKey("component", StablePath.of(number))

    store = LmdbStore(tmp_path, TINY)
    space = store.space("app")
    space.commit([(key(0), ComponentRecord("first"))])
    assert growths(caplog) == []
    with caplog.at_level(logging.WARNING):
        space.commit([(key(number), ComponentRecord("x" * 1000)) for number in range(1, 500)])
    assert len(growths(caplog)) >= 3
    for nth, warning in enumerate(growths(caplog)):
        assert warning == f"the state map of {str(tmp_path)!r} is full at {TINY << nth} bytes: doubling it"
    store.close()
    store = LmdbStore(tmp_path, TINY)
    assert store.space("app").get(key(0)) == ComponentRecord("first")
    assert all(store.space("app").get(key(number)) == ComponentRecord("x" * 1000) for number in range(1, 500))
    store.close()


def test_an_update_that_fills_the_map_goes_through(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # DUR-07
    ran: list[int] = []

    @coco.fn(memo=True)
    def text_of(number: int) -> str:
        ran.append(number)
        return str(number) * 10_000

    @coco.fn
    def main() -> int:
        return sum(len(text_of(number)) for number in range(50))

    with environment(tmp_path, TINY) as env:
        app: coco.App[[], int] = coco.App(coco.AppConfig("app", env), main)
        with caplog.at_level(logging.WARNING):
            assert app.update_blocking() == 900_000
        assert any("doubling it" in warning for warning in growths(caplog))
        assert len(ran) == 50
        assert app.update_blocking() == 900_000
    assert len(ran) == 50


SECOND = """
import sys
import cocoindex_sim as coco

@coco.fn
def main():
    print("updated", flush=True)

try:
    env = coco.Environment(coco.Settings(db_path=sys.argv[1]))
    coco.App(coco.AppConfig("app", env), main).update_blocking()
except RuntimeError as error:
    print(type(error).__name__, error)
else:
    env.close()
"""


def second_process(directory: Path) -> str:
    """What a process that updates the same app prints."""
    command = [sys.executable, "-c", SECOND, str(directory)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@pytest.mark.real
def test_a_second_process_can_not_update_until_the_first_one_closes(tmp_path: Path) -> None:  # DUR-08, SE-18
    ran: list[str] = []

    @coco.fn
    def main() -> None:
        ran.append(second_process(tmp_path))

    with environment(tmp_path, 1 << 20) as env:
        coco.App(coco.AppConfig("app", env), main).update_blocking()
        ran.append(second_process(tmp_path))
    for said in ran:
        assert said.startswith(f"{StateLockedError.__name__} the state directory {str(tmp_path)!r} is held by another")
    assert len(ran) == 2
    assert second_process(tmp_path) == "updated"
