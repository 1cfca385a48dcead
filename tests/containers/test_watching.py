"""Goal: what a container does to a directory of this machine is seen here, by native events and by polling."""

from __future__ import annotations

import os
import pathlib
import threading
import time
from typing import Self

import pytest
import watchfiles

from .conftest import Start, output_of

pytestmark = [pytest.mark.real, pytest.mark.container]

# What is done there, and which changes of which paths have to arrive here: any one of those named. A second passes before
# a file changes again, because polling tells no two changes of one file within one second apart.
STORY: list[tuple[str, dict[str, set[str]]]] = [
    ("echo one > note.md", {"note.md": {"added"}}),
    ("sleep 1.1; echo two >> note.md", {"note.md": {"modified"}}),
    ("mv note.md kept.md", {"note.md": {"deleted"}, "kept.md": {"added"}}),
    ("sleep 1.1; echo three > new; mv new kept.md", {"kept.md": {"added", "modified"}}),
    ("mkdir guide", {"guide": {"added"}}),
    ("echo one > guide/page.md", {"guide/page.md": {"added"}}),
    ("mv guide manual", {"guide": {"deleted"}, "manual": {"added"}}),
    ("sleep 1.1; echo two >> manual/page.md", {"manual/page.md": {"modified"}}),
    ("echo one > manual/more.md", {"manual/more.md": {"added"}}),
    ("rm kept.md", {"kept.md": {"deleted"}}),
    ("rm -r manual", {"manual": {"deleted"}}),
]


class Watch:
    """The changes below a directory, as watchfiles reports them to a thread of this object."""

    def __init__(self, root: pathlib.Path, polling: bool) -> None:
        self.root = root
        self.polling = polling
        self.news = threading.Condition()
        self.rounds = 0
        self.seen: set[tuple[str, str]] = set()
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self) -> None:
        options = {"force_polling": self.polling, "watch_filter": None, "stop_event": self.stop}
        for changes in watchfiles.watch(self.root, debounce=200, rust_timeout=100, yield_on_timeout=True, **options):
            with self.news:
                self.rounds += 1
                self.seen |= {(kind.raw_str(), os.path.relpath(path, self.root)) for kind, path in changes}
                self.news.notify_all()

    def __enter__(self) -> Self:
        self.thread.start()
        with self.news:
            assert self.news.wait_for(lambda: self.rounds, timeout=30), "the watch never began"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def take(self, path: str, kinds: set[str]) -> None:
        """Wait for a change of one of the kinds, and forget it."""
        wanted = {(kind, path) for kind in kinds}
        with self.news:
            assert self.news.wait_for(lambda: wanted & self.seen, timeout=30), f"none of {wanted} in {self.seen}"
            self.seen -= wanted


@pytest.fixture(params=["native", "polling"])
def watch(request: pytest.FixtureRequest, tmp_path: pathlib.Path) -> Watch:
    return Watch(tmp_path, polling=request.param == "polling")


def test_every_change_a_container_makes_arrives(watch: Watch, start: Start) -> None:
    user = f"{os.getuid()}:{os.getgid()}"
    container = start(["sleep", "600"], str(watch.root), user=user)
    touched = {".", "new", "guide/page.md", "manual/page.md", "manual/more.md"}
    with watch:
        for command, expected in STORY:
            output_of(container, "sh", "-c", command)
            for path, kinds in expected.items():
                watch.take(path, kinds)
            touched |= set(expected)
    assert {path for _, path in watch.seen} <= touched
    assert list(watch.root.iterdir()) == []


def test_files_written_in_a_burst_all_arrive(watch: Watch, start: Start) -> None:
    user = f"{os.getuid()}:{os.getgid()}"
    container = start(["sleep", "600"], str(watch.root), user=user)
    with watch:
        output_of(container, "sh", "-c", "for i in $(seq 2000); do echo $i > $i.md; done")
        began = time.monotonic()
        for number in range(1, 2001):
            watch.take(f"{number}.md", {"added"})
        assert time.monotonic() - began < 30
    assert (watch.root / "2000.md").read_text() == "2000\n"
