# Goal: a directory that is followed ends up processed as it is, whatever a watch tells of it and however it fails.

from __future__ import annotations

import asyncio
import errno
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cocoindex_sim as coco
from cocoindex_sim.connectors import localfs
from cocoindex_sim.fakes.filesystem import PROFILES, FakeFileSystem
from cocoindex_sim.resources.file import PatternFilePathMatcher
from cocoindex_sim.world import SeededRandom

from .live_project import SRC, LiveProject

every_profile = pytest.mark.parametrize("profile", sorted(PROFILES))


@every_profile
def test_create_modify_and_delete_arrive(profile: str) -> None:  # FS-20
    with LiveProject(profile) as project:
        project.write("old", "1")
        project.start()
        assert project.out == {"old": "1"}
        project.write("new", "1")
        assert project.out == {"old": "1", "new": "1"}
        project.write("new", "2")
        project.do(lambda files: files.unlink(f"{SRC}/old"))
        assert project.out == {"new": "2"}
        assert project.take_errors() == []


@every_profile
def test_a_new_file_is_processed_once(profile: str) -> None:  # FS-20
    with LiveProject(profile).start() as project:
        project.write("a", "1")
        assert project.take_ran() == [("a", "1")]
        project.write("a", "2")
        assert project.take_ran() == [("a", "2")]


@every_profile
def test_what_changes_between_arming_and_scan_is_neither_lost_nor_done_twice(profile: str) -> None:  # FS-19
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.write("gone", "1", settle=False)
        at_scan(project, lambda: (project.write("b", "1", settle=False), project.files.unlink(f"{SRC}/gone")))
        project.start()
        assert project.out == {"a": "1", "b": "1"}
        assert project.take_ran() == [("a", "1"), ("b", "1")]


@every_profile
def test_what_changes_after_the_scan_saw_it_arrives(profile: str) -> None:  # FS-19
    with LiveProject(profile) as project:
        project.write("a/x", "1", settle=False)
        project.write("b/x", "1", settle=False)
        # When the second directory is listed, the first one has been.
        at_scan(project, lambda: project.write("a/y", "1", settle=False), path=f"{SRC}/b")
        project.start()
        assert project.out == {"a/x": "1", "a/y": "1", "b/x": "1"}
        assert sorted(project.take_ran()) == [("a/x", "1"), ("a/y", "1"), ("b/x", "1")]


def at_scan(project: LiveProject, act: Callable[[], object], path: str = SRC) -> None:
    """Do something once, right before a directory is listed for the first scan."""
    done = False

    def faults(op: str, at: str) -> None:
        nonlocal done
        if op == "scandir" and at == path and not done:
            done = True
            act()

    port(project).faults = faults


def port(project: LiveProject) -> FakeFileSystem:
    found = project.world.process.ports.file_system
    assert isinstance(found, FakeFileSystem)
    return found


@every_profile
def test_scan_and_watch_filter_alike(profile: str) -> None:  # FS-20, EDGE-11
    matcher = PatternFilePathMatcher(["*.md"], ["node_modules", "draft*"])
    with LiveProject(profile, matcher=matcher) as project:
        names = ["a.md", "a.txt", "node_modules/a.md", "node_modules/deep/a.md", "draft.md", "sub/a.md", "sub/a.txt"]
        for name in names:
            project.write(name, "before", settle=False)
        project.start()
        assert sorted(project.out) == ["a.md", "sub/a.md"]
        project.take_ran()
        for name in names:
            project.write(name, "after!", settle=False)
            project.write(name.replace("a.", "new."), "new", settle=False)
        project.world.settle()
        assert sorted(project.take_ran()) == [
            ("a.md", "after!"), ("new.md", "new"), ("sub/a.md", "after!"), ("sub/new.md", "new"),
        ]  # fmt: skip


@every_profile
def test_a_rename_is_a_delete_and_a_create_each_filtered_by_itself(profile: str) -> None:  # FS-21
    with LiveProject(profile, matcher=PatternFilePathMatcher(["*.md"])) as project:
        for name in ("a.md", "b.md", "c.txt"):
            project.write(name, name, settle=False)
        project.start()
        project.take_ran()
        project.do(
            lambda files: files.rename(f"{SRC}/a.md", f"{SRC}/z.md"),
            lambda files: files.rename(f"{SRC}/b.md", f"{SRC}/b.txt"),
            lambda files: files.rename(f"{SRC}/c.txt", f"{SRC}/c.md"),
        )
        assert project.out == {"z.md": "a.md", "c.md": "c.txt"}
        assert sorted(project.take_ran()) == [("c.md", "c.txt"), ("z.md", "a.md")]


