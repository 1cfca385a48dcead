# Goal: a scripted watch tells what its profile says, never less than the port promises, and the same for the same seed.

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cocoindex_sim.fakes.filesystem import (
    PROFILES,
    FakeFileSystem,
    FakeWatch,
    FileKernel,
    KernelChange,
    Watching,
    WatchProfile,
)
from cocoindex_sim.ports import FileChange
from cocoindex_sim.world import VirtualLoop

ROOT = "/project/src"
Told = list[tuple[str, str]]


class Stage:
    """A kernel with one directory to watch, on virtual time."""

    def __init__(self, profile: WatchProfile | str = "perfect", seed: int = 0) -> None:
        self.loop = VirtualLoop()
        self.kernel = FileKernel(lambda: self.loop.now_ns)
        self.kernel.mkdir(ROOT)
        self.watching = Watching(self.kernel, random.Random(seed), profile=profile)
        self.port = FakeFileSystem(self.kernel, watching=self.watching)

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return self.loop.run_until_complete(work())

    def told(self, *acts: Callable[[FileKernel], object], recursive: bool = True, pause_s: float = 0.0) -> list[Told]:
        """The batches told of what is done after the watch was armed, by paths relative to the root."""
        batches: list[Told] = []

        async def watch() -> None:
            armed = await self.port.watch(ROOT, recursive=recursive)
            taking = asyncio.ensure_future(take(armed))
            for act in acts:
                act(self.kernel)
                await asyncio.sleep(pause_s)
            await self.watching.delivered()
            taking.cancel()
            await armed.aclose()

        async def take(armed: FakeWatch) -> None:
            while True:
                batches.append([(kind, path.removeprefix(ROOT + "/")) for kind, path in await armed.next_changes()])

        self.run(watch)
        return batches


def flat(batches: list[Told]) -> Told:
    return [change for batch in batches for change in batch]


def test_the_kernel_says_every_change_once_and_in_order() -> None:
    said: list[KernelChange] = []
    kernel = FileKernel(lambda: 0, cwd="/w")
    kernel.listeners.append(said.append)
    kernel.write("d/f", "1", parents=True)
    kernel.write("d/f", "2")
    kernel.append("d/f", "3")
    kernel.replace_content("d/f", b"4")
    kernel.chmod("d", 0o700)
    kernel.touch("d/f")
    kernel.symlink("d", "link")
    kernel.write("link/g", "1")
    kernel.rename("link/g", "g")
    kernel.rename("d", "e")
    kernel.unlink("link")
    kernel.rmtree("e")
    kernel.mkdir("x")
    kernel.rmdir("x")
    assert [(one.kind, one.path, one.is_dir, one.before) for one in said] == [
        ("added", "/w/d", True, ""),
        ("added", "/w/d/f", False, ""),
        ("modified", "/w/d/f", False, ""),
        ("modified", "/w/d/f", False, ""),
        ("moved", "/w/d/f", False, ""),
        ("touched", "/w/d", True, ""),
        ("touched", "/w/d/f", False, ""),
        ("added", "/w/link", False, ""),
        ("added", "/w/d/g", False, ""),
        ("moved", "/w/g", False, "/w/d/g"),
        ("moved", "/w/e", True, "/w/d"),
        ("removed", "/w/link", False, ""),
        ("removed", "/w/e/f", False, ""),
        ("removed", "/w/e", True, ""),
        ("added", "/w/x", True, ""),
        ("removed", "/w/x", True, ""),
    ]


def test_nothing_is_said_of_what_did_not_happen() -> None:
    said: list[KernelChange] = []
    kernel = FileKernel(lambda: 0, cwd="/w")
    kernel.write("f", "")
    kernel.mkdir("d")
    kernel.listeners.append(said.append)
    for act in (
        lambda: kernel.unlink("missing"),
        lambda: kernel.rename("missing", "g"),
        lambda: kernel.rmdir("f"),
        lambda: kernel.write("d", "x"),
        lambda: kernel.symlink("x", "f"),
    ):
        with pytest.raises(OSError):
            act()
    kernel.mkdir("d")
    kernel.rename("f", "f")
    kernel.read("f")
    assert said == []


def test_a_perfect_watch_tells_each_change_at_once_and_in_order() -> None:
    stage = Stage()
    stage.kernel.write(f"{ROOT}/old/x", "", parents=True)
    assert flat(
        stage.told(
            lambda files: files.write(f"{ROOT}/a", "1"),
            lambda files: files.write(f"{ROOT}/a", "2"),
            lambda files: files.rename(f"{ROOT}/old", f"{ROOT}/new"),
            lambda files: files.rename(f"{ROOT}/a", "/project/a"),
            lambda files: files.write("/project/elsewhere", "1"),
        )
    ) == [
        ("added", "a"),
        ("modified", "a"),
        ("deleted", "old"),
        ("added", "new"),
        ("deleted", "old/x"),
        ("added", "new/x"),
        ("deleted", "a"),
    ]


