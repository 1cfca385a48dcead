# Goal: looking again and again finds every change, two within one tick of the clock too, and tells when the root goes.

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.connectors.localfs._polling_watch import PollingWatch
from cocoindex_sim.fakes.filesystem import FakeFileSystem, FileKernel
from cocoindex_sim.world import VirtualLoop

ROOT = "/project/src"
Told = list[tuple[str, str]]
ROOT_AGAIN = [("modified", "")] * 2
"""What is told of a directory in which a name came or went."""


class Stage:
    """A directory that is polled once a second, on virtual time."""

    def __init__(self, *, granularity_ns: int = 1) -> None:
        self.loop = VirtualLoop()
        self.kernel = FileKernel(lambda: 1_000_000_000 + self.loop.now_ns, mtime_granularity_ns=granularity_ns)
        self.kernel.mkdir(ROOT)
        self.port = FakeFileSystem(self.kernel)

    def run(self, act: Callable[[PollingWatch], Awaitable[Any]], *, recursive: bool = True) -> Any:
        async def run() -> Any:
            # What is there is old by now.
            await asyncio.sleep(10)
            return await act(await PollingWatch.arm(self.port, ROOT, recursive=recursive, interval_s=1))

        return self.loop.run_until_complete(run())

    def told(self, *acts: Callable[[FileKernel], object], recursive: bool = True) -> list[Told]:
        """What is told in the two looks after each act, by relative path."""

        async def each(watch: PollingWatch) -> list[Told]:
            told = []
            for act in acts:
                act(self.kernel)
                told.append(sorted([*await told_now(watch), *await told_now(watch)]))
            return told

        return self.run(each, recursive=recursive)


async def told_now(watch: PollingWatch) -> Told:
    try:
        async with asyncio.timeout(1.5):
            return [(kind, path.removeprefix(ROOT).removeprefix("/")) for kind, path in await watch.next_changes()]
    except TimeoutError:
        return []


def test_each_change_is_told_and_looked_at_once_more() -> None:
    stage = Stage()
    stage.kernel.write(f"{ROOT}/old", "")
    assert stage.told(
        lambda files: files.read(f"{ROOT}/old"),
        lambda files: files.write(f"{ROOT}/new", "1"),
        lambda files: files.write(f"{ROOT}/new", "2"),
        lambda files: files.replace_content(f"{ROOT}/new", b"3"),
        lambda files: files.unlink(f"{ROOT}/old"),
        lambda files: files.write(f"{ROOT}/d/a", "", parents=True),
        lambda files: files.rename(f"{ROOT}/d", f"{ROOT}/e"),
        lambda files: files.read(f"{ROOT}/new"),
    ) == [
        [*ROOT_AGAIN[1:], ("modified", "old")],  # the newest there was: it may have changed again in the tick it was looked at
        [("added", "new"), *ROOT_AGAIN, ("modified", "new")],
        [("modified", "new"), ("modified", "new")],
        [*ROOT_AGAIN, ("modified", "new"), ("modified", "new")],
        [("deleted", "old"), *ROOT_AGAIN],
        [("added", "d"), ("added", "d/a"), *ROOT_AGAIN, ("modified", "d"), ("modified", "d/a")],
        [("added", "e"), ("added", "e/a"), ("deleted", "d"), ("deleted", "d/a"), *ROOT_AGAIN,
         ("modified", "e"), ("modified", "e/a")],
        [],
    ]  # fmt: skip


def test_a_name_that_came_and_went_between_two_looks_shows_by_its_directory() -> None:
    stage = Stage()
    stage.kernel.mkdir(f"{ROOT}/d")

    async def act(watch: PollingWatch) -> None:
        assert await told_now(watch) == [("modified", ""), ("modified", "d")]
        stage.kernel.write(f"{ROOT}/d/a", "")
        stage.kernel.unlink(f"{ROOT}/d/a")
        assert await told_now(watch) == [("modified", "d")]

    stage.run(act)


def test_a_second_write_in_one_tick_is_told_too() -> None:
    stage = Stage(granularity_ns=40_000_000)

    async def act(watch: PollingWatch) -> None:
        stage.kernel.write(f"{ROOT}/a", "1")
        assert ("added", "a") in await told_now(watch)
        # The look fell into the tick; the same size and time as before.
        stage.kernel.touch(f"{ROOT}/a", stage.kernel.stat(f"{ROOT}/a").mtime_ns)
        assert ("modified", "a") in await told_now(watch)
        assert await told_now(watch) == []

    stage.run(act)