@every_profile
def test_moving_out_deletes_and_moving_in_creates(profile: str) -> None:  # FS-21
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.files.write("/project/b", "2")
        project.start()
        project.do(lambda files: files.rename(f"{SRC}/a", "/project/a"))
        assert project.out == {}
        project.do(lambda files: files.rename("/project/b", f"{SRC}/b"))
        assert project.out == {"b": "2"}


@every_profile
def test_an_atomic_save_is_one_update_and_no_delete(profile: str) -> None:  # FS-21
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.take_ran()
        project.world.trace.take_events()
        project.files.write(f"{SRC}/.a~", "2")
        project.do(lambda files: files.rename(f"{SRC}/.a~", f"{SRC}/a"))
        assert project.take_ran() == [("a", "2")]
        assert [line for line in project.world.trace.take_events() if "Removed" in type(line).__name__] == []
        assert project.out == {"a": "2"}


@every_profile
def test_a_directory_that_is_renamed_moves_its_items(profile: str) -> None:  # FS-22
    with LiveProject(profile) as project:
        project.write("d/a", "1", settle=False)
        project.write("d/sub/b", "2", settle=False)
        project.write("d-e", "3", settle=False)
        project.start()
        project.take_ran()
        project.do(lambda files: files.rename(f"{SRC}/d", f"{SRC}/e"))
        assert project.out == {"e/a": "1", "e/sub/b": "2", "d-e": "3"}
        project.write("e/sub/b", "later")
        assert project.out == {"e/a": "1", "e/sub/b": "later", "d-e": "3"}
        assert ("d-e", "3") not in project.take_ran()


@every_profile
def test_a_directory_that_is_removed_or_moved_out_takes_its_items(profile: str) -> None:  # FS-22
    with LiveProject(profile) as project:
        for name in ("d/a", "d/sub/b", "e/a", "e/sub/b", "f"):
            project.write(name, name, settle=False)
        project.start()
        project.do(lambda files: files.rmtree(f"{SRC}/d"))
        assert sorted(project.out) == ["e/a", "e/sub/b", "f"]
        project.do(lambda files: files.rename(f"{SRC}/e", "/project/e"))
        assert sorted(project.out) == ["f"]


@every_profile
def test_new_directories_come_with_what_is_in_them_and_later_edits(profile: str) -> None:  # FS-22
    with LiveProject(profile).start() as project:
        project.files.write("/project/in/deep/a", "1", parents=True)
        project.do(lambda files: files.rename("/project/in", f"{SRC}/in"))
        project.write("made/here/b", "1")
        assert project.out == {"in/deep/a": "1", "made/here/b": "1"}
        project.write("in/deep/a", "2")
        project.write("made/here/b", "2")
        project.write("made/here/c", "2")
        assert project.out == {"in/deep/a": "2", "made/here/b": "2", "made/here/c": "2"}


@every_profile
def test_a_directory_takes_the_place_of_a_file_and_back(profile: str) -> None:  # FS-22
    with LiveProject(profile) as project:
        project.write("a", "file", settle=False)
        project.start()
        project.do(lambda files: files.unlink(f"{SRC}/a"), lambda files: files.write(f"{SRC}/a/b", "1", parents=True))
        assert project.out == {"a/b": "1"}
        project.do(lambda files: files.rmtree(f"{SRC}/a"), lambda files: files.write(f"{SRC}/a", "again"))
        assert project.out == {"a": "again"}


@every_profile
def test_without_recursion_only_direct_files_count(profile: str) -> None:  # FS-09, FS-22
    with LiveProject(profile, recursive=False) as project:
        project.write("a", "1", settle=False)
        project.write("d/a", "1", settle=False)
        project.start()
        project.write("d/b", "1")
        project.do(lambda files: files.rename(f"{SRC}/d", f"{SRC}/e"))
        project.write("b", "1")
        assert project.out == {"a": "1", "b": "1"}


