"""Fixtures of the tests of production."""

import contextvars
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import Process
from cocoindex_sim.runtime import real_ports


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """A process of its own on this machine: with a default environment that nobody else has."""
    monkeypatch.delenv("COCOINDEX_DB", raising=False)
    with Process(real_ports()).active() as nothing:
        assert nothing is None
        yield current()
        coco.stop_blocking()


def current() -> Process:
    from cocoindex_sim.engine import current_process

    return current_process()


@pytest.fixture
def environment(tmp_path: Path, process: Process) -> Iterator[coco.Environment]:
    """An environment on the shared background loop."""
    environment = coco.Environment(coco.Settings(db_path=tmp_path / "db"))
    yield environment
    environment.close()


class Threads:
    """Threads that belong to the process of the test. What they return or raise is in `results`."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []
        self.results: list[Any] = []

    def start(self, work: Callable[[], Any]) -> None:
        def run() -> None:
            try:
                self.results.append(work())
            except BaseException as error:
                self.results.append(error)

        thread = threading.Thread(target=contextvars.copy_context().run, args=(run,))
        self._threads.append(thread)
        thread.start()

    def join(self) -> list[Any]:
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        return self.results


@pytest.fixture
def threads() -> Iterator[Threads]:
    threads = Threads()
    yield threads
    threads.join()
