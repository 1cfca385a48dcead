# Goal: a handle starts its update when asked, gives the result once, and lets any number watch without missing the end.

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim import UpdateStatus
from cocoindex_sim.engine import Process

from ..engine.bench import Bench, Journal

RUNNING, READY = UpdateStatus.RUNNING, UpdateStatus.READY
sub = coco.component_subpath


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


async def child(seconds: int) -> None:
    await asyncio.sleep(seconds)


async def main(broken: bool = False) -> int:
    """Three children that end at 1, 2 and 3 s; the root at once."""
    for seconds in (1, 2, 3):
        await coco.mount(sub(seconds), child, seconds)
    if broken:
        raise LookupError("broken")
    return 7


async def drain(handle: Any) -> list[coco.UpdateSnapshot[Any]]:
    return [snapshot async for snapshot in handle.watch()]


def told(snapshots: list[coco.UpdateSnapshot[Any]]) -> list[tuple[str, int, int, Any]]:
    """Status, started, finished, result."""
    totals = [(one.stats.total.num_execution_starts, one.stats.total.num_finished) for one in snapshots]
    return [(one.status.value, *total, one.result) for one, total in zip(snapshots, totals, strict=True)]


WATCHED = [
    ("running", 1, 0, None),
    ("running", 4, 0, None),
    ("running", 4, 1, None),
    ("running", 4, 2, None),
    ("running", 4, 3, None),
    ("running", 4, 4, None),
    ("ready", 4, 4, 7),
]


def test_nothing_happens_before_the_handle_is_awaited_or_watched(bench: Bench) -> None:
    # STAT-01, EDGE-15
    handle = bench.app(main).update()

    async def story() -> None:
        watching = handle.watch()
        await asyncio.sleep(10)
        assert handle.stats() is None
        assert bench.events() == []
        assert (await anext(watching)).status == "running"
        await watching.aclose()

    bench.run(story())
    assert handle.stats() is not None


def test_the_counts_are_there_before_during_and_after_also_of_a_failure(bench: Bench) -> None:
    # STAT-01
    handle = bench.app(main, True).update()
    assert handle.stats() is None
    with pytest.raises(LookupError):
        bench.run(handle)
    stats = handle.stats()
    assert stats is not None
    assert (stats.by_component["main"].num_errors, stats.by_component["child"].num_adds) == (1, 3)


def test_what_changes_at_one_moment_is_one_snapshot(bench: Bench) -> None:
    # STAT-12, STAT-13
    bench.process.ports = replace(bench.process.ports, bodies_at_once=1)  # all begin in one turn of the loop
    assert told(bench.run(drain(bench.app(main).update()))) == WATCHED


def test_a_slow_consumer_sees_the_latest_state_and_no_backlog(bench: Bench) -> None:
    # STAT-13
    async def story() -> list[coco.UpdateSnapshot[Any]]:
        seen = []
        async for snapshot in bench.app(main).update().watch():
            seen.append(snapshot)
            await asyncio.sleep(2.5)
        return seen

    seen = told(bench.run(story()))
    assert (seen[0][2], seen[1][2], seen[-1]) == (0, 2, ("ready", 4, 4, 7))
    assert len(seen) == 3


def test_a_status_is_text_and_a_snapshot_a_tuple() -> None:
    assert [str(status) for status in UpdateStatus] == ["running", "ready"] == [RUNNING, READY]
    stats = coco.UpdateStats({})
    assert coco.UpdateSnapshot(stats, READY, 7) == (stats, "ready", 7)


def test_an_update_without_watchers_ends_all_the_same(bench: Bench) -> None:
    # STAT-02
    handle = bench.app(main).update()

    async def story() -> int:
        async for _ in handle.watch():
            break  # which leaves the result to be taken
        return await handle

    assert bench.run(story()) == 7


@pytest.mark.parametrize("first", ["result", "watch", "show"])
@pytest.mark.parametrize("second", ["result", "show"])
def test_the_result_is_given_once(bench: Bench, first: str, second: str) -> None:
    # STAT-02, EDGE-15
    handle = bench.app(main).update()
    take = {"result": handle.result, "watch": lambda: drain(handle), "show": lambda: coco.show_progress(handle)}
    bench.run(take[first]())
    with pytest.raises(RuntimeError, match="result already consumed"):
        bench.run(take[second]())


def test_the_result_is_gone_also_for_whoever_was_cancelled(bench: Bench) -> None:
    # STAT-02
    handle = bench.app(main).update()

    async def story() -> None:
        waiting = asyncio.ensure_future(handle.result())
        await asyncio.sleep(0.5)
        waiting.cancel()
        await asyncio.wait([waiting])
        with pytest.raises(RuntimeError, match="already consumed"):
            await handle
        assert told(await drain(handle))[-1] == ("ready", 4, 4, 7)

    bench.run(story())


def test_all_who_watch_or_wait_at_the_same_time_see_the_end(bench: Bench) -> None:
    # STAT-02, STAT-13
    handle = bench.app(main).update()

    async def story() -> list[Any]:
        return await asyncio.gather(drain(handle), handle.result(), drain(handle))

    first, result, second = bench.run(story())
    assert told(first) == told(second)
    assert told(first)[-1] == ("ready", 4, 4, 7)
    assert result == 7