@every_profile
@pytest.mark.parametrize("memo", [False, True])
def test_times_and_permissions_alone_cause_no_processing(profile: str, memo: bool) -> None:  # FS-23
    with LiveProject(profile, memo=memo) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.write("b", "1")
        assert sorted(project.take_ran()) == [("a", "1"), ("b", "1")]
        for _ in range(2):
            for name in ("a", "b"):
                project.do(lambda files, name=name: files.touch(f"{SRC}/{name}"))
                project.do(lambda files, name=name: files.chmod(f"{SRC}/{name}", 0o600))
            project.world.advance(10)
        project.write("a", "1")
        assert project.take_ran() == []
        project.write("a", "2")
        assert project.take_ran() == [("a", "2")]


@every_profile
def test_the_last_content_of_a_burst_wins_with_little_work(profile: str) -> None:  # FS-23, EDGE-22
    with LiveProject(profile).start() as project:
        for number in range(1000):
            project.write("a", str(number), settle=False)
            if number % 100 == 0:
                project.world.advance(0.0001)
        project.world.settle()
        assert project.out == {"a": "999"}
        assert len(project.take_ran()) < 30


def test_a_change_that_leaves_size_and_time_as_they_were_is_seen() -> None:  # FS-07, FS-23
    with LiveProject("inotify", memo=True) as project:
        project.files.mtime_granularity_ns = 1_000_000_000
        project.write("a", "1", settle=False)
        project.start()
        project.write("a", "2")
        assert project.out == {"a": "2"}
        project.write("a", "3")
        assert project.out == {"a": "3"}


@every_profile
def test_a_file_that_vanishes_before_it_is_processed_is_skipped(profile: str) -> None:  # FS-24
    with LiveProject(profile).start() as project:
        project.write("a", "1", settle=False)
        project.files.unlink(f"{SRC}/a")
        project.world.settle()
        assert (project.out, project.take_ran(), project.take_errors()) == ({}, [], [])


@every_profile
@pytest.mark.parametrize("memo", [False, True])
@pytest.mark.parametrize("found_by", ["scan", "watch"])
def test_a_file_that_vanishes_before_it_is_read_is_no_failure(profile: str, memo: bool, found_by: str) -> None:
    # FS-24
    with LiveProject(profile, memo=memo) as project:

        async def vanish(key: str) -> None:
            if project.files.node_at(f"{SRC}/d/{key[2:]}") is not None:
                project.files.rmtree(f"{SRC}/d")

        project.before_read = vanish
        if found_by == "scan":
            project.write("d/a", "1", settle=False)
        project.start()
        if found_by == "watch":
            project.write("d/a", "1")
        assert (project.out, project.take_ran(), project.take_errors()) == ({}, [], [])
        assert project.world.stats().total.num_errors == 0
        assert project.world.stats().total.num_in_progress == 0
        project.before_read = None
        project.write("d/a", "1")
        assert project.out == {"d/a": "1"}


def test_in_a_catch_up_update_over_a_plain_walk_a_file_that_vanishes_is_a_failure() -> None:
    with LiveProject(live=False) as project:

        async def vanish(key: str) -> None:
            project.files.unlink(f"{SRC}/{key}")

        project.before_read = vanish
        project.write("a", "1", settle=False)
        project.world.update()
        assert [error.split(":")[0] for error in project.take_errors()] == ["FileNotFoundError"]


@pytest.mark.parametrize("profile", ["perfect", "inotify"])
def test_a_failing_item_is_reported_keeps_its_target_and_is_tried_again_by_the_next_event(profile: str) -> None:
    # FS-25
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.failing.add("a")
        project.write("a", "2")
        assert project.take_errors() == ["RuntimeError: a fails"]
        assert project.out == {"a": "1"}
        project.write("a", "2")
        assert project.take_errors() == ["RuntimeError: a fails"]
        project.failing.clear()
        project.do(lambda files: files.touch(f"{SRC}/a"))
        assert project.take_errors() == []
        assert project.out == {"a": "2"}


def test_an_item_that_failed_in_the_scan_is_tried_again_by_the_next_event() -> None:  # FS-25
    with LiveProject("inotify") as project:
        project.write("a", "1", settle=False)
        project.failing.add("a")
        project.start()
        assert project.take_errors() == ["RuntimeError: a fails"]
        project.failing.clear()
        project.write("a", "1")
        assert project.out == {"a": "1"}


