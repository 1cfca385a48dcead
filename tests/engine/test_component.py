"""The component tree: paths, order, failures, quota, shapes that change (CMP)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

import pytest

import cocoindex_sim as coco

from .bench import Bench, Journal

sub = coco.component_subpath


def test_an_unchanged_second_update_does_nothing(bench: Bench) -> None:
    journal = Journal()
    provider = journal.provider()

    @coco.fn(memo=True)
    async def one(value: int) -> None:
        coco.declare_target_state(provider.target_state("k", value))

    @coco.fn
    async def main() -> None:
        await coco.mount(sub("a"), one, 1)

    app = bench.app(main)
    bench.update(app)
    assert journal.content == {"k": 1}
    bench.events()
    bench.update(app)
    assert bench.events("component_started", "component_reused") == ["component_started /", 'component_reused /"a"']
    assert journal.calls == [[("k", 1)]]


# -- paths ---------------------------------------------------------------------------------------------------------------


def mounted_paths(bench: Bench, main: Callable[..., Any]) -> list[str]:
    bench.update(bench.app(main))
    return [event.removeprefix("component_mounted ") for event in bench.events("component_mounted")]


async def nothing(*args: object) -> None:
    pass


def test_blocks_and_arguments_extend_the_path_of_the_running_component(bench: Bench) -> None:  # CMP-05
    async def main() -> None:
        block = sub("x", 1)
        with block:
            await coco.mount(sub("a"), nothing)
            with sub("y") / b"z":
                await coco.mount(sub("a") / "b", nothing)
            await coco.mount(nothing)
        with block, sub():
            await coco.mount(sub("again"), nothing)
        await coco.mount(sub("outside"), nothing)

    assert mounted_paths(bench, main) == [
        '/"x"/1/"a"',
        '/"x"/1/"y"/b"z"/"a"/"b"',
        '/"x"/1/@nothing',
        '/"x"/1/"again"',
        '/"outside"',
    ]


def test_a_block_is_left_on_exceptions_and_does_not_reach_into_children(bench: Bench) -> None:  # CMP-05
    async def child() -> None:
        await coco.mount(sub("grandchild"), nothing)

    async def main() -> None:
        try:
            with sub("x"):
                await coco.use_mount(sub("child"), child)
                raise LookupError
        except LookupError:
            await coco.mount(sub("after"), nothing)

    assert mounted_paths(bench, main) == ['/"x"/"child"', '/"x"/"child"/"grandchild"', '/"after"']


def test_without_a_subpath_the_name_of_the_function_is_the_path(bench: Bench) -> None:  # CMP-06
    async def main() -> None:
        await coco.mount(nothing)
        await coco.mount(lambda: None)

    assert mounted_paths(bench, main) == ["/@nothing", "/@<lambda>"]


def test_what_has_no_name_needs_a_subpath(bench: Bench) -> None:  # CMP-06
    class Callable_:
        def __call__(self) -> None: ...

    async def main() -> None:
        await coco.mount(Callable_())

    with pytest.raises(TypeError, match="ComponentSubpath"):
        bench.update(bench.app(main))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (("a",), ("a",), 'Invalid Request: Path /"a" already exists'),
        (("a", "b"), ("a",), 'Invalid Request: Path /"a" already exists'),
        (("a",), ("a", "b"), 'Invalid Request: "a" is not a directory in path /"a"/"b"'),
        (("a",), (), "Invalid Request: Path is empty"),
    ],
)
def test_a_taken_path_is_refused_by_the_mount_call(
    bench: Bench, first: tuple[str, ...], second: tuple[str, ...], message: str
) -> None:  # CMP-07
    caught = []

    async def main() -> None:
        await coco.mount(sub(*first), nothing)
        try:
            await coco.mount(sub(*second), nothing)
        except ValueError as error:
            caught.append(str(error))

    assert mounted_paths(bench, main) == ["/" + "/".join(f'"{part}"' for part in first)]
    assert caught[0].startswith(message)


def test_an_uncaught_refusal_fails_the_run(bench: Bench) -> None:  # CMP-07
    async def main() -> None:
        await coco.mount(nothing)
        await coco.mount(nothing)

    with pytest.raises(ValueError, match="already exists"):
        bench.update(bench.app(main))


def test_different_parents_may_use_one_subpath(bench: Bench) -> None:  # CMP-07
    async def child() -> None:
        await coco.mount(sub("x"), nothing)

    async def main() -> None:
        await coco.mount(sub("a"), child)
        await coco.mount(sub("b"), child)

    assert sorted(mounted_paths(bench, main)) == ['/"a"', '/"a"/"x"', '/"b"', '/"b"/"x"']


# -- order ---------------------------------------------------------------------------------------------------------------


def test_sinks_of_children_run_before_those_of_their_parent(bench: Bench) -> None:  # CMP-12
    journal = Journal()
    provider = journal.provider()

    async def child(depth: int) -> None:
        coco.declare_target_state(provider.target_state(f"depth {depth}", 1))
        if depth < 3:
            await coco.mount(child, depth + 1)

    bench.update(bench.app(child, 0))
    assert [call[0][0] for call in journal.calls] == ["depth 3", "depth 2", "depth 1", "depth 0"]


def test_mount_returns_before_the_child_runs_and_use_mount_once_it_committed(bench: Bench) -> None:  # CMP-09, CMP-10
    journal = Journal()
    provider = journal.provider()
    seen = []

    async def child(key: str) -> str:
        coco.declare_target_state(provider.target_state(key, 1))
        await coco.mount(sub("below"), grandchild, key)
        return key

    async def grandchild(key: str) -> None:
        await asyncio.sleep(5)
        coco.declare_target_state(provider.target_state(f"{key} below", 1))

    async def main() -> None:
        handle = await coco.mount(sub("background"), child, "background")
        seen.append(sorted(journal.content))
        assert await coco.use_mount(sub("foreground"), child, "foreground") == "foreground"
        seen.append(sorted(journal.content))
        for _ in range(2):
            await handle.ready()
        seen.append(sorted(journal.content))

    bench.update(bench.app(main))
    foreground = ["foreground", "foreground below"]
    assert seen[0] == []
    assert set(seen[1]) >= set(foreground)
    assert seen[2] == ["background", "background below", *foreground]


# -- failures ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failed_background_child_affects_neither_parent_nor_siblings(
    bench: Bench, caplog: pytest.LogCaptureFixture, kind: type[BaseException]
) -> None:  # CMP-09, CMP-11, ERR-02
    journal = Journal()
    provider = journal.provider()

    async def child(key: str) -> None:
        coco.declare_target_state(provider.target_state(key, 1))
        if key == "bad":
            raise kind("no")

    async def main() -> None:
        for key in ("before", "bad", "after"):
            handle = await coco.mount(sub(key), child, key)
            await handle.ready()
        coco.declare_target_state(provider.target_state("main", 1))

    bench.update(bench.app(main))
    assert sorted(journal.content) == ["after", "before", "main"]
    assert bench.events("component_failed") == ['component_failed /"bad"']
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[0] is kind


def test_a_cancelled_background_child_is_passed_over_in_silence(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:  # CMP-23
    journal = Journal()
    provider = journal.provider()

    async def child() -> None:
        coco.declare_target_state(provider.target_state("k", 1))
        raise asyncio.CancelledError

    async def main() -> None:
        await (await coco.mount(child)).ready()
        coco.declare_target_state(provider.target_state("main", 1))

    bench.update(bench.app(main))
    assert journal.content == {"main": 1}
    assert caplog.records == []


class Own(BaseException):
    """Not an Exception."""


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError, Own])
def test_use_mount_raises_what_the_child_raised_and_the_parent_may_go_on(
    bench: Bench, kind: type[BaseException]
) -> None:  # CMP-10
    journal = Journal()
    provider = journal.provider()
    error = kind("no")

    async def child() -> None:
        raise error

    async def main() -> None:
        try:
            await coco.use_mount(child)
        except BaseException as caught:
            assert caught is error
            coco.declare_target_state(provider.target_state("main", 1))

    bench.update(bench.app(main))
    assert journal.content == {"main": 1}


@pytest.mark.parametrize("kind", [ValueError, asyncio.CancelledError, Own])
def test_the_root_s_exception_reaches_the_caller_as_it_is(bench: Bench, kind: type[BaseException]) -> None:  # APP-06
    async def child() -> None:
        raise kind("no")

    async def main() -> None:
        await coco.use_mount(child)

    with pytest.raises(kind):
        bench.update(bench.app(main))


def test_children_of_a_failed_body_finish_and_none_is_collected(bench: Bench) -> None:  # CMP-13
    journal = Journal()
    provider = journal.provider()
    plan = {"children": ["old"], "fail": False}

    async def child(key: str) -> None:
        await asyncio.sleep(5)
        coco.declare_target_state(provider.target_state(key, 1))

    async def main() -> None:
        coco.declare_target_state(provider.target_state("main", str(plan)))
        for key in plan["children"]:  # type: ignore[attr-defined]  # a list of names
            await coco.mount(sub(key), child, key)
        if plan["fail"]:
            raise LookupError("late")

    app = bench.app(main)
    bench.update(app)
    mains = journal.content["main"]
    plan.update(children=["new"], fail=True)
    with pytest.raises(LookupError):
        bench.update(app)
    assert journal.content == {"main": mains, "old": 1, "new": 1}
    plan.update(fail=False)
    bench.update(app)
    assert sorted(journal.content) == ["main", "new"]


def test_a_parent_with_a_failed_descendant_keeps_no_memo(bench: Bench) -> None:  # FN-16
    broken = [True]
    runs = []

    async def grandchild() -> None:
        if broken:
            raise OSError

    async def child() -> None:
        await coco.mount(grandchild)

    @coco.fn(memo=True)
    async def parent() -> None:
        runs.append(1)
        await coco.mount(child)

    async def main() -> None:
        await coco.mount(parent)

    app = bench.app(main)
    bench.update(app)
    broken.clear()
    bench.update(app)
    bench.update(app)
    assert len(runs) == 2


def test_a_child_given_up_before_it_got_a_slot_leaves_no_memo_of_its_parent(bench: Bench) -> None:  # FN-16
    runs = []

    async def slow() -> None:
        await asyncio.sleep(60)

    async def late() -> None:
        runs.append("late")

    @coco.fn(memo=True)
    async def main() -> None:
        runs.append("main")
        await coco.mount(sub("slow"), slow)
        try:
            async with asyncio.timeout(1):
                await coco.mount(sub("late"), late)
        except TimeoutError:
            pass

    app = bench.app(main, max_inflight_components=1)
    bench.update(app)
    bench.update(app)
    assert runs == ["main", "main"]


# -- use after the end -----------------------------------------------------------------------------------------------------


def test_a_finished_component_can_not_be_used(bench: Bench) -> None:  # CMP-22
    provider = Journal().provider()
    kept: list[Any] = []
    refused = []

    async def child() -> None:
        kept.append(coco.get_component_context())

    async def main() -> None:
        await coco.use_mount(child)
        with kept[0].attach():
            for use in (lambda: coco.declare_target_state(provider.target_state("k", 1)), coco.get_component_context):
                with pytest.raises(RuntimeError, match="already finished"):
                    use()
                refused.append(use)

    bench.update(bench.app(main))
    assert len(refused) == 2


def test_a_late_task_counts_until_the_component_submits(bench: Bench) -> None:  # CMP-22, CMP-12
    journal = Journal()
    provider = journal.provider()
    refused = []

    async def late(seconds: int) -> None:
        await asyncio.sleep(seconds)
        try:
            coco.declare_target_state(provider.target_state(f"after {seconds}", 1))
            await coco.mount(sub("late", seconds), nothing)
        except RuntimeError as error:
            refused.append((seconds, str(error)))

    async def child() -> None:
        await asyncio.sleep(3)

    async def slow_sink(context: coco.ContextProvider, actions: Sequence[tuple[str, int]]) -> None:
        await asyncio.sleep(3)
        journal.calls.append(list(actions))

    journal.sink = coco.TargetActionSink.from_async_fn(slow_sink)
    tasks: list[asyncio.Future[None]] = []

    async def main() -> None:
        await coco.mount(child)
        tasks.extend(asyncio.ensure_future(late(seconds)) for seconds in (1, 5))

    bench.update(bench.app(main))  # children until 3, sinks until 6
    assert journal.calls == [[("after 1", 1)]]
    assert refused == [(5, "component / has already finished; a late task or kept context used it")]
    assert bench.events("component_mounted") == ["component_mounted /@child", 'component_mounted /"late"/1']


# -- quota and size --------------------------------------------------------------------------------------------------------


def test_with_one_slot_a_deep_tree_ends_and_leaves_run_one_at_a_time(bench: Bench) -> None:  # CMP-17
    running, most = [0], [0]

    async def leaf() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(1)
        running[0] -= 1

    async def node(depth: int) -> None:
        for side in ("left", "right"):
            if depth:
                await coco.mount(sub(side), node, depth - 1)
            else:
                await coco.mount(sub(side), leaf)

    bench.update(bench.app(node, 5, max_inflight_components=1))
    assert most == [1]
    assert len(bench.events("committed")) == 2**7 - 1


def test_with_one_slot_foreground_children_nest(bench: Bench) -> None:  # CMP-17
    async def node(depth: int) -> int:
        return 1 + await coco.use_mount(sub("d"), node, depth - 1) if depth else 0

    assert bench.update(bench.app(node, 200, max_inflight_components=1)) == 200


def test_as_many_run_at_once_as_there_are_slots(bench: Bench) -> None:  # CMP-17
    running, most = [0], [0]

    async def leaf() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(1)
        running[0] -= 1

    async def main() -> None:
        for n in range(20):
            await coco.mount(sub(n), leaf)

    bench.update(bench.app(main, max_inflight_components=4))
    assert most == [4]


def test_a_thousand_children_share_transactions_and_sink_calls(bench: Bench) -> None:
    journal = Journal()
    provider = journal.provider()
    items = {n: n for n in range(1000)}

    @coco.fn(memo=True)
    async def child(value: int, key: int) -> None:
        coco.declare_target_state(provider.target_state(key, value))

    async def main() -> None:
        for key, value in items.items():
            await coco.mount(sub(key), child, value, key)

    app = bench.app(main)
    bench.update(app)
    assert journal.content == items
    assert len(journal.calls) < 50
    journal.calls.clear()
    bench.events()
    bench.update(app)
    assert journal.calls == []
    assert len(bench.events("component_reused")) == 1000
    del items[0]
    items[1] = -1
    bench.update(app)
    assert journal.content == items
    assert sum(map(len, journal.calls)) == 2


# -- shapes that change ------------------------------------------------------------------------------------------------------

SHAPES: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "component": [(("x",), "s")],
    "directory": [(("x", "y"), "s")],
    "deep": [(("x", "y", "z"), "s")],
    "two": [(("x", "y"), "s"), (("x", "w"), "t")],
    "nothing": [],
}


@pytest.mark.parametrize("before", SHAPES)
@pytest.mark.parametrize("after", SHAPES)
@pytest.mark.parametrize("memo", [False, True])
def test_a_path_may_change_between_directory_and_component(
    bench: Bench, before: str, after: str, memo: bool
) -> None:  # CMP-19
    journal = Journal()
    provider = journal.provider()
    shape = [before]

    @coco.fn(memo=memo)
    async def child(key: str) -> None:
        coco.declare_target_state(provider.target_state(key, 1))

    @coco.fn(memo=memo)
    async def under(name: str) -> None:
        for path, key in SHAPES[name]:
            await coco.mount(sub(*path), child, key)

    async def main() -> None:
        await coco.mount(sub("under"), under, shape[0])

    app = bench.app(main)
    for shape[0] in (before, after, before, after):
        journal.calls.clear()
        bench.update(app)
        assert journal.content == {key: 1 for _, key in SHAPES[shape[0]]}
    rewritten = [key for call in journal.calls for key, value in call if value is not None]
    assert rewritten == [key for _, key in SHAPES[after] if key not in {key for _, key in SHAPES[before]}]  # taken over
    bench.events()
    bench.update(app)
    assert bench.events("pre_committed", "component_removed") == []


def test_a_component_between_a_parent_and_its_grandchild_may_go_and_come(bench: Bench) -> None:  # CMP-19
    journal = Journal()
    provider = journal.provider()
    direct = [False]

    async def leaf() -> None:
        coco.declare_target_state(provider.target_state("leaf", 1))

    async def middle() -> None:
        coco.declare_target_state(provider.target_state("middle", 1))
        await coco.mount(sub("leaf"), leaf)

    async def main() -> None:
        if direct[0]:
            await coco.mount(sub("middle", "leaf"), leaf)
        else:
            await coco.mount(sub("middle"), middle)

    app = bench.app(main)
    for direct[0] in (False, True, False, True):
        bench.update(app)
        assert journal.content == ({"leaf": 1} if direct[0] else {"leaf": 1, "middle": 1})
    assert [call for call in journal.calls if ("leaf", 1) in call] == [[("leaf", 1)]]


def test_a_component_whose_loop_is_gone_neither_waits_nor_fails(bench: Bench) -> None:  # DUR-04
    async def child() -> None:
        await asyncio.sleep(1)

    async def main() -> None:
        await coco.mount(child)
        await asyncio.sleep(1)

    bench.update_until(bench.app(main), "component_started", nth=2)
    root = next(task for task in asyncio.all_tasks(bench.loop) if task.get_name() == "root").get_coro()
    assert root is not None
    root.close()
    assert bench.events("component_failed") == []