def test_what_was_written_right_before_it_was_armed_is_told_once() -> None:
    stage = Stage()
    stage.kernel.write(f"{ROOT}/old", "")

    async def act(_: PollingWatch) -> tuple[Told, Told]:
        stage.kernel.write(f"{ROOT}/recent", "")
        watch = await PollingWatch.arm(stage.port, ROOT, recursive=True, interval_s=1)
        return await told_now(watch), await told_now(watch)

    assert stage.run(act) == ([("modified", ""), ("modified", "recent")], [])


def test_without_recursion_only_direct_entries_are_told() -> None:
    stage = Stage()
    stage.kernel.mkdir(f"{ROOT}/d")
    assert stage.told(
        lambda files: files.write(f"{ROOT}/d/a", ""), lambda files: files.rename(f"{ROOT}/d", f"{ROOT}/e"),
        recursive=False,
    ) == [
        [("modified", ""), ("modified", "d"), ("modified", "d")],
        [("added", "e"), ("deleted", "d"), *ROOT_AGAIN, ("modified", "e")],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda files: files.rmtree(ROOT), id="removed"),
        pytest.param(lambda files: files.rename("/project", "/away"), id="parent moved"),
        pytest.param(lambda files: (files.rename(ROOT, "/away"), files.mkdir(ROOT)), id="replaced"),
        pytest.param(lambda files: (files.rmtree(ROOT), files.write(ROOT, "")), id="a file now"),
    ],
)
def test_a_root_that_goes_is_told_and_nothing_after_it(act: Callable[[FileKernel], object]) -> None:
    stage = Stage()

    async def run(watch: PollingWatch) -> None:
        act(stage.kernel)
        assert await told_now(watch) == [("deleted", "")]
        assert await told_now(watch) == []

    stage.run(run)


def test_directories_that_may_not_be_read_are_left_out_and_told_when_they_may() -> None:
    stage = Stage()
    stage.kernel.write(f"{ROOT}/d/a", "", parents=True)
    stage.kernel.chmod(f"{ROOT}/d", 0)
    told = stage.told(lambda files: files.chmod(f"{ROOT}/d", 0o755), lambda files: files.chmod(f"{ROOT}/d", 0))
    assert ("modified", "d") in told[0] and ("added", "d/a") in told[0]
    assert ("modified", "d") in told[1] and ("deleted", "d/a") in told[1]


def test_links_are_followed_but_not_in_circles() -> None:
    stage = Stage()
    stage.kernel.write("/project/elsewhere/a", "1", parents=True)
    stage.kernel.symlink("/project/elsewhere", f"{ROOT}/link")
    stage.kernel.symlink(".", f"{ROOT}/circle")
    stage.kernel.symlink("none", f"{ROOT}/dangling")
    [told] = stage.told(lambda files: files.write("/project/elsewhere/a", "2"))
    assert told == [("modified", ""), ("modified", "link"), ("modified", "link/a"), ("modified", "link/a")]


def test_an_error_of_the_disk_is_raised_and_passes() -> None:
    stage = Stage()

    async def act(watch: PollingWatch) -> None:
        stage.kernel.write(f"{ROOT}/a", "")
        stage.port.faults = lambda op, path: OSError(5, "bad disk") if op == "scandir" else None
        with pytest.raises(OSError, match="bad disk"):
            await watch.next_changes()
        stage.port.faults = None
        assert ("added", "a") in await told_now(watch)

    stage.run(act)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["a", "b/a", "b", "c"])), max_size=15))
def test_whatever_is_different_in_the_end_was_told(script: list[tuple[str, str]]) -> None:
    stage = Stage()
    draw = random.Random(len(script))
    for path in ("a", "b/a", "c"):
        stage.kernel.write(f"{ROOT}/{path}", "old", parents=True)
    before = stage.kernel.contents(ROOT)

    async def act(watch: PollingWatch) -> Told:
        told: Told = []
        for op, path in script:
            try:
                if op in "abc":
                    stage.kernel.write(f"{ROOT}/{path}", op, parents=True)
                elif op in "de":
                    stage.kernel.rmtree(f"{ROOT}/{path}")
                elif op == "f":
                    stage.kernel.unlink(f"{ROOT}/{path}")
                else:
                    stage.kernel.rename(f"{ROOT}/{path}", f"{ROOT}/{draw.choice(['a', 'b', 'c', 'b/c'])}")
            except OSError:
                pass
            if draw.random() < 0.4:
                told += await told_now(watch)
        return told + await told_now(watch)

    told = {path for _, path in stage.run(act)}
    after = stage.kernel.contents(ROOT)
    assert {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)} <= told