def test_a_file_that_may_not_be_read_is_processed_once_it_may() -> None:  # FS-25
    with LiveProject("inotify") as project:
        project.write("a", "1", settle=False)
        project.files.chmod(f"{SRC}/a", 0)
        project.start()
        assert [error.split(":")[0] for error in project.take_errors()] == ["PermissionError"]
        project.do(lambda files: files.chmod(f"{SRC}/a", 0o644))
        assert project.out == {"a": "1"}
        project.take_ran()
        project.do(lambda files: files.touch(f"{SRC}/a"))
        assert project.take_ran() == []


def test_a_file_that_was_processed_unread_is_processed_again_once_it_may_be_read() -> None:  # FS-23, FS-25
    with LiveProject("inotify") as project:
        project.tolerant = True
        project.write("a", "1", settle=False)
        project.files.chmod(f"{SRC}/a", 0)
        project.world.advance(10)
        project.start()
        project.do(lambda files: files.chmod(f"{SRC}/a", 0o644))
        assert project.take_ran() == [("a", "unreadable"), ("a", "1")]


def test_a_change_that_cannot_be_read_is_reported_by_its_item() -> None:  # FS-25
    with LiveProject("inotify") as project:
        project.write("a", "1", settle=False)
        project.start()
        is_broken = True
        port(project).faults = lambda op, path: OSError(errno.EIO, "bad disk") if is_broken and op == "read" else None
        project.write("a", "2")
        assert project.take_errors() == ["OSError: [Errno 5] bad disk"]
        is_broken = False
        project.do(lambda files: files.touch(f"{SRC}/a"))
        assert project.out == {"a": "2"}


def test_a_slow_item_holds_up_no_other_and_its_own_order_stands() -> None:  # FS-26, EDGE-13
    with LiveProject("inotify").start() as project:
        release = asyncio.Event()

        async def wait(key: str) -> None:
            if key == "slow":
                await release.wait()

        project.before_read = wait
        project.write("slow", "1")
        project.write("quick", "1")
        assert project.out == {"quick": "1"}
        project.write("slow", "2")
        project.do(lambda files: files.unlink(f"{SRC}/slow"))
        project.write("slow", "3")
        assert project.out == {"quick": "1"}
        release.set()
        project.world.settle()
        assert project.out == {"quick": "1", "slow": "3"}


def test_a_watch_that_falls_silent_is_replaced_at_the_next_rescan() -> None:  # FS-27, EDGE-13
    with LiveProject("inotify", rescan_interval=timedelta(hours=1)) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.world.watching.silence()
        project.write("b", "1")
        project.do(lambda files: files.unlink(f"{SRC}/a"))
        project.world.advance(3_500)
        assert project.out == {"a": "1"}
        project.world.advance(101)
        assert project.out == {"b": "1"}
        project.write("c", "1")
        assert project.out == {"b": "1", "c": "1"}
        assert project.armed == 1


def test_without_an_interval_nothing_is_scanned_again() -> None:  # FS-27
    with LiveProject("inotify", rescan_interval=None).start() as project:
        project.world.watching.silence()
        project.write("a", "1")
        project.world.advance(timedelta(days=30))
        assert project.out == {}


@every_profile
def test_edits_behind_links_are_seen_by_rescans(profile: str) -> None:  # FS-28
    with LiveProject(profile, rescan_interval=timedelta(hours=1)) as project:
        project.files.write("/project/elsewhere/a", "1", parents=True)
        project.files.symlink("/project/elsewhere/a", f"{SRC}/link")
        project.files.symlink("/project/elsewhere", f"{SRC}/dir")
        project.start()
        assert project.out == {"link": "1", "dir/a": "1"}
        project.files.write("/project/elsewhere/a", "2")
        project.world.advance(3_601)
        assert project.out == {"link": "2", "dir/a": "2"}
        project.do(lambda files: files.unlink(f"{SRC}/dir"))
        assert project.out == {"link": "2"}


@every_profile
def test_a_linked_root_works(profile: str) -> None:  # FS-28
    with LiveProject(profile, path="link") as project:
        project.files.symlink("src", "/project/link")
        project.write("a", "1", settle=False)
        project.start()
        project.write("d/b", "1")
        assert project.out == {"a": "1", "d/b": "1"}


