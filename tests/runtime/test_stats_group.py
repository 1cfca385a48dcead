# Goal: what is mounted in a group counts there and nowhere else, and the group is ready when all of it is.

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco

from ..engine.bench import Bench, Journal

sub = coco.component_subpath
Told = list[tuple[str, dict[str, str]]]


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


async def child(seconds: float) -> None:
    await asyncio.sleep(seconds)


async def parent(*seconds: float) -> None:
    for key, duration in enumerate(seconds):
        await coco.mount(sub(key), child, duration)


def short(stats: coco.UpdateStats | None) -> dict[str, str] | None:
    """By processor, the counts that are not zero: `starts: outcome n`."""
    if stats is None:
        return None
    return {
        name.rpartition(".")[2]: " ".join(f"{column.split('_', 1)[1]}={n}" for column, n in one._asdict().items() if n)
        for name, one in stats.by_component.items()
    }


async def watched(handle: coco.StatsGroupHandle) -> list[tuple[str, int, int]]:
    """Status, started, finished."""
    return [
        (one.status.value, one.stats.total.num_execution_starts, one.stats.total.num_finished)
        async for one in handle.watch()
        if one.result is None
    ]


class Groups:
    """A main function to write with groups kept by title, and what their watchers saw."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.handles: dict[str, coco.StatsGroupHandle] = {}
        self.watchers: dict[str, asyncio.Task[list[tuple[str, int, int]]]] = {}

    def keep(self, title: str, handle: coco.StatsGroupHandle) -> None:
        self.handles[title] = handle
        self.watchers[title] = asyncio.ensure_future(watched(handle))

    def update(self, main: Callable[..., Any]) -> dict[str, str] | None:
        """The counts outside of groups."""
        handle = self.bench.app(main).update()
        self.bench.run(handle)
        return short(handle.stats())

    def seen(self, title: str) -> list[tuple[str, int, int]]:
        task = self.watchers[title]
        assert task.done(), f"the watcher of {title!r} goes on"
        return task.result()


@pytest.fixture
def groups(bench: Bench) -> Groups:
    return Groups(bench)


def test_members_count_in_the_group_with_all_below_them_and_not_outside(groups: Groups) -> None:
    # STAT-21
    async def main() -> None:
        with coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await coco.mount(sub("p"), parent, 1, 2)
            await coco.use_mount(sub("q"), child, 1)
            await coco.mount_each(sub("each"), child, [("x", 1), ("y", 2)])
        await coco.mount(sub("r"), child, 1)

    assert groups.update(main) == {"main": "execution_starts=1 adds=1", "child": "execution_starts=1 adds=1"}
    assert short(groups.handles["docs"].stats()) == {
        "parent": "execution_starts=1 adds=1",
        "child": "execution_starts=5 adds=5",
    }


def test_a_group_reaches_through_calls_and_tasks_of_its_component(groups: Groups) -> None:
    # STAT-21
    @coco.fn
    async def tracked() -> None:
        await coco.mount(sub("t"), child, 0)

    @coco.fn(memo=True)
    async def memoized() -> str:
        return "a"

    async def task(key: str) -> None:
        with sub("below"):
            await coco.mount(sub(key), child, 0)

    async def main() -> None:
        with coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await tracked()
            await asyncio.gather(task(await memoized()), task("b"))
        await tracked_outside()

    @coco.fn
    async def tracked_outside() -> None:
        await coco.mount(sub("o"), child, 0)

    assert groups.update(main) == {"main": "execution_starts=1 adds=1", "child": "execution_starts=1 adds=1"}
    assert short(groups.handles["docs"].stats()) == {"child": "execution_starts=3 adds=3"}


def test_a_group_stands_at_the_subpath_around_it(bench: Bench) -> None:
    # STAT-21
    async def main() -> None:
        with sub("directory"), coco.stats_group("docs"):
            await coco.mount(sub("a"), child, 0)

    bench.update(bench.app(main))
    assert bench.events("component_mounted") == ['component_mounted /"directory"/"a"']


@pytest.mark.parametrize("inside", [True, False])
def test_a_memoized_call_may_mount_nothing_in_a_group_either(bench: Bench, inside: bool) -> None:
    # STAT-21
    kept = []

    @coco.fn(memo=True)
    async def memoized() -> None:
        if not inside:
            await coco.mount(sub("a"), child, 0)
            return
        with coco.stats_group("docs") as group:
            kept.append(group)
            await coco.mount(sub("a"), child, 0)

    async def main() -> None:
        with coco.stats_group("outside") as group:
            kept.append(group)
            with pytest.raises(ValueError, match="mounted child components in an inline call"):
                await memoized()

    bench.update(bench.app(main))
    assert short(kept[-1].stats()) == {"child": "execution_starts=1 adds=1"}


def test_a_member_that_is_late_opens_its_group_for_nobody(groups: Groups) -> None:
    # STAT-22, STAT-23
    async def late() -> None:
        await asyncio.sleep(1)
        await coco.mount(sub("late"), child, 0)

    async def main() -> None:
        with coco.stats_group("outer") as outer:
            groups.keep("outer", outer)
            await coco.mount(sub("slow"), child, 5)
            with coco.stats_group("inner") as inner:
                groups.keep("inner", inner)
                task = asyncio.ensure_future(late())
        await task
        await asyncio.sleep(1)
        assert groups.seen("inner") == []
        assert not groups.watchers["outer"].done()

    groups.update(main)
    assert short(groups.handles["inner"].stats()) == {"child": "execution_starts=1 adds=1"}


def test_paths_ownership_and_change_detection_know_nothing_of_groups(bench: Bench) -> None:
    # STAT-21
    journal = Journal()
    provider, grouped = journal.provider(), [False]

    @coco.fn(memo=True)
    def row(value: int) -> None:
        coco.declare_target_state(provider.target_state("x", value))

    async def main() -> dict[str, str] | None:
        if not grouped[0]:
            await coco.mount(sub("row"), row, 1)
            return None
        with coco.stats_group("docs") as group:
            await (await coco.mount(sub("row"), row, 1)).ready()
        return short(group.stats())

    app = bench.app(main)
    bench.update(app)
    grouped[0] = True
    assert bench.update(app) == {"row": "execution_starts=1 unchanged=1"}
    assert journal.take_calls() == [[("x", 1)]]


def test_leaving_a_group_does_not_wait_and_it_is_ready_once_its_members_are(groups: Groups) -> None:
    # STAT-20, STAT-23
    async def main() -> float:
        with coco.stats_group("docs") as group:
            assert group.stats() is None
            groups.keep("docs", group)
            await coco.mount(sub("a"), parent, 1, 2)
        return asyncio.get_running_loop().time()

    began = groups.bench.loop.time()
    assert groups.bench.update(groups.bench.app(main)) == began
    assert groups.seen("docs") == [
        ("running", 1, 0),
        ("running", 3, 0),
        ("running", 3, 1),
        ("running", 3, 2),
        ("ready", 3, 3),
    ]


def test_a_group_is_ready_no_sooner_than_its_block_is_left(groups: Groups) -> None:
    # STAT-23
    async def main() -> None:
        with coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await coco.use_mount(sub("a"), child, 1)
            await asyncio.sleep(1)
            assert not groups.watchers["docs"].done()

    groups.update(main)
    assert groups.seen("docs")[-2:] == [("running", 1, 1), ("ready", 1, 1)]


def test_the_component_itself_can_watch_its_group(bench: Bench) -> None:
    # STAT-23
    async def main() -> list[tuple[str, int, int]]:
        with coco.stats_group("docs") as group:
            await coco.mount(sub("a"), child, 1)
        return await watched(group)

    assert bench.update(bench.app(main))[-1] == ("ready", 1, 1)


def test_the_innermost_group_counts_and_the_outer_waits_for_it(groups: Groups) -> None:
    # STAT-22
    async def main() -> None:
        with coco.stats_group("outer") as outer:
            groups.keep("outer", outer)
            await coco.mount(sub("a"), child, 1)
            with coco.stats_group("inner") as inner:
                groups.keep("inner", inner)
                await coco.mount(sub("b"), child, 3)
            await coco.mount(sub("c"), child, 1)
        await asyncio.sleep(2)
        assert not groups.watchers["outer"].done()

    assert groups.update(main) == {"main": "execution_starts=1 adds=1"}
    assert short(groups.handles["outer"].stats()) == {"child": "execution_starts=2 adds=2"}
    assert short(groups.handles["inner"].stats()) == {"child": "execution_starts=1 adds=1"}
    assert (groups.seen("inner")[-1], groups.seen("outer")[-1]) == (("ready", 1, 1), ("ready", 2, 2))


def test_a_member_may_have_groups_of_its_own(groups: Groups) -> None:
    # STAT-22
    async def member() -> None:
        with coco.stats_group("inner") as inner:
            groups.keep("inner", inner)
            await coco.mount(sub("b"), child, 3)

    async def main() -> None:
        with coco.stats_group("outer") as outer:
            groups.keep("outer", outer)
            await coco.mount(sub("m"), member)

    assert groups.update(main) == {"main": "execution_starts=1 adds=1"}
    assert (groups.seen("inner")[-1], groups.seen("outer")[-1]) == (("ready", 1, 1), ("ready", 1, 1))


@pytest.mark.parametrize("fails", [False, True])
def test_the_watchers_of_a_group_without_members_end(groups: Groups, fails: bool) -> None:
    # STAT-23
    async def main() -> None:
        try:
            with coco.stats_group("docs") as group:
                groups.keep("docs", group)
                await asyncio.sleep(1)
                if fails:
                    raise LookupError
        except LookupError:
            pass
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert groups.seen("docs") == []
        assert group.stats() is None

    groups.update(main)


def test_a_body_that_raises_ends_the_group_with_its_members(groups: Groups) -> None:
    # STAT-23
    async def main() -> None:
        with pytest.raises(LookupError), coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await coco.mount(sub("a"), child, 2)
            raise LookupError

    groups.update(main)
    assert groups.seen("docs") == [("running", 1, 0), ("ready", 1, 1)]


def test_members_that_fail_are_counted_and_keep_nothing_open(groups: Groups) -> None:
    # STAT-10, STAT-23
    async def bad() -> None:
        raise LookupError("bad")

    async def main() -> None:
        with coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await coco.mount(sub("a"), bad)
            with pytest.raises(LookupError):
                await coco.use_mount(sub("b"), bad)

    assert groups.update(main) == {"main": "execution_starts=1 adds=1"}
    assert groups.seen("docs")[-1] == ("ready", 2, 2)
    assert short(groups.handles["docs"].stats()) == {"bad": "execution_starts=2 errors=2"}


def test_an_interrupted_update_ends_its_groups(groups: Groups) -> None:
    # STAT-23
    async def main() -> None:
        with coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await coco.mount(sub("a"), child, 1000)

    app = groups.bench.app(main)

    async def story() -> None:
        update = asyncio.ensure_future(app.update().result())
        await asyncio.sleep(1)
        app.interrupt()
        with pytest.raises(RuntimeError, match="Operation cancelled"):
            await update
        assert (await groups.watchers["docs"])[-1] == ("ready", 1, 0)

    groups.bench.run(story())


def test_a_group_watched_late_gives_its_last_snapshot_each_time(groups: Groups) -> None:
    # STAT-15, STAT-23
    async def main() -> None:
        with coco.stats_group("docs") as group:
            groups.keep("docs", group)
            await coco.mount(sub("a"), child, 1)

    groups.update(main)
    for _ in range(2):
        assert groups.bench.run(watched(groups.handles["docs"])) == [("ready", 1, 1)]


def test_removal_of_former_members_counts_around_the_group(bench: Bench) -> None:
    # STAT-24
    seconds, kept = [1.0, 2.0], []

    async def main() -> None:
        kept.clear()
        with coco.stats_group("first") as first, sub("first"):
            for key, duration in enumerate(seconds):
                await coco.mount(sub(key), child, duration)
        with coco.stats_group("second") as second:
            await coco.mount(sub("p"), parent, *seconds)
        kept.extend((first, second))

    def update() -> list[dict[str, str] | None]:
        handle = app.update()
        bench.run(handle)
        return [short(handle.stats()), *(short(one.stats()) for one in kept)]

    app = bench.app(main)
    update()
    seconds.pop()
    assert update() == [
        {"main": "execution_starts=1 reprocesses=1", "child": "execution_starts=1 deletes=1"},
        {"child": "execution_starts=1 reprocesses=1"},
        {"parent": "execution_starts=1 reprocesses=1", "child": "execution_starts=2 deletes=1 reprocesses=1"},
    ]


def test_a_removal_that_fails_is_an_error_of_the_same_report(bench: Bench) -> None:
    # STAT-10, STAT-24
    journal = Journal()
    provider, on = journal.provider(), [True]

    def row() -> None:
        coco.declare_target_state(provider.target_state("x", 1))

    async def member() -> None:
        if on:
            await coco.mount(sub("row"), row)

    async def main() -> dict[str, str] | None:
        with coco.stats_group("docs") as group:
            await (await coco.mount(sub("m"), member)).ready()
        return short(group.stats())

    app = bench.app(main)
    bench.update(app)
    on.clear()
    journal.fail_before = {"x"}
    assert bench.update(app) == {"member": "execution_starts=1 reprocesses=1", "row": "execution_starts=1 errors=1"}


def test_two_groups_of_one_title_are_two(groups: Groups) -> None:
    async def main() -> list[dict[str, str] | None]:
        kept = []
        for key in ("a", "b"):
            with coco.stats_group("docs") as group:
                await (await coco.mount(sub(key), child, 1)).ready()
            kept.append(short(group.stats()))
        return kept

    assert groups.bench.update(groups.bench.app(main)) == [{"child": "execution_starts=1 adds=1"}] * 2


def test_a_sync_body_may_open_a_group_though_it_can_mount_nothing(groups: Groups) -> None:
    # STAT-20
    def body() -> None:
        with coco.stats_group("inner", report_to_stdout=True) as group:
            assert group.stats() is None

    async def main() -> None:
        with coco.stats_group("outer") as group:
            groups.keep("outer", group)
            await coco.mount(sub("a"), body)

    groups.update(main)
    assert groups.seen("outer")[-1] == ("ready", 1, 1)


def test_groups_are_for_components_and_have_a_title(bench: Bench) -> None:
    # STAT-20
    with pytest.raises(RuntimeError, match="No ComponentContext"), coco.stats_group("docs"):
        pass

    async def main() -> None:
        with coco.stats_group(None):  # type: ignore[arg-type]  # which is the test
            pass

    with pytest.raises(TypeError, match="needs a title, got None"):
        bench.update(bench.app(main))


def test_a_group_has_no_result(groups: Groups) -> None:
    # STAT-25
    assert not hasattr(coco.StatsGroupHandle, "result")


# --- reports ---


def test_a_group_reports_under_its_title_until_it_is_ready(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    # STAT-18, STAT-26
    async def main() -> None:
        with coco.stats_group("docs", report_to_stdout=timedelta(seconds=2)):
            await coco.mount(sub("p"), parent, 1, 5.5)
        await asyncio.sleep(20)

    bench.update(bench.app(main))
    assert capsys.readouterr().out.split("\n\n") == [
        "[Stats: docs]\n⠋  parent: 1 total, 1 in-flight\n⠋  child: 2 total, 1 in-flight | 1 added\n⏳ Elapsed: 2.0s",
        "[Stats: docs] (terminated)\n✅ parent: 1 total | 1 added\n✅ child: 2 total | 2 added\n⏳ Elapsed: 5.5s",
        "",
    ]


def test_the_last_block_of_a_group_comes_before_whoever_waits_for_it_goes_on(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    # STAT-26
    async def main() -> str:
        with coco.stats_group("docs", report_to_stdout=True):
            handle = await coco.mount(sub("a"), child, 0.5)
        await handle.ready()
        return capsys.readouterr().out

    assert (
        bench.update(bench.app(main)) == "[Stats: docs] (terminated)\n✅ child: 1 total | 1 added\n⏳ Elapsed: 0.5s\n\n"
    )
    assert capsys.readouterr().out == ""


def test_groups_report_beside_the_update_and_nothing_counts_twice(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    # STAT-21, STAT-26
    async def main() -> None:
        with coco.stats_group("docs", report_to_stdout=True):
            await coco.mount(sub("a"), child, 0.5)
        await coco.mount(sub("b"), child, 0.7)

    main.__qualname__ = "main"
    bench.run(coco.show_progress(bench.app(main).update()))
    assert capsys.readouterr().out == (
        "[Stats: docs] (terminated)\n✅ child: 1 total | 1 added\n⏳ Elapsed: 0.5s\n\n"
        "[Stats] (terminated)\n✅ main: 1 total | 1 added\n✅ child: 1 total | 1 added\n⏳ Elapsed: 0.7s\n\n"
    )