@pytest.mark.parametrize("taken", ["result", "watch"])
def test_watching_a_finished_handle_gives_the_last_snapshot(bench: Bench, taken: str) -> None:
    # STAT-15, EDGE-15
    handle = bench.app(main).update()
    bench.run(handle.result() if taken == "result" else drain(handle))
    for _ in range(2):
        assert told(bench.run(drain(handle))) == [("ready", 4, 4, 7)]


def test_a_failure_is_raised_after_the_last_snapshot(bench: Bench) -> None:
    # STAT-14
    handle = bench.app(main, True).update()
    seen = []

    async def story() -> None:
        async for snapshot in handle.watch():
            seen.append(snapshot)

    with pytest.raises(LookupError, match="broken"):
        bench.run(story())
    assert told(seen)[-1] == ("running", 4, 4, None)
    assert seen[-1].stats.by_component["main"].num_errors == 1
    with pytest.raises(RuntimeError, match="already consumed"):
        bench.run(handle)
    assert told(bench.run(drain(handle))) == [("running", 4, 4, None)]  # STAT-15


def test_every_watcher_and_waiter_of_a_failing_update_hears_of_it(bench: Bench) -> None:
    # STAT-14
    handle = bench.app(main, True).update()

    async def story() -> list[Any]:
        return await asyncio.gather(drain(handle), handle.result(), return_exceptions=True)

    assert [type(one) for one in bench.run(story())] == [LookupError, LookupError]


def test_a_watcher_that_is_cancelled_is_missed_by_nobody(bench: Bench) -> None:
    # STAT-13
    handle = bench.app(main).update()

    async def story() -> int:
        watching = asyncio.ensure_future(drain(handle))
        await asyncio.sleep(1.5)
        watching.cancel()
        return await handle

    assert bench.run(story()) == 7
    stats = handle.stats()
    assert stats is not None
    assert (stats.total.num_adds, stats.total.num_errors) == (4, 0)


def test_a_root_that_fails_never_was_ready(bench: Bench) -> None:
    # STAT-12
    journal = Journal()
    journal.fail_before = {"x"}
    provider = journal.provider()

    def declares() -> None:
        coco.declare_target_state(provider.target_state("x", 1))

    async def story() -> None:
        async for snapshot in bench.app(declares).update().watch():
            assert snapshot.status is RUNNING

    with pytest.raises(OSError, match="x failed before"):
        bench.run(story())


def test_an_update_that_can_not_begin_raises_where_it_is_watched(bench: Bench) -> None:
    # STAT-14
    app = bench.app(main)
    bench.env.close()
    handle = app.update()
    with pytest.raises(ValueError, match="environment is closed"):
        bench.run(drain(handle))
    assert handle.stats() is None


def test_a_preview_can_not_be_watched_and_gives_its_actions(bench: Bench) -> None:
    # STAT-16
    provider = Journal().provider()

    def declares() -> None:
        coco.declare_target_state(provider.target_state("x", 1))

    handle = bench.app(declares).update(preview=True)
    with pytest.raises(TypeError, match="not supported when preview=True"):
        bench.run(drain(handle))
    assert bench.run(handle) == [("x", 1)]


def test_those_who_ask_while_the_environment_starts_share_one_update(process: Process, tmp_path: Path) -> None:
    # STAT-01, STAT-12
    ran = []

    @coco.lifespan
    async def lifespan(builder: coco.EnvironmentBuilder) -> AsyncIterator[None]:
        builder.settings.db_path = tmp_path / "db"
        await asyncio.sleep(0)
        yield

    async def counted() -> int:
        ran.append(1)
        return 7

    async def story() -> list[Any]:
        handle = app.update()
        outcome = await asyncio.gather(drain(handle), handle.result())
        await coco.stop()
        return outcome

    app: coco.App[..., int] = coco.App("app", counted)
    seen, result = asyncio.run(story())
    assert (told(seen)[-1], result, ran) == (("ready", 1, 1, 7), 7, [1])


def test_a_watcher_whose_loop_is_closed_does_not_disturb_the_update(environment: coco.Environment) -> None:
    # STAT-13
    gate, finished = threading.Event(), threading.Event()

    async def waiting() -> None:
        await asyncio.to_thread(gate.wait, 30)
        await coco.use_mount(sub("a"), child, 0)
        finished.set()

    async def first(handle: coco.UpdateHandle[None]) -> None:
        watching = handle.watch()
        await anext(watching)
        next_one = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0)
        next_one.cancel()
        await asyncio.wait([next_one])

    handle = coco.App(coco.AppConfig("app", environment), waiting).update()
    asyncio.run(first(handle))
    gate.set()
    assert finished.wait(30)


def test_an_update_on_another_loop_is_watched_from_here(environment: coco.Environment) -> None:
    # STAT-12, STAT-15
    app: coco.App[..., int] = coco.App(coco.AppConfig("app", environment), main_without_time)
    handle = app.update()

    async def elsewhere() -> list[coco.UpdateSnapshot[int]]:
        return await drain(handle)

    seen = contextvars.copy_context().run(asyncio.run, elsewhere())
    assert told(seen)[-1] == ("ready", 3, 3, 7)
    assert told(asyncio.run(drain(handle))) == [("ready", 3, 3, 7)]  # on yet another one


async def main_without_time() -> int:
    for key in "ab":
        await coco.mount(sub(key), child, 0)
    return 7