def test_a_watch_that_is_not_recursive_tells_of_direct_entries_only() -> None:
    stage = Stage()
    acts = [
        lambda files: files.mkdir(f"{ROOT}/d"),
        lambda files: files.write(f"{ROOT}/d/x", ""),
        lambda files: files.write(f"{ROOT}/y", ""),
    ]
    assert flat(stage.told(*acts, recursive=False)) == [("added", "d"), ("added", "y")]


def test_inotify_tells_one_change_twice_in_a_batch_once() -> None:
    told = Stage("inotify").told(lambda files: [files.write(f"{ROOT}/a", str(n)) for n in range(9)])
    assert [sorted(batch) for batch in told] == [[("added", "a"), ("modified", "a")]]


def test_inotify_tells_a_new_directory_before_it_sees_into_it_and_has_it_looked_at_later() -> None:
    def act(files: FileKernel) -> None:
        files.write(f"{ROOT}/d/x", "", parents=True)

    told = Stage("inotify").told(act)
    assert told == [[("added", "d")], [("rescan", "d")]]


@pytest.mark.parametrize("profile", ["inotify", "fsevents", "windows"])
def test_a_directory_that_moves_is_told_without_its_entries(profile: str) -> None:
    stage = Stage(profile)
    stage.kernel.write(f"{ROOT}/old/x", "", parents=True)
    told = set(flat(stage.told(lambda files: files.rename(f"{ROOT}/old", f"{ROOT}/new"))))
    assert {("deleted", "old"), ("added", "new")} <= told
    assert not [path for _, path in told if path.endswith("x")]


def test_windows_tells_the_parents_and_some_changes_twice() -> None:
    stage = Stage("windows", seed=1)
    told = flat(stage.told(lambda files: [files.write(f"{ROOT}/{n}", "") for n in range(20)]))
    assert ("modified", ROOT) in told
    assert len(told) > len(set(told))


def test_fsevents_tells_what_happened_just_before_it_was_armed() -> None:
    stage = Stage("fsevents")
    stage.told(lambda files: files.write(f"{ROOT}/a", ""))
    assert ("added", "a") in flat(stage.told())
    stage.loop.advance(200_000_000)
    assert flat(stage.told()) == []


def test_more_than_the_queue_holds_becomes_a_rescan() -> None:
    told = flat(Stage("windows").told(lambda files: [files.write(f"{ROOT}/{n}", "") for n in range(300)]))
    assert ("rescan", ROOT) in told
    assert ("added", "0") not in told


@pytest.mark.parametrize("profile", sorted(PROFILES))
@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda files: files.rmtree(ROOT), id="removed"),
        pytest.param(lambda files: files.rename(ROOT, "/project/away"), id="moved"),
        pytest.param(lambda files: files.rename("/project", "/away"), id="parent moved"),
        pytest.param(lambda files: files.rmtree("/project"), id="parent removed"),
    ],
)
def test_a_root_that_goes_is_told_and_nothing_after_it(profile: str, act: Callable[[FileKernel], object]) -> None:
    def again(files: FileKernel) -> None:
        files.write(f"{ROOT}/later", "", parents=True)

    told = flat(Stage(profile).told(act, again, pause_s=1))
    assert told and set(told) == {("deleted", ROOT)}


def test_what_is_held_is_told_when_it_is_released() -> None:
    stage = Stage("inotify")

    async def run() -> None:
        watch = await stage.port.watch(ROOT, recursive=True)
        stage.watching.hold()
        stage.kernel.write(f"{ROOT}/a", "")
        await asyncio.sleep(1)
        assert stage.watching.undelivered == 0  # nobody should wait for it
        stage.watching.release()
        assert stage.watching.undelivered == 1
        assert await watch.next_changes() == [FileChange("added", f"{ROOT}/a")]
        assert stage.watching.undelivered == 0

    stage.run(run)


def test_an_overflow_loses_what_is_on_its_way() -> None:
    stage = Stage("inotify")
    told = stage.told(
        lambda files: [files.write(f"{ROOT}/a", ""), stage.watching.overflow(), files.write(f"{ROOT}/b", "")]
    )
    assert sorted(flat(told)) == [("added", "b"), ("rescan", ROOT)]