def test_a_linked_root_that_leads_elsewhere_is_followed_from_the_next_rescan() -> None:  # FS-28
    with LiveProject(path="link", rescan_interval=timedelta(hours=1)) as project:
        project.files.symlink("src", "/project/link")
        project.write("a", "1", settle=False)
        project.start()
        project.files.write("/project/other/b", "1", parents=True)
        project.do(lambda files: files.unlink("/project/link"), lambda files: files.symlink("other", "/project/link"))
        project.world.advance(3_601)
        assert project.out == {"b": "1"}
        project.do(lambda files: files.write("/project/other/c", "1"))
        assert project.out == {"b": "1", "c": "1"}


def test_a_link_to_a_directory_above_is_not_entered_by_the_watch_either() -> None:  # FS-10
    with LiveProject().start() as project:
        project.write("d/a", "1")
        project.do(lambda files: files.symlink("..", f"{SRC}/d/up"))
        project.world.watching.tell("modified", f"{SRC}/d/up/d/a")
        project.world.settle()
        assert project.out == {"d/a": "1"}


def test_a_root_that_is_missing_at_the_start_fails_the_update_and_says_why() -> None:  # FS-29, EDGE-03
    with LiveProject() as project:
        project.files.rmdir(SRC)
        project.world.start(live=True)
        with pytest.raises(RuntimeError, match="Child component build cancelled") as caught:
            project.world.finish()
        assert "Path is not a directory: /project/src" in str(caught.value.__cause__)


@every_profile
@pytest.mark.parametrize("again", ["restored", "made anew"])
def test_a_root_that_goes_is_reported_once_and_followed_again_when_it_returns(profile: str, again: str) -> None:
    # FS-29
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.write("b", "1", settle=False)
        project.start()
        project.do(lambda files: files.rename(SRC, "/project/away"))
        project.world.advance(100)
        assert project.take_errors() == [
            "ValueError: Path is not a directory: /project/src; create it, or give `walk_dir` the path of one"
        ]
        assert project.out == {"a": "1", "b": "1"}  # nothing said that they are gone
        project.take_ran()
        if again == "restored":
            project.files.write("/project/away/a", "2")
            project.do(lambda files: files.rename("/project/away", SRC))
        else:
            project.write("a", "2")
        project.world.advance(1)
        assert project.out == project.source
        project.write("c", "1")
        assert project.out == project.source
        assert (project.take_errors(), project.armed) == ([], 1)


@pytest.mark.parametrize("profile", ["perfect", "inotify"])
def test_a_root_that_is_removed_takes_its_items_by_their_events(profile: str) -> None:  # FS-29
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.write("d/b", "1", settle=False)
        project.start()
        project.do(lambda files: files.rmtree(SRC))
        assert project.out == {}
        assert [error.split(":")[0] for error in project.take_errors()] == ["ValueError"]


@every_profile
def test_a_root_that_is_replaced_at_once_is_followed_on(profile: str) -> None:  # FS-29
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.do(
            lambda files: files.rename(SRC, "/project/away"), lambda files: files.write(f"{SRC}/b", "2", parents=True)
        )
        assert project.out == {"b": "2"}
        project.write("c", "3")
        assert project.out == {"b": "2", "c": "3"}


@every_profile
def test_what_happens_while_it_is_down_is_found_by_the_next_start(profile: str) -> None:  # FS-30, EDGE-21
    with LiveProject(profile, memo=True) as project:
        for name in ("same", "changed", "gone", "d/a"):
            project.write(name, "1", settle=False)
        project.start()
        project.restart()
        project.files.write(f"{SRC}/changed", "2")
        project.files.unlink(f"{SRC}/gone")
        project.files.rename(f"{SRC}/d", f"{SRC}/e")
        project.take_ran()
        project.world.start(live=True)
        project.write("meanwhile", "1", settle=False)
        project.world.settle()
        assert project.out == {"same": "1", "changed": "2", "e/a": "1", "meanwhile": "1"}
        assert sorted(project.take_ran()) == [("changed", "2"), ("e/a", "1"), ("meanwhile", "1")]


@every_profile
def test_an_overflow_rescans_everything(profile: str) -> None:  # EDGE-13
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.write("b", "1", settle=False)
        project.files.unlink(f"{SRC}/a")
        project.world.watching.overflow()
        project.world.settle()
        assert project.out == {"b": "1"}


