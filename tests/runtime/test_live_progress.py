# Goal: live components are counted run by run, and an update in live mode is watched and reported past its readiness.

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco

from ..engine.bench import Bench

sub = coco.component_subpath


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


async def child(value: int) -> None:
    pass


async def broken() -> None:
    raise LookupError("broken")


class Rows:
    """Ready after 2 s; then one operation each second until 5 s."""

    async def process(self) -> None:
        await coco.mount(sub("scanned"), child, 0)

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        await asyncio.sleep(1)
        await operator.update_full()
        await asyncio.sleep(1)
        await operator.mark_ready()
        await asyncio.sleep(1)
        await (await operator.update(sub("late"), child, 1)).ready()
        await asyncio.sleep(1)
        await (await operator.update(sub("late"), child, 2)).ready()
        await asyncio.sleep(1)
        await (await operator.delete(sub("late"))).ready()


class Boom:
    async def process(self) -> None:
        pass

    async def process_live(self, operator: coco.LiveComponentOperator) -> None:
        raise LookupError("boom")


async def mounting(cls: type) -> int:
    await coco.mount(cls)
    return 7


def short(stats: coco.UpdateStats | None) -> dict[str, str]:
    """By processor, the counts that are not zero: `starts: outcome n`."""
    assert stats is not None
    return {
        name.replace("mounting", "main"): " ".join(
            f"{column.split('_', 1)[1]}={n}" for column, n in one._asdict().items() if n
        )
        for name, one in stats.by_component.items()
    }


def counts(bench: Bench, main: Callable[..., Any], *args: Any, live: bool = True) -> dict[str, str]:
    handle = bench.app(main, *args).update(live=live)
    bench.run(handle)
    found = short(handle.stats())
    found.pop("main")
    return found


def live(process_live: Callable[[coco.LiveComponentOperator], Any], process: Callable[[], Any] | None = None) -> type:
    class Live:
        async def process(self) -> None:
            if process is not None:
                await process()

        async def process_live(self, operator: coco.LiveComponentOperator) -> None:
            await process_live(operator)

    Live.__qualname__ = "Live"
    return Live


# --- what is counted ---


def test_a_live_component_counts_each_full_cycle_as_its_process(bench: Bench) -> None:
    # STAT-03, STAT-11
    async def cycles(operator: coco.LiveComponentOperator) -> None:
        for _ in range(3):
            await operator.update_full()

    assert counts(bench, mounting, live(cycles)) == {"Live.process": "execution_starts=3 adds=1 reprocesses=2"}


def test_one_that_never_builds_in_full_has_no_row(bench: Bench) -> None:
    # STAT-03, STAT-11
    async def one(operator: coco.LiveComponentOperator) -> None:
        await (await operator.update(sub("a"), child, 1)).ready()

    assert counts(bench, mounting, live(one)) == {"child": "execution_starts=1 adds=1"}


def test_superseded_operations_count_nothing(bench: Bench) -> None:
    # STAT-11
    async def burst(operator: coco.LiveComponentOperator) -> None:
        handles = [await operator.update(sub("a"), child, n) for n in range(50)]
        handles += [await operator.delete(sub("nothing")), await operator.update(sub("b"), child, 1)]
        handles += [await operator.delete(sub("b")) for _ in range(3)]
        for handle in handles:
            await handle.ready()

    assert counts(bench, mounting, live(burst)) == {"child": "execution_starts=1 adds=1"}


def test_failures_of_a_cycle_and_of_an_operation_are_errors_of_their_own(bench: Bench) -> None:
    # STAT-10
    async def fails(operator: coco.LiveComponentOperator) -> None:
        await operator.update_full()
        await (await operator.update(sub("a"), broken)).ready()

    assert counts(bench, mounting, live(fails, broken)) == {
        "Live.process": "execution_starts=1 errors=1",
        "broken": "execution_starts=1 errors=1",
    }


@pytest.mark.parametrize("mode", [True, False])
def test_who_mounts_a_live_component_that_can_not_start_has_failed(bench: Bench, mode: bool) -> None:
    # STAT-10, LIV-35
    handle = bench.app(mounting, Boom).update(live=mode)
    with pytest.raises(RuntimeError, match="Child component build cancelled"):
        bench.run(handle)
    assert short(handle.stats()) == {"main": "execution_starts=1 errors=1"}


def test_a_removed_live_component_is_a_delete_with_what_is_below(bench: Bench) -> None:
    # STAT-09
    on = [True]

    async def main() -> None:
        if on:
            await coco.mount(Rows)

    main.__qualname__ = "main"
    counts(bench, main)
    on.clear()
    assert counts(bench, main) == {
        "Rows.process": "execution_starts=1 deletes=1",
        "child": "execution_starts=1 deletes=1",
    }


def test_the_scans_of_a_view_and_its_items_count(bench: Bench) -> None:
    # STAT-03, STAT-11
    class View:
        async def __aiter__(self) -> AsyncIterator[tuple[str, int]]:
            for pair in (("a", 1), ("b", 2)):
                yield pair

        async def watch(self, subscriber: coco.LiveMapSubscriber[str, int]) -> None:
            await subscriber.update_all()
            await subscriber.mark_ready()
            await (await subscriber.update("c", 3)).ready()
            await subscriber.update_all()

    async def main() -> None:
        await coco.mount_each(child, View())

    main.__qualname__ = "main"
    assert counts(bench, main) == {
        "_MountEachLiveComponent.process": "execution_starts=2 adds=1 reprocesses=1",
        "child": "execution_starts=6 adds=3 deletes=1 reprocesses=2",
    }


# --- watching ---