def test_a_silenced_watch_tells_nothing_and_the_next_one_does() -> None:
    stage = Stage()
    assert stage.told(lambda _: stage.watching.silence(), lambda files: files.write(f"{ROOT}/a", "")) == []
    assert stage.told(lambda files: files.write(f"{ROOT}/b", "")) == [[("added", "b")]]


def test_a_killed_watch_raises_whenever_it_is_asked() -> None:
    stage = Stage()

    async def run() -> None:
        watch = await stage.port.watch(ROOT, recursive=True)
        stage.watching.kill(OSError(errno.ENOSPC, "no watches left"))
        for _ in range(2):
            with pytest.raises(OSError, match="no watches left") as caught:
                await watch.next_changes()
            assert caught.value.errno == errno.ENOSPC

    stage.run(run)


def test_arming_raises_what_the_directory_raises_and_what_a_fault_says() -> None:
    stage = Stage()
    with pytest.raises(FileNotFoundError):
        stage.run(lambda: stage.port.watch("/project/none", recursive=True))
    stage.port.faults = lambda op, path: OSError(errno.EMFILE, "too many", path) if op == "watch" else None
    with pytest.raises(OSError, match="too many"):
        stage.run(lambda: stage.port.watch(ROOT, recursive=True))
    assert stage.watching.watches == []


def test_the_end_of_a_process_ends_its_watches_only() -> None:
    stage = Stage()
    other = FakeFileSystem(stage.kernel, watching=stage.watching)

    async def run() -> None:
        await stage.port.watch(ROOT, recursive=True)
        left = await other.watch(ROOT, recursive=True)
        stage.port.cut()
        assert stage.watching.watches == [left]
        await left.aclose()
        assert stage.watching.watches == []

    stage.run(run)


def test_an_unknown_profile_is_named() -> None:
    with pytest.raises(KeyError, match="'kqueue'; there are fsevents, inotify, perfect, windows"):
        Stage("kqueue")


# --- the promise, for every profile ---

names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
ops = st.one_of(
    st.tuples(st.sampled_from(["write", "mkdir", "replace", "unlink", "rmdir", "rmtree", "touch"]), paths, names),
    st.tuples(st.sampled_from(["rename", "rename in", "rename out"]), paths, paths),
    st.tuples(st.just("pause"), st.just(""), st.just("")),
)


def perform(files: FileKernel, op: tuple[str, str, str]) -> None:
    kind, path, argument = op
    full = f"{ROOT}/{path}"
    try:
        match kind:
            case "write":
                files.write(full, argument, parents=True)
            case "mkdir":
                files.mkdir(full, parents=True)
            case "replace":
                files.replace_content(full, argument.encode())
            case "rename":
                files.rename(full, f"{ROOT}/{argument}")
            case "rename in":
                files.rename(f"/project/out/{argument}", full)
            case "rename out":
                files.rename(full, f"/project/out/{argument}")
            case _:
                getattr(files, kind)(full)
    except OSError:
        pass


def state(files: FileKernel) -> dict[str, bytes | None]:
    found: dict[str, bytes | None] = dict.fromkeys(files.listing(ROOT))
    found.update(files.contents(ROOT))
    return {path.rstrip("/"): content for path, content in found.items()}


def is_told(path: str, told: Told) -> bool:
    if (("rescan", ROOT)) in told:
        return True
    parts = path.split("/")
    above = {"/".join(parts[:end]) for end in range(1, len(parts))}
    return any(one == path or (one in above and kind != "modified") for kind, one in told)


@given(
    script=st.lists(ops, max_size=20),
    profile=st.sampled_from(sorted(PROFILES)),
    seed=st.integers(0, 100),
    before=st.lists(paths, max_size=4),
)
def test_whatever_changed_in_the_end_was_told(
    script: list[tuple[str, str, str]], profile: str, seed: int, before: list[str]
) -> None:
    def run() -> tuple[list[Told], dict[str, bytes | None], dict[str, bytes | None]]:
        stage = Stage(profile, seed)
        stage.kernel.write("/project/out/a/b", "out", parents=True)
        for path in before:
            perform(stage.kernel, ("write", path, "old"))
        first = state(stage.kernel)

        def act(op: tuple[str, str, str]) -> Callable[[FileKernel], object]:
            return lambda files: None if op[0] == "pause" else perform(files, op)

        told = stage.told(*(act(op) for op in script), pause_s=0.0004)
        return told, first, state(stage.kernel)

    told, first, last = run()
    for path in first.keys() | last.keys():
        if first.get(path, ...) != last.get(path, ...):
            assert is_told(path, flat(told)), (path, told)
    assert run()[0] == told