@every_profile
def test_a_watch_that_dies_is_reported_and_replaced_and_nothing_is_lost(profile: str) -> None:  # EDGE-13
    with LiveProject(profile) as project:
        project.write("a", "1", settle=False)
        project.start()
        project.world.advance(60)
        project.write("b", "1", settle=False)
        project.files.unlink(f"{SRC}/a")
        project.world.watching.kill(OSError(errno.EIO, "gone"))
        project.world.settle()
        assert [error.split(":")[0] for error in project.take_errors()] == ["OSError"]
        assert project.out == {"b": "1"}
        project.write("c", "1")
        assert (project.out, project.armed) == ({"b": "1", "c": "1"}, 1)


def test_watches_that_keep_dying_are_replaced_ever_more_slowly() -> None:
    with LiveProject().start() as project:
        for _ in range(60):
            project.world.watching.kill()
            project.world.advance(1)
        assert 4 <= len(project.take_errors()) <= 10
        project.world.advance(60)
        project.write("a", "1")
        assert project.out == {"a": "1"}


def test_arming_that_fails_is_reported_and_tried_again_with_a_scan_each_time() -> None:
    with LiveProject() as project:
        project.write("a", "1", settle=False)
        refused = True
        port(project).faults = lambda op, path: (
            OSError(errno.ENOSPC, "no watches") if refused and op == "watch" else None
        )
        project.start()
        assert project.out == {"a": "1"}
        project.write("b", "1")
        project.world.advance(10)
        assert project.out == {"a": "1", "b": "1"}
        assert set(project.take_errors()) == {"OSError: [Errno 28] no watches"}
        refused = False
        project.world.advance(60)
        project.write("c", "1")
        assert (sorted(project.out), project.armed) == (["a", "b", "c"], 1)


def test_a_scan_that_fails_removes_nothing_and_is_tried_again() -> None:  # FEED-08
    with LiveProject() as project:
        project.write("a", "1", settle=False)
        project.write("d/b", "1", settle=False)
        project.start()
        project.restart()
        is_broken = True
        port(project).faults = lambda op, path: (
            OSError(errno.EIO, "bad disk") if is_broken and (op, path) == ("scandir", f"{SRC}/d") else None
        )
        project.files.unlink(f"{SRC}/a")
        project.start()
        assert project.take_errors() == ["OSError: [Errno 5] bad disk"]
        assert project.out == {"a": "1", "d/b": "1"}
        is_broken = False
        project.world.advance(2)
        assert project.out == {"d/b": "1"}
        assert project.take_errors() == []


def test_a_path_that_cannot_be_looked_at_is_reported_and_looked_at_again() -> None:
    with LiveProject() as project:
        project.start()
        is_broken = True
        port(project).faults = lambda op, path: (
            OSError(errno.EIO, "bad disk") if is_broken and (op, path) == ("stat", f"{SRC}/a") else None
        )
        project.write("a", "1")
        project.write("b", "1")
        assert "OSError: [Errno 5] bad disk" in project.take_errors()
        assert project.out == {"b": "1"}
        is_broken = False
        project.world.advance(60)
        assert project.out == {"a": "1", "b": "1"}


@pytest.mark.parametrize("profile", ["perfect", "inotify", "windows"])
def test_a_directory_is_skipped_while_it_cannot_be_read(profile: str) -> None:  # FS-10
    with LiveProject(profile) as project:
        project.write("d/a", "1", settle=False)
        project.start()
        project.do(lambda files: files.chmod(f"{SRC}/d", 0o311))
        assert project.out == {}
        project.write("d/b", "1")
        assert project.out == {}
        project.do(lambda files: files.chmod(f"{SRC}/d", 0o755))
        assert project.out == {"d/a": "1", "d/b": "1"}
        project.write("d/c", "1")
        assert sorted(project.out) == ["d/a", "d/b", "d/c"]


def test_a_directory_told_as_modified_is_not_walked() -> None:
    with LiveProject("windows") as project:
        project.write("d/a", "1", settle=False)
        project.write("d/b", "1", settle=False)
        project.start()
        asked: list[tuple[str, str]] = []
        port(project).faults = lambda op, path: asked.append((op, path))  # type: ignore[func-returns-value]
        project.write("d/c", "1")  # which its directory is told as modified for
        assert sorted(project.out) == ["d/a", "d/b", "d/c"]
        assert [path for _, path in asked if path.endswith("d/b")] == []