def test_an_update_in_live_mode_is_ready_until_it_ends(bench: Bench) -> None:
    # STAT-12
    async def story() -> list[tuple[float, str, int, Any]]:
        began, seen = bench.loop.time(), []
        async for one in bench.app(mounting, Rows).update(live=True).watch():
            total = one.stats.total
            assert total.num_in_progress in (0, total.num_execution_starts - total.num_finished)
            seen.append((bench.loop.time() - began, one.status.value, total.num_finished, one.result))
        return seen

    seen = bench.run(story())
    assert {(at, status) for at, status, _, _ in seen} == {
        (0, "running"), (1, "running"), (2, "running"), (2, "ready"), (3, "ready"), (4, "ready"), (5, "ready"),
    }  # fmt: skip
    assert [status for _, status, _, _ in seen] == sorted((status for _, status, _, _ in seen), reverse=True)
    assert seen[-1] == (5, "ready", 6, 7)
    assert [one[3] for one in seen[:-1]] == [None] * (len(seen) - 1)


def test_no_snapshot_is_as_the_one_before(bench: Bench) -> None:
    # STAT-12
    async def main() -> None:
        await mounting(Rows)

    async def story() -> list[Any]:
        return [one async for one in bench.app(main).update(live=True).watch()]

    seen = bench.run(story())
    assert all(one != before for before, one in itertools.pairwise(seen))


def test_in_a_catch_up_update_readiness_is_the_end(bench: Bench) -> None:
    # STAT-12
    async def story() -> list[tuple[float, str]]:
        began = bench.loop.time()
        watch = bench.app(mounting, Rows).update().watch()
        return [(bench.loop.time() - began, one.status.value) async for one in watch]

    assert bench.run(story())[-1] == (2, "ready")


def test_the_result_comes_when_everything_has_ended(bench: Bench) -> None:
    # STAT-12
    async def story() -> tuple[int, float]:
        began = bench.loop.time()
        return await bench.app(mounting, Rows).update(live=True), bench.loop.time() - began

    assert bench.run(story()) == (7, 5)


# --- groups ---


def grouped(report: timedelta | bool = False) -> tuple[Callable[..., Any], list[coco.StatsGroupHandle]]:
    kept: list[coco.StatsGroupHandle] = []

    async def main() -> float:
        with coco.stats_group("rows", report_to_stdout=report) as group:
            await coco.mount(Rows)
        kept.append(group)
        async for snapshot in group.watch():
            last = snapshot
        assert (last.status, last.result) == ("ready", None)
        return asyncio.get_running_loop().time()

    main.__qualname__ = "main"
    return main, kept


@pytest.mark.parametrize("mode", [True, False])
def test_a_group_is_ready_when_its_live_members_are(bench: Bench, mode: bool) -> None:
    # STAT-23
    main, _ = grouped()
    began = bench.loop.time()
    assert bench.update(bench.app(main), live=mode) - began == 2


def test_live_members_count_in_the_group_also_once_it_is_ready(bench: Bench) -> None:
    # STAT-21, STAT-24, STAT-25
    main, kept = grouped()
    assert counts(bench, main) == {}
    assert short(kept[0].stats()) == {
        "Rows.process": "execution_starts=1 adds=1",
        "child": "execution_starts=4 adds=2 deletes=1 reprocesses=1",
    }


# --- reports ---


def test_a_group_around_another_reports_until_live_members_within_end(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    # STAT-22, STAT-26
    async def main() -> None:
        with coco.stats_group("outer", report_to_stdout=timedelta(seconds=4)), coco.stats_group("inner"):
            await coco.mount(Rows)
        with coco.stats_group("other", report_to_stdout=timedelta(seconds=4)):
            await coco.mount(sub("other"), asyncio.sleep, 3)

    bench.update(bench.app(main), live=True)
    assert [line for line in capsys.readouterr().out.splitlines() if line.startswith("[")] == [
        "[Stats: other] (terminated)",
        "[Stats: outer] (terminated)",
    ]


def test_a_live_update_reports_that_it_is_ready_and_what_it_does_then(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    # STAT-17, STAT-18
    handle = bench.app(mounting, Rows).update(live=True)
    assert bench.run(coco.show_progress(handle, refresh_interval=timedelta(seconds=1.5))) == 7
    blocks = [block.split("\n") for block in capsys.readouterr().out.split("\n\n")[:-1]]
    ready = "⏳ Ready (took 2.0s) | Watching for changes..."
    assert [(block[0], block[-1]) for block in blocks] == [
        ("[Stats]", "⏳ Elapsed: 1.5s | Catching up..."),
        ("[Stats]", ready),
        ("[Stats]", ready),
        ("[Stats] (terminated)", ready),
    ]
    assert blocks[-1][1:-1] == [
        "✅ mounting: 1 total | 1 added",
        "✅ Rows.process: 1 total | 1 added",
        "✅ child: 4 total | 2 added, 1 reprocessed, 1 deleted",
    ]


@pytest.mark.parametrize(
    ("mode", "ends"), [(True, "⏳ Ready (took 2.0s) | Watching for changes..."), (False, "⏳ Elapsed: 2.0s")]
)
def test_a_group_with_live_members_reports_until_they_end(
    bench: Bench, capsys: pytest.CaptureFixture[str], mode: bool, ends: str
) -> None:
    # STAT-25, STAT-26
    main, _ = grouped(timedelta(seconds=10))
    bench.update(bench.app(main), live=mode)
    out = capsys.readouterr().out
    assert out.startswith("[Stats: rows] (terminated)\n")
    assert out.endswith(
        f"\n✅ child: {'4 total | 2 added, 1 reprocessed, 1 deleted' if mode else '1 total | 1 added'}\n{ends}\n\n"
    )