@pytest.mark.parametrize("directory", ["", "/d"])
def test_a_directory_told_as_modified_loses_what_went_from_it_untold(directory: str) -> None:
    # A poll tells nothing else of a file that came and went between two of its looks, but that a scan saw.
    with LiveProject() as project:
        for name in ("a", "b", "d/a", "d/b", "d/e/a"):
            project.write(name, "1", settle=False)
        project.start()
        [watch] = project.world.watching.watches
        watch.is_silent = True
        project.do(lambda files: files.unlink(f"{SRC}{directory}/a"))
        watch.is_silent = False
        assert len(project.out) == 5
        project.world.watching.tell("modified", f"{SRC}{directory}")
        project.world.settle()
        assert sorted(project.out) == sorted({"a", "b", "d/a", "d/b", "d/e/a"} - {f"{directory}/a".lstrip("/")})


def test_a_root_told_as_deleted_that_is_still_there_is_not_scanned_again() -> None:
    with LiveProject() as project:
        project.write("a", "1", settle=False)
        project.start()
        project.take_ran()
        project.world.watching.tell("deleted", SRC)
        project.world.settle()
        assert (project.take_ran(), project.take_errors()) == ([], [])


def test_watches_that_die_now_and_then_are_replaced_at_once() -> None:
    with LiveProject().start() as project:
        for number in range(5):
            project.world.advance(60)
            project.world.watching.kill()
            project.write(f"{number}", "1")
            assert len(project.out) == number + 1


def test_a_root_that_is_gone_for_the_moment_of_arming_is_watched_in_the_end() -> None:  # FS-29
    with LiveProject() as project:

        def faults(op: str, path: str) -> None:
            if op == "watch" and not project.armed and not seen:
                seen.append(op)
                project.files.rmdir(SRC)
            elif len(seen) == 1:
                seen.append(op)
                project.files.mkdir(SRC)

        seen: list[str] = []
        port(project).faults = faults
        project.start()
        assert len(seen) == 2
        project.world.advance(5)
        project.write("a", "1")
        assert (project.out, project.armed) == ({"a": "1"}, 1)


def test_a_linked_root_that_leads_elsewhere_before_the_scan_is_watched_there() -> None:  # FS-28
    with LiveProject(path="link") as project:
        project.files.symlink("src", "/project/link")
        project.files.mkdir("/project/other")

        def faults(op: str, path: str) -> None:
            if op == "watch" and path == SRC:
                project.files.unlink("/project/link")
                project.files.symlink("other", "/project/link")

        port(project).faults = faults
        project.start()
        project.do(lambda files: files.write("/project/other/a", "1"))
        assert project.out == {"a": "1"}


def test_after_a_scan_that_failed_events_count_for_what_it_found_and_for_what_it_did_not() -> None:  # FEED-08
    with LiveProject() as project:
        for name in ("a", "d/b", "e/c"):
            project.write(name, "1", settle=False)
        project.start()
        project.restart()
        port(project).faults = lambda op, path: (
            OSError(errno.EIO, "bad disk") if (op, path) == ("scandir", f"{SRC}/d") else None
        )
        project.start()
        project.take_ran()
        project.do(lambda files: files.touch(f"{SRC}/a"))
        assert project.take_ran() == []
        # These are known from the run before alone.
        project.do(lambda files: files.unlink(f"{SRC}/d/b"), lambda files: files.rmtree(f"{SRC}/e"))
        assert sorted(project.out) == ["a"]


def test_in_a_catch_up_update_it_is_walked_once_and_not_watched() -> None:  # LIV-04, FEED-05
    with LiveProject() as project:
        project.write("a", "1", settle=False)
        port(project).faults = lambda op, path: OSError(errno.ENOSPC, "no watches") if op == "watch" else None
        project.world.update()
        assert (project.out, project.take_errors()) == ({"a": "1"}, [])


def test_a_view_around_it_may_know_no_more_of_subscribers_than_is_common() -> None:  # FEED-04
    class Common:
        def __init__(self, subscriber: Any) -> None:
            for name in ("update_all", "mark_ready", "update", "delete"):
                setattr(self, name, getattr(subscriber, name))

    class Around:
        def __init__(self) -> None:
            self.items: Any = localfs.walk_dir("src", live=True).items()

        def __aiter__(self) -> Any:
            return aiter(self.items)

        async def watch(self, subscriber: Any) -> None:
            await self.items.watch(Common(subscriber))

    with LiveProject() as project:
        ran: list[str] = []

        async def item(file: localfs.File) -> None:
            ran.append(await file.read_text())

        def app() -> coco.App[..., Any]:
            environment = coco.Environment(coco.Settings(db_path=Path("other")))
            return coco.App(coco.AppConfig("around", environment=environment), coco.mount_each, item, Around())

        project.world.use(app)
        project.write("a", "1", settle=False)
        project.start()
        project.write("a", "2")
        project.do(lambda files: files.touch(f"{SRC}/a"))
        project.world.watching.kill(OSError(errno.EIO, "gone"))
        project.write("a", "3")
        assert ran == ["1", "2", "3"]


def test_nothing_is_left_when_a_live_update_is_cut_short() -> None:
    with LiveProject("inotify").start() as project:
        project.write("a", "1", settle=False)
        project.world.drop()
        assert project.armed == 0
        assert project.out == {}


def test_only_a_live_walk_can_be_followed() -> None:  # FEED-01, LIV-04
    assert isinstance(localfs.walk_dir("src", live=True).items(), coco.LiveMapView)
    assert not isinstance(localfs.walk_dir("src").items(), coco.LiveMapFeed)


def test_one_view_is_watched_by_one_at_a_time() -> None:  # FEED-14, EDGE-03
    with LiveProject() as project:

        async def item(file: localfs.File) -> None: ...

        async def main() -> None:
            items = localfs.walk_dir("src", live=True).items()
            await coco.mount_each(coco.component_subpath("one"), item, items)
            await coco.mount_each(coco.component_subpath("two"), item, items)

        def app() -> coco.App[..., Any]:
            environment = coco.Environment(coco.Settings(db_path=Path("other")))
            return coco.App(coco.AppConfig("twice", environment=environment), main)

        project.world.use(app)
        project.world.start(live=True)
        with pytest.raises(RuntimeError, match="Child component build cancelled") as caught:
            project.world.finish()
        fact = "walk_dir(live=True).items() supports a single active watch() at a time."
        assert str(caught.value.__cause__) == fact


# --- random scripts ---

names = st.sampled_from(["a", "b", "c"])
paths = st.lists(names, min_size=1, max_size=3).map("/".join)
ops = st.one_of(
    st.tuples(st.sampled_from(["write", "write", "mkdir", "replace", "unlink", "rmtree", "touch"]), paths, names),
    st.tuples(st.sampled_from(["rename", "rename in", "rename out"]), paths, paths),
    st.tuples(st.sampled_from(["pause", "settle", "overflow", "kill", "rescan"]), st.just(""), st.just("")),
)


def perform(project: LiveProject, op: tuple[str, str, str]) -> None:
    kind, path, argument = op
    files, full = project.files, f"{SRC}/{path}"
    with suppress(OSError):
        match kind:
            case "pause":
                project.world.advance(0.003)
            case "settle":
                project.world.settle()
            case "overflow" | "kill":
                getattr(project.world.watching, kind)()
            case "rescan":
                project.world.advance(3_600)
            case "write":
                files.write(full, argument, parents=True)
            case "mkdir":
                files.mkdir(full, parents=True)
            case "replace":
                files.replace_content(full, argument.encode())
            case "rename":
                files.rename(full, f"{SRC}/{argument}")
            case "rename in":
                files.rename(f"/project/store/{argument}", full)
            case "rename out":
                files.rename(full, f"/project/store/{argument}")
            case _:
                getattr(files, kind)(full)


@given(
    script=st.lists(ops, max_size=25),
    before=st.lists(paths, max_size=4),
    profile=st.sampled_from(sorted(PROFILES)),
    seed=st.integers(0, 50),
    in_any_order=st.booleans(),
)
@settings(max_examples=150)
def test_after_any_script_the_copies_are_the_files(
    script: list[tuple[str, str, str]], before: list[str], profile: str, seed: int, in_any_order: bool
) -> None:
    policy = SeededRandom(random.Random(seed)) if in_any_order else None
    with LiveProject(profile, seed=seed, policy=policy, rescan_interval=timedelta(hours=1)) as project:
        project.files.write("/project/store/a/b", "stored", parents=True)
        for path in before:
            perform(project, ("write", path, "before"))
        project.world.start(live=True)
        for op in script:
            perform(project, op)
        project.world.settle()
        project.world.advance(65)  # for the watches that were killed in a row
        assert project.out == project.source
        project.take_ran()
        for path in project.source:
            project.files.touch(f"{SRC}/{path}")
        project.world.settle()
        assert project.take_ran() == []
