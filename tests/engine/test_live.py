"""Goal: live components start, rebuild, end, fail and are replaced as the contract says, in live and catch-up mode (LIV)."""

from __future__ import annotations

import asyncio
import logging
import pathlib
import tempfile
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco

from .field import Field, Live, until_told

sub = coco.component_subpath
HOUR = 3600.0


# -- mode and detection ----------------------------------------------------------------------------------------------------


def test_without_live_components_live_mode_ends_like_catch_up(field: Field) -> None:  # LIV-02
    async def main() -> str:
        await coco.mount(sub("a"), field.item, "a", 1)
        return "result"

    assert field.update(main, live=True) == "result"
    assert field.content == {"a": 1}


def test_catch_up_is_the_default(field: Field) -> None:  # LIV-01
    async def process_live(operator: Any) -> None:
        await operator.mark_ready()
        field.say("went on")

    main = field.mounting(field.live(process_live))
    field.update(main)
    assert field.log == []
    field.update(main, live=True)
    assert field.log == ["went on"]


@pytest.mark.parametrize("how", ["mount", "mount_each", "use_mount", "update"])
@pytest.mark.parametrize("live", [False, True])
def test_the_mode_reaches_everything_below(field: Field, how: str, live: bool) -> None:  # LIV-01
    async def inner_live(operator: Any) -> None:
        await operator.mark_ready()
        field.say("live")

    inner = field.live(inner_live, name="Inner")

    async def around(*_: Any) -> None:
        await (await coco.mount(inner)).ready()

    async def outer_live(operator: Any) -> None:
        await (await operator.update(sub("inner"), around)).ready()

    async def main() -> None:
        if how == "mount":
            await coco.mount(around)
        elif how == "mount_each":
            await coco.mount_each(around, [("a", 1)])
        elif how == "use_mount":
            await coco.use_mount(around)
        else:
            await coco.mount(field.live(outer_live))

    field.update(main, live=live)
    assert field.log == (["live"] if live else [])


def test_a_live_update_ends_with_the_last_process_live(field: Field) -> None:  # LIV-03
    def ending_after(seconds: float) -> Live:
        async def process_live(operator: Any) -> None:
            await operator.mark_ready()
            await asyncio.sleep(seconds)

        return process_live

    async def main() -> str:
        for seconds in (HOUR, 2 * HOUR):
            await coco.mount(sub(str(seconds)), field.live(ending_after(seconds)))
        return "result"

    assert field.update(main, live=True) == "result"
    assert field.bench.loop.time() == 2 * HOUR


def test_a_live_update_ends_after_what_operators_began(field: Field) -> None:  # LIV-03
    async def slow() -> None:
        await asyncio.sleep(HOUR)
        await field.item("a", 1)

    async def process_live(operator: Any) -> None:
        await operator.mark_ready()
        await operator.update(sub("slow"), slow)

    field.update(field.mounting(field.live(process_live)), live=True)
    assert field.content == {"a": 1}


def test_a_plain_iterable_is_processed_once_in_live_mode(field: Field) -> None:  # LIV-04
    async def item(value: int) -> None:
        field.say(value)

    async def main() -> None:
        await coco.mount_each(item, [("a", 1), ("b", 2)])

    field.update(main, live=True)
    assert sorted(field.log) == [1, 2]


class NoBase:
    said: list[str] = []  # noqa: RUF012  # one for the class, on purpose

    @classmethod
    def process(cls) -> None:
        pass

    @classmethod
    async def process_live(cls, operator: Any) -> None:
        cls.said.append("live")


class Inherits(NoBase):
    pass


class OnlyProcess:
    said: list[str] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.said.append("called")

    def process(self) -> None:
        self.said.append("processed")


@pytest.mark.parametrize("cls", [NoBase, Inherits])
def test_a_class_with_both_methods_is_a_live_component(field: Field, cls: Any) -> None:  # LIV-05
    NoBase.said.clear()
    field.update(field.mounting(cls), live=True)
    assert NoBase.said == ["live"]
    assert issubclass(cls, object) and isinstance(cls(), coco.LiveComponent)


def test_a_class_with_one_of_them_is_a_callable(field: Field) -> None:  # LIV-05
    OnlyProcess.said.clear()
    field.update(field.mounting(OnlyProcess), live=True)
    assert OnlyProcess.said == ["called"]


@pytest.mark.parametrize("how", ["mount", "update"])
def test_the_constructor_gets_the_arguments_and_its_exception_is_raised_at_once(field: Field, how: str) -> None:
    # LIV-06
    class Picky(field.live(until_told)):  # type: ignore[misc]  # a class made at run time
        def __init__(self, number: int, *, text: str) -> None:
            field.say((number, text))
            raise ZeroDivisionError("from the constructor")

    async def attempt(mount: Callable[..., Any], *first: Any) -> None:
        with pytest.raises(ZeroDivisionError, match="from the constructor"):
            await mount(*first, Picky, 1, text="x")
        field.say("raised")

    async def process_live(operator: Any) -> None:
        await attempt(operator.update, sub("picky"))

    async def main() -> None:
        if how == "mount":
            await attempt(coco.mount)
        else:
            await coco.mount(field.live(process_live))

    field.update(main)
    assert field.log == [(1, "x"), "raised"]


def test_the_default_subpath_is_the_class_or_what_it_says(field: Field) -> None:  # LIV-07
    async def process_live(operator: Any) -> None:
        pass

    named = field.live(process_live, name="Named")
    other = field.live(process_live, name="Other")
    other.__coco_subpath_name__ = "said"  # type: ignore[attr-defined]
    odd = field.live(process_live, name="Odd")
    odd.__coco_subpath_name__ = 3  # type: ignore[attr-defined]

    async def main() -> None:
        for cls in (named, other, odd):
            await coco.mount(cls)

    field.update(main)
    assert sorted(field.bench.events("live_started")) == [
        "live_started /@Named",
        "live_started /@Odd",
        "live_started /@said",
    ]


def test_use_mount_refuses_live_components(field: Field) -> None:  # LIV-08
    async def main() -> None:
        with pytest.raises(TypeError, match="cannot be used with use_mount"):
            await coco.use_mount(sub("x"), NoBase)
        field.say("refused")

    field.update(main)
    assert field.log == ["refused"]


def test_an_instance_can_not_be_mounted(field: Field) -> None:  # LIV-09
    async def main() -> None:
        with pytest.raises(TypeError, match="requires a ComponentSubpath"):
            await coco.mount(NoBase())
        with pytest.raises(AttributeError, match="mount the class NoBase"):
            await coco.mount(sub("x"), NoBase())
        field.say("refused")

    field.update(main)
    assert field.log == ["refused"]


def test_a_live_class_as_the_root_is_only_called(field: Field) -> None:  # LIV-09
    NoBase.said.clear()
    assert isinstance(field.update(NoBase, live=True), NoBase)
    assert NoBase.said == []


def test_process_may_be_sync(field: Field) -> None:  # LIV-10
    class Sync:
        def process(self) -> str:
            coco.declare_target_state(field.provider.target_state("a", 1))
            return "ignored"

        async def process_live(self, operator: Any) -> str:
            assert await operator.update_full() is None
            return "ignored"

    assert field.update(field.mounting(Sync)) == "result"
    assert field.content == {"a": 1}


def test_a_sync_process_live_fails_the_build(field: Field, caplog: pytest.LogCaptureFixture) -> None:  # LIV-10, LIV-35
    class Sync:
        def process(self) -> None: ...

        def process_live(self, operator: Any) -> None: ...

    with pytest.raises(RuntimeError, match="Child component build cancelled") as caught:
        field.update(field.mounting(Sync))
    assert isinstance(caught.value.__cause__, TypeError)
    assert "must be async" in caplog.text


# -- update_full -----------------------------------------------------------------------------------------------------------


def test_a_cycle_is_a_complete_build(field: Field) -> None:  # LIV-11, LIV-12
    wanted = {"a": 1, "b": 2}

    async def process() -> None:
        await field.item("own", len(wanted))
        for key, value in wanted.items():
            await coco.mount(sub(key), field.item, key, value)

    async def process_live(operator: Any) -> None:
        assert await operator.update_full() is None
        field.say(dict(field.content))
        await (await operator.update(sub("added"), field.item, "added", 0)).ready()
        field.say(dict(field.content))
        wanted.pop("a")
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    first = {"a": 1, "b": 2, "own": 2}
    assert field.log == [first, first | {"added": 0}]
    assert field.content == {"b": 2, "own": 1}


def test_a_cycle_waits_until_everything_below_is_ready(field: Field) -> None:  # LIV-11
    async def slow() -> None:
        await asyncio.sleep(HOUR)
        await coco.mount(sub("deep"), field.item, "deep", 1)

    async def process() -> None:
        await coco.mount(slow)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        field.say(dict(field.content))

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == [{"deep": 1}]


def test_unchanged_memoized_children_do_not_run_again(field: Field) -> None:  # LIV-13
    @coco.fn(memo=True)
    async def memoized(key: str) -> None:
        field.say(key)
        await field.item(key, 1)

    keys = ["a"]

    async def process() -> None:
        for key in keys:
            await coco.mount(sub(key), memoized, key)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        keys.append("b")
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == ["a", "b"]
    assert field.content == {"a": 1, "b": 1}


def test_what_process_raises_goes_to_the_handlers(field: Field) -> None:  # LIV-14, LIV-15, LIV-39
    broken = False
    error = ValueError("broken")

    async def process() -> None:
        await field.item("own", broken)
        await coco.mount(sub("a"), field.item, "a", int(broken))
        if broken:
            raise error
        await coco.mount(sub("b"), field.item, "b", 1)

    async def process_live(operator: Any) -> None:
        nonlocal broken
        await operator.update_full()
        broken = True
        assert await operator.update_full() is None

    field.update(field.mounting(field.live(process_live, process), handler=field.hear))
    [(path, heard, context)] = field.heard
    assert (path, heard) == ("/@Comp", error)
    assert heard.__traceback__ is not None
    assert (context.mount_kind, context.processor_name, context.parent_stable_path) == ("process_live", "Comp", "/")
    assert field.content == {
        "own": False,
        "a": 1,
        "b": 1,
    }  # no own change, no removal; what was mounted keeps its result


def test_what_a_handler_raises_is_raised_from_update_full(field: Field) -> None:  # LIV-14
    def process() -> None:
        raise ValueError("broken")

    async def process_live(operator: Any) -> None:
        with pytest.raises(KeyError, match="from the handler"):
            await operator.update_full()
        field.say("raised")

    def handler(error: BaseException, context: coco.ExceptionContext) -> None:
        raise KeyError("from the handler")

    field.update(field.mounting(field.live(process_live, process), handler=handler))
    assert field.log == ["raised"]


def test_a_failing_child_is_reported_and_the_cycle_goes_through(field: Field) -> None:  # LIV-16
    keys = ["a", "gone"]

    async def failing() -> None:
        raise ValueError("child")

    async def process() -> None:
        async with coco.exception_handler(field.hear):
            await coco.mount(failing)
        for key in keys:
            await coco.mount(sub(key), field.item, key, 1)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        keys.remove("gone")
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    assert [(path, context.mount_kind) for path, _, context in field.heard] == [("/@Comp/@failing", "mount")] * 2
    assert field.content == {"a": 1}


def test_a_sink_failure_is_reported_and_retried(field: Field) -> None:  # LIV-17
    declared = {"a": 1}

    async def process() -> None:
        for key, value in declared.items():
            await field.item(key, value)

    async def process_live(operator: Any) -> None:
        field.journal.fail_before = {"a"}
        await operator.update_full()
        field.journal.fail_before = set()
        await operator.update_full()
        field.say(dict(field.content))
        declared.clear()
        field.journal.fail_before = {"a"}
        await operator.update_full()
        field.say(dict(field.content))
        field.journal.fail_before = set()
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process), handler=field.hear))
    assert [type(error) for _, error, _ in field.heard] == [OSError, OSError]
    assert field.log == [{"a": 1}, {"a": 1}]
    assert field.content == {}


def test_cycles_asked_for_at_once_run_one_after_the_other(field: Field) -> None:  # LIV-18
    async def process() -> None:
        field.say("begin")
        await asyncio.sleep(1)
        field.say("end")

    async def process_live(operator: Any) -> None:
        await asyncio.gather(*(operator.update_full() for _ in range(3)))

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == ["begin", "end"] * 3


@pytest.mark.parametrize("full_reprocess", [False, True])
def test_without_update_full_everything_stays(field: Field, full_reprocess: bool) -> None:  # LIV-19, LIV-40
    async def process() -> None:
        await field.item("own", 1)
        await coco.mount(sub("a"), field.item, "a", 1)

    async def process_live(operator: Any) -> None:
        if await operator.read_committed_state("scanned"):
            return
        await operator.update_full()
        await operator.write_committed_state("scanned", True)

    main = field.mounting(field.live(process_live, process))
    field.update(main)
    field.journal.take_calls()
    field.update(main, live=True, full_reprocess=full_reprocess)
    assert field.content == {"own": 1, "a": 1}
    assert field.journal.take_calls() == []


# -- update and delete -----------------------------------------------------------------------------------------------------


def test_operations_are_scheduled_during_a_cycle_and_run_after_it(field: Field) -> None:  # LIV-20
    async def process() -> None:
        await asyncio.sleep(10)
        field.say("cycle done")

    async def item(word: str) -> None:
        field.say(word)

    async def process_live(operator: Any) -> None:
        cycle = asyncio.create_task(operator.update_full())
        await asyncio.sleep(1)
        await operator.update(sub("a"), item, "update")
        await operator.delete(sub("b"))
        field.say(f"scheduled at {asyncio.get_running_loop().time()}")
        await cycle

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == ["scheduled at 1.0", "cycle done", "update"]


def test_a_cycle_waits_for_running_operations(field: Field) -> None:  # LIV-21
    async def slow() -> None:
        await asyncio.sleep(10)
        field.say("operation done")

    def process() -> None:
        field.say("cycle")

    async def process_live(operator: Any) -> None:
        await operator.update(sub("a"), slow)
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == ["operation done", "cycle"]


def test_operations_on_different_subpaths_run_side_by_side(field: Field) -> None:  # LIV-22
    async def slow() -> None:
        await asyncio.sleep(10)

    async def process_live(operator: Any) -> None:
        handles = [await operator.update(sub(*parts), slow) for parts in (("a",), ("b",), ("c", 1), ("c", 2))]
        for handle in handles:
            await handle.ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.bench.loop.time() == 10


@pytest.mark.parametrize(
    ("first", "second"), [((1,), (1, 2)), ((1, 2), (1,)), ((1, 2, 3), (1,))], ids=["below", "above", "far above"]
)
def test_operations_above_and_below_each_other_keep_their_order(field: Field, first: Any, second: Any) -> None:
    # LIV-22, LIV-26
    async def slow() -> None:
        field.say("began")
        await asyncio.sleep(10)
        field.say("ended")

    async def process_live(operator: Any) -> None:
        await operator.update(sub(*first), slow)
        await operator.update(sub(*second), slow)

    field.update(field.mounting(field.live(process_live)))
    assert field.log == ["began", "ended"] * 2


def test_per_subpath_one_runs_and_of_those_behind_it_only_the_last(field: Field) -> None:  # LIV-23, LIV-24, LIV-30
    async def item(value: int) -> None:
        field.say(f"begin {value}")
        await asyncio.sleep(10)
        field.say(f"end {value}")
        await field.item("a", value)

    async def process_live(operator: Any) -> None:
        handles = []
        for value in range(5):
            handles.append(await operator.update(sub("a"), item, value))
            await asyncio.sleep(0.1)
        for nth, handle in enumerate(handles[1:4], 1):
            await handle.ready()
            field.say(f"{nth} superseded")
        await handles[4].ready()
        await handles[4].ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.log == [
        "begin 0",
        "1 superseded",
        "2 superseded",
        "3 superseded",
        "end 0",
        "begin 4",
        "end 4",
    ]
    assert field.content == {"a": 4}


@pytest.mark.parametrize(("operations", "left"), [("udu", {"a": 2}), ("ud", {}), ("dud", {}), ("uudu", {"a": 3})])
def test_the_last_operation_decides(field: Field, operations: str, left: dict[str, int]) -> None:  # LIV-25
    async def process_live(operator: Any) -> None:
        for nth, operation in enumerate(operations):
            if operation == "u":
                handle = await operator.update(sub("a"), field.item, "a", nth)
            else:
                handle = await operator.delete(sub("a"))
        await handle.ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.content == left


def test_a_burst_on_one_key_is_bounded_work(field: Field) -> None:  # LIV-23
    async def item(value: int) -> None:
        field.say(value)
        await field.item("a", value)

    async def process_live(operator: Any) -> None:
        for value in range(1000):
            handle = await operator.update(sub("a"), item, value)
            if value % 100 == 0:
                await asyncio.sleep(0.001)
        await handle.ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.content == {"a": 999}
    assert len(field.log) <= 30


def test_delete_removes_what_is_below_too_and_nothing_else(field: Field) -> None:  # LIV-26, LIV-27
    async def process_live(operator: Any) -> None:
        for parts in (("a",), ("a", "b"), ("a", "b", 3), ("ab",)):
            await (await operator.update(sub(*parts), field.item, str(parts), 1)).ready()
        await (await operator.delete(sub("unknown"))).ready()
        field.say(len(field.content))
        await (await operator.delete(sub("a", "b"))).ready()
        field.say(sorted(field.content))
        await (await operator.delete(sub("a"))).ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.log == [4, ["('a',)", "('ab',)"]]
    assert field.content == {"('ab',)": 1}


def test_a_subpath_is_made_of_stable_keys(field: Field) -> None:  # LIV-27
    async def process_live(operator: Any) -> None:
        with pytest.raises(TypeError, match="Unsupported StableKey"):
            await operator.update(sub(1.5), field.item, "a", 1)  # type: ignore[arg-type]  # on purpose
        with pytest.raises(TypeError, match="expected a ComponentSubpath, got 'a'"):
            await operator.delete("a")
        with pytest.raises(ValueError, match="Path is empty"):
            await operator.delete(sub())
        field.say("refused")

    field.update(field.mounting(field.live(process_live)))
    assert field.log == ["refused"]


async def failing_item() -> None:
    raise ValueError("item")


def test_a_failing_operation_is_reported_with_the_path_of_the_child(field: Field) -> None:  # LIV-28, LIV-29
    async def process_live(operator: Any) -> None:
        await (await operator.update(sub("a"), field.item, "a", 1)).ready()
        await (await operator.update(sub("b"), field.item, "b", 1)).ready()
        await (await operator.update(sub("a"), failing_item)).ready()
        field.journal.fail_before = {"b"}
        await (await operator.delete(sub("b"))).ready()
        field.say(dict(field.content))
        field.journal.fail_before = set()
        await operator.update_full()

    field.update(field.mounting(field.live(process_live), handler=field.hear))
    facts = [(path, type(error), context.mount_kind, context.processor_name) for path, error, context in field.heard]
    assert facts == [
        ('/@Comp/"a"', ValueError, "process_live", "failing_item"),
        ('/@Comp/"b"', OSError, "process_live", None),
    ]
    assert field.log == [{"a": 1, "b": 1}]
    assert field.content == {}


def test_a_failing_operation_without_handlers_is_logged(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    # LIV-28
    async def process_live(operator: Any) -> None:
        await (await operator.update(sub("a"), failing_item)).ready()
        field.say("ready")

    field.update(field.mounting(field.live(process_live)))
    assert field.log == ["ready"]
    [record] = caplog.records
    assert record.levelno == logging.ERROR and "ValueError('item')" in record.getMessage()


def test_what_a_handler_raises_is_raised_from_ready(field: Field) -> None:  # LIV-28, LIV-30
    def handler(error: BaseException, context: coco.ExceptionContext) -> None:
        raise KeyError("from the handler")

    async def process_live(operator: Any) -> None:
        handle = await operator.update(sub("a"), failing_item)
        for _ in range(2):
            with pytest.raises(KeyError, match="from the handler"):
                await handle.ready()
        await (await operator.update(sub("b"), field.item, "b", 1)).ready()

    field.update(field.mounting(field.live(process_live), handler=handler))
    assert field.content == {"b": 1}


# -- mark_ready and endings ------------------------------------------------------------------------------------------------


def test_in_live_mode_mark_ready_returns_and_may_be_repeated(field: Field) -> None:  # LIV-31
    async def process_live(operator: Any) -> None:
        for _ in range(2):
            await operator.mark_ready()
            field.say("ready")

    field.update(field.mounting(field.live(process_live)), live=True)
    assert field.log == ["ready", "ready"]


def test_in_catch_up_mark_ready_never_returns(field: Field) -> None:  # LIV-31
    async def process_live(operator: Any) -> None:
        try:
            await operator.mark_ready()
            field.say("after")
        except asyncio.CancelledError:
            field.say("cancelled")
            raise
        finally:
            await asyncio.sleep(0.5)
            field.say("finally")

    assert field.update(field.mounting(field.live(process_live))) == "result"
    assert field.log == ["cancelled", "finally"]


@pytest.mark.parametrize("helper", [asyncio.gather, asyncio.wait_for])
def test_in_catch_up_mark_ready_ends_process_live_from_a_helper_task_too(field: Field, helper: Any) -> None:  # LIV-31
    async def process_live(operator: Any) -> None:
        async def mark() -> None:
            await operator.mark_ready()
            field.say("after")

        await (asyncio.gather(mark(), asyncio.sleep(HOUR)) if helper is asyncio.gather else helper(mark(), HOUR))
        field.say("after")

    field.update(field.mounting(field.live(process_live)))
    assert field.log == []
    assert field.bench.loop.time() < 1


def test_suppressing_the_cancellation_does_not_prolong_the_update(field: Field) -> None:  # LIV-32
    async def process_live(operator: Any) -> None:
        with suppress(asyncio.CancelledError):
            await operator.mark_ready()
        calls = [
            operator.update_full,
            operator.mark_ready,
            lambda: operator.update(sub("a"), field.item, "a", 1),
            lambda: operator.delete(sub("a")),
        ]
        for call in calls:
            with pytest.raises(asyncio.CancelledError):
                await call()
        field.say("all cancelled")
        await asyncio.sleep(HOUR)

    field.update(field.mounting(field.live(process_live)))
    assert field.log == ["all cancelled"]
    assert field.bench.loop.time() <= 1
    assert field.content == {}


def test_one_that_can_not_be_cancelled_is_given_up_and_named(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    # LIV-32
    async def process_live(operator: Any) -> None:
        with suppress(asyncio.CancelledError):
            await operator.mark_ready()
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(HOUR)
        field.say("ended")

    field.update(field.mounting(field.live(process_live)))
    assert "/@Comp: process_live goes on 1.0 s after it was cancelled" in caplog.text


@pytest.mark.parametrize("live", [False, True])
def test_returning_marks_ready(field: Field, live: bool) -> None:  # LIV-33
    async def process_live(operator: Any) -> None:
        await operator.update_full()

    assert field.update(field.mounting(field.live(process_live)), live=live) == "result"
    assert "live_ready /@Comp" in field.bench.events()


def test_a_raise_after_ready_is_logged_and_nothing_else(field: Field, caplog: pytest.LogCaptureFixture) -> None:
    # LIV-34
    async def process_live(operator: Any) -> None:
        await operator.mark_ready()
        raise ValueError("late")

    app = field.app(field.mounting(field.live(process_live), handler=field.hear))
    handle = app.update(live=True)
    assert field.bench.run(handle.result()) == "result"
    assert "process_live failed after mark_ready" in caplog.text
    assert field.heard == [] and handle.failures() == []


@pytest.mark.parametrize("live", [False, True])
def test_a_raise_before_ready_fails_the_build_of_the_parent(
    field: Field, live: bool, caplog: pytest.LogCaptureFixture
) -> None:  # LIV-35
    async def process_live(operator: Any) -> None:
        raise ValueError("early")

    async def main() -> None:
        async with coco.exception_handler(field.hear):
            handle = await coco.mount(field.live(process_live))
            await handle.ready()
            field.say("resolved")
        await field.item("own", 1)

    with pytest.raises(RuntimeError, match="Child component build cancelled") as caught:
        field.update(main, live=live)
    assert repr(caught.value.__cause__) == "ValueError('early')"
    assert field.log == ["resolved"] and field.heard == [] and field.content == {}
    assert "process_live failed before mark_ready: ValueError('early')" in caplog.text


def test_a_raise_before_ready_below_a_background_child_goes_to_the_grandparent(field: Field) -> None:  # LIV-35
    async def process_live(operator: Any) -> None:
        raise ValueError("early")

    async def middle() -> None:
        await coco.mount(field.live(process_live))

    async def main() -> str:
        async with coco.exception_handler(field.hear):
            await coco.mount(middle)
        await field.item("own", 1)
        return "result"

    assert field.update(main) == "result"
    [(path, error, context)] = field.heard
    text = "Child component build cancelled: live component /@middle/@Comp raised ValueError: early"
    assert (path, str(error), context.mount_kind) == ("/@middle", text, "mount")
    assert repr(error.__cause__) == "ValueError('early')"
    assert field.content == {"own": 1}


@pytest.mark.parametrize("how", ["process", "update"])
def test_a_raise_before_ready_of_a_nested_one_is_reported(field: Field, how: str) -> None:  # LIV-36
    async def inner_live(operator: Any) -> None:
        raise ValueError("early")

    inner = field.live(inner_live, name="Inner")

    async def process() -> None:
        if how == "process":
            await coco.mount(inner)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        if how == "update":
            await (await operator.update(sub("inner"), inner)).ready()
        await operator.mark_ready()

    field.update(field.mounting(field.live(process_live, process), handler=field.hear))
    [(path, error, context)] = field.heard
    assert context.mount_kind == "process_live"
    if how == "process":
        assert (path, repr(error.__cause__)) == ("/@Comp", "ValueError('early')")
    else:
        assert (path, repr(error)) == ('/@Comp/"inner"', "ValueError('early')")


def test_a_catch_up_update_waits_for_what_nobody_waited_for(field: Field) -> None:  # LIV-37
    async def slow() -> None:
        await asyncio.sleep(HOUR)
        await field.item("a", 1)

    async def process_live(operator: Any) -> None:
        await operator.update(sub("slow"), slow)
        await operator.mark_ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.content == {"a": 1}


# -- reporting, state, scope -----------------------------------------------------------------------------------------------


def test_report_exception_hands_on_the_very_exception(field: Field) -> None:  # LIV-38, LIV-39
    mine = ValueError("mine")
    kept: list[Any] = []

    async def process_live(operator: Any) -> None:
        await operator.report_exception(mine)
        kept.append(operator)
        await operator.mark_ready()

    async def main() -> None:
        async with coco.exception_handler(field.hear):
            await coco.mount(field.live(process_live))

    field.update(main, live=True)
    field.bench.run(kept[0].report_exception(mine))  # works after the end, too
    assert [error for _, error, _ in field.heard] == [mine, mine]
    assert {(path, context.mount_kind) for path, _, context in field.heard} == {("/@Comp", "process_live")}


def test_report_exception_raises_what_the_last_handler_raises(field: Field) -> None:  # LIV-38, LIV-39
    mine, inner_error, outer_error = ValueError("mine"), KeyError("inner"), OSError("outer")
    contexts: list[tuple[BaseException, coco.ExceptionContext]] = []

    def inner(error: BaseException, context: coco.ExceptionContext) -> None:
        raise inner_error

    def outer(error: BaseException, context: coco.ExceptionContext) -> None:
        contexts.append((error, context))
        raise outer_error

    async def process_live(operator: Any) -> None:
        with pytest.raises(OSError, match="outer"):
            await operator.report_exception(mine)

    async def main() -> None:
        async with coco.exception_handler(outer), coco.exception_handler(inner):
            await coco.mount(field.live(process_live))

    field.update(main)
    [(error, context)] = contexts
    assert (error, context.source, context.original_exception) == (inner_error, "handler", mine)


def test_report_exception_without_handlers_is_logged(field: Field, caplog: pytest.LogCaptureFixture) -> None:  # LIV-38
    async def process_live(operator: Any) -> None:
        await operator.report_exception(ValueError("mine"))

    field.update(field.mounting(field.live(process_live)))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_committed_state_lasts_until_the_component_is_unmounted(field: Field) -> None:  # LIV-40
    def process() -> None:
        coco.use_state("key", "of use_state")

    async def process_live(operator: Any) -> None:
        field.say(await operator.read_committed_state("key"))
        await operator.write_committed_state("key", {"n": [1, 2]})
        field.say(await operator.read_committed_state("key"))
        await operator.update_full()

    main = field.mounting(field.live(process_live, process))

    async def empty() -> None:
        pass

    field.update(main)
    assert field.log == [None, {"n": [1, 2]}]
    field.update(main, full_reprocess=True)
    assert field.log[2] == {"n": [1, 2]}
    field.update(empty)
    field.update(main)
    assert field.log[4] is None
    app = field.app(main)
    field.bench.run(app.drop())
    field.update(main)
    assert field.log[6] is None


def test_committed_state_survives_a_crash_once_it_is_written(field: Field) -> None:  # LIV-40
    bench = field.bench

    async def process_live(operator: Any) -> None:
        await operator.write_committed_state("key", 1)
        await operator.mark_ready()
        field.say("written")
        await until_told()

    async def process_again(operator: Any) -> None:
        field.say(await operator.read_committed_state("key"))

    async def halted() -> None:
        app = bench.app(field.mounting(field.live(process_live)))
        await app.update(live=True)

    assert bench.halt_at(halted(), "live_ready")
    bench.crash()
    bench.update(bench.app(field.mounting(field.live(process_again))))
    assert field.log[-1] == 1


def test_the_operator_is_no_use_after_the_end(field: Field) -> None:  # LIV-41
    kept: list[Any] = []

    async def process_live(operator: Any) -> None:
        kept.append(operator)

    field.update(field.mounting(field.live(process_live)), live=True)
    [operator] = kept
    calls: list[Callable[[], Any]] = [
        operator.update_full,
        operator.mark_ready,
        lambda: operator.update(sub("a"), field.item, "a", 1),
        lambda: operator.delete(sub("a")),
        lambda: operator.read_committed_state("a"),
        lambda: operator.write_committed_state("a", 1),
    ]
    for call in calls:
        with pytest.raises(RuntimeError, match="no longer active"):
            field.bench.run(call())


@pytest.mark.parametrize("mount", [coco.mount, coco.use_mount, lambda fn, *args: coco.mount_each(fn, [("k", 1)])])
def test_process_live_mounts_nothing(field: Field, mount: Any) -> None:  # LIV-42
    async def process_live(operator: Any) -> None:
        with pytest.raises(RuntimeError, match="not allowed inside process_live"):
            await mount(field.item, "a", 1)
        field.say("refused")

    field.update(field.mounting(field.live(process_live)))
    assert field.log == ["refused"]
    assert field.content == {}


def test_process_may_mount_in_every_way(field: Field) -> None:  # LIV-43
    async def each(value: int) -> None:
        await field.item(f"each {value}", 1)

    async def process() -> None:
        await coco.mount(sub("a"), field.item, "a", 1)
        await coco.mount_each(each, [("x", 1)])
        await coco.use_mount(sub("b"), field.item, "b", 1)

    async def process_live(operator: Any) -> None:
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    assert field.content == {"a": 1, "b": 1, "each 1": 1}


def test_process_live_declares_nothing(field: Field) -> None:  # LIV-44
    async def process_live(operator: Any) -> None:
        with pytest.raises(RuntimeError, match="declare in process"):
            await field.item("a", 1)
        with pytest.raises(RuntimeError, match="process_live"):
            coco.use_state("key")
        field.say("refused")

    field.update(field.mounting(field.live(process_live)))
    assert field.log == ["refused"]


def test_the_deadline_of_the_parent_does_not_reach_it(field: Field) -> None:  # LIV-45
    async def process() -> None:
        await asyncio.sleep(HOUR)
        coco.check_cancellation()
        await field.item("a", 1)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        await operator.mark_ready()

    async def main() -> None:
        with coco.timeout(timedelta(seconds=1)):
            await coco.mount(field.live(process_live, process))

    field.update(main)
    assert field.content == {"a": 1}


# -- readiness -------------------------------------------------------------------------------------------------------------


def test_the_mount_handle_is_ready_with_mark_ready(field: Field) -> None:  # LIV-46
    async def process_live(operator: Any) -> None:
        await asyncio.sleep(1)
        await operator.mark_ready()
        await asyncio.sleep(HOUR)

    async def main() -> None:
        await (await coco.mount(field.live(process_live))).ready()
        field.say(asyncio.get_running_loop().time())

    field.update(main, live=True)
    assert field.log == [1.0]


def test_those_above_wait_for_nested_ones(field: Field) -> None:  # LIV-47
    async def inner_live(operator: Any) -> None:
        await asyncio.sleep(5)
        await operator.mark_ready()
        await until_told()

    async def wrapper() -> None:
        await coco.mount(field.live(inner_live, name="Inner"))

    async def outer_process() -> None:
        await coco.mount(wrapper)

    async def outer_live(operator: Any) -> None:
        await operator.update_full()
        field.say(("cycle", asyncio.get_running_loop().time()))
        await operator.mark_ready()

    async def grandparent() -> None:
        await coco.mount(field.live(outer_live, outer_process, name="Outer"))

    async def main() -> None:
        await (await coco.mount(grandparent)).ready()
        field.say(("grandparent", asyncio.get_running_loop().time()))

    field.update(main)
    assert field.log == [("cycle", 5.0), ("grandparent", 5.0)]


@pytest.mark.parametrize("awaited", [False, True])
def test_a_live_component_started_by_an_operator_counts_if_it_is_awaited(field: Field, awaited: bool) -> None:
    # LIV-48
    async def inner_live(operator: Any) -> None:
        try:
            await asyncio.sleep(5)
            field.say("inner ready")
            await operator.mark_ready()
        finally:
            field.say("inner ended")

    async def outer_live(operator: Any) -> None:
        handle = await operator.update(sub("inner"), field.live(inner_live, name="Inner"))
        await asyncio.sleep(1)
        if awaited:
            await handle.ready()
        await operator.mark_ready()

    field.update(field.mounting(field.live(outer_live)))
    assert field.log == (["inner ready", "inner ended"] if awaited else ["inner ended"])


# -- replacement, removal, cancellation ------------------------------------------------------------------------------------


def test_mounting_again_replaces_the_instance(field: Field) -> None:  # LIV-49
    made = 0

    class Counted:
        def __init__(self) -> None:
            nonlocal made
            made += 1
            self.nth = made

        def process(self) -> None: ...

        async def process_live(self, operator: Any) -> None:
            field.say(f"{self.nth} began")
            await operator.mark_ready()
            try:
                await until_told()
            finally:
                field.say(f"{self.nth} ended")

    async def process() -> None:
        await coco.mount(sub("inner"), Counted)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        await operator.mark_ready()
        await operator.update_full()
        await (await operator.update(sub("inner"), Counted)).ready()
        await (await operator.delete(sub("inner"))).ready()

    field.update(field.mounting(field.live(process_live, process)), live=True)
    assert field.log == ["1 began", "1 ended", "2 began", "2 ended", "3 began", "3 ended"]


@pytest.mark.parametrize("how", ["delete", "update_full", "function"])
def test_removal_ends_it_and_nothing_comes_back(field: Field, how: str) -> None:  # LIV-50
    kept: list[Any] = []

    async def inner_live(operator: Any) -> None:
        kept.append(operator)
        await (await operator.update(sub("x"), field.item, "x", 1)).ready()
        await operator.mark_ready()
        try:
            await until_told()
        finally:
            with pytest.raises(RuntimeError, match="no longer active"):
                await operator.update(sub("late"), field.item, "late", 1)
            field.say("ended")

    wanted = True

    async def process() -> None:
        if wanted:
            await coco.mount(sub("inner"), field.live(inner_live, name="Inner"))

    async def process_live(operator: Any) -> None:
        nonlocal wanted
        await operator.update_full()
        await operator.mark_ready()
        field.say(dict(field.content))
        if how == "delete":
            await (await operator.delete(sub("inner"))).ready()
        elif how == "update_full":
            wanted = False
            await operator.update_full()
        else:
            await (await operator.update(sub("inner"), field.item, "plain", 1)).ready()

    field.update(field.mounting(field.live(process_live, process)), live=True)
    assert field.log == [{"x": 1}, "ended"]
    assert field.content == ({"plain": 1} if how == "function" else {})
    with pytest.raises(RuntimeError, match="no longer active"):
        field.bench.run(kept[0].update_full())


def test_an_operation_in_flight_is_finished_before_its_component_is_removed(field: Field) -> None:  # LIV-50
    async def slow() -> None:
        await asyncio.sleep(10)
        await field.item("slow", 1)

    async def inner_live(operator: Any) -> None:
        await operator.mark_ready()
        await operator.update(sub("slow"), slow)
        await asyncio.sleep(0.1)
        await operator.update(sub("slow"), field.item, "queued", 1)
        await until_told()

    async def process_live(operator: Any) -> None:
        await (await operator.update(sub("inner"), field.live(inner_live, name="Inner"))).ready()
        await operator.mark_ready()
        await asyncio.sleep(1)
        await (await operator.delete(sub("inner"))).ready()

    field.update(field.mounting(field.live(process_live)), live=True)
    assert field.content == {}
    assert [key for call in field.journal.take_calls() for key, value in call] == ["slow", "slow"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_cancels_and_lets_clean_up(field: Field, when: str) -> None:  # LIV-51
    async def process_live(operator: Any) -> None:
        if when == "after":
            await operator.mark_ready()
        try:
            await until_told()
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            await operator.write_committed_state("offset", 7)
            field.say(await operator.read_committed_state("offset"))
            raise

    app = field.app(field.mounting(field.live(process_live)))
    task = field.begin(app)
    field.let()
    app.interrupt()
    if when == "before":
        with pytest.raises(RuntimeError, match="Operation cancelled"):
            field.bench.run(task)
    else:
        assert field.bench.run(task) == "result"
    assert field.log == [7]


@pytest.mark.parametrize("when", ["before", "after"])
def test_drop_ends_a_live_update_and_reverts(field: Field, when: str) -> None:  # LIV-52
    async def process() -> None:
        await coco.mount(sub("a"), field.item, "a", 1)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        if when == "after":
            await operator.mark_ready()
        await until_told()

    app = field.app(field.mounting(field.live(process_live, process)))
    task = field.begin(app)
    field.let()
    assert field.content == {"a": 1}
    field.bench.run(app.drop())
    assert field.content == {}
    if when == "before":
        with pytest.raises(RuntimeError, match="Operation cancelled"):
            field.bench.run(task)
    else:
        assert field.bench.run(task) == "result"
    again = field.begin(app)
    field.let()
    assert field.content == {"a": 1}
    app.interrupt()
    with suppress(RuntimeError):
        field.bench.run(again)


def test_cancelling_who_awaits_the_result_ends_nothing(field: Field) -> None:  # LIV-53
    async def process_live(operator: Any) -> None:
        await operator.mark_ready()
        await asyncio.sleep(HOUR)
        field.say("went on")

    app = field.app(field.mounting(field.live(process_live)))
    task = field.begin(app)
    field.let()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        field.bench.run(task)
    field.let(2 * HOUR)
    assert field.log == ["went on"]


@pytest.mark.parametrize("live", [False, True])
def test_a_second_update_takes_the_place_of_a_live_one(field: Field, live: bool) -> None:  # LIV-54
    made = 0

    async def process_live(operator: Any) -> None:
        nonlocal made
        made += 1
        nth = made
        field.say(f"{nth} began")
        await operator.mark_ready()
        try:
            await asyncio.sleep(HOUR)
        finally:
            field.say(f"{nth} ended")

    app = field.app(field.mounting(field.live(process_live)))
    first = field.begin(app)
    field.let()
    assert field.bench.update(app, live=live) == "result"
    assert field.bench.run(first) == "result"
    assert field.log == ["1 began", "1 ended", "2 began"] + ["2 ended"] * live
    assert (field.bench.loop.time() > HOUR) == live


def test_a_memo_hit_leaves_the_targets_and_starts_nothing(field: Field) -> None:  # LIV-55
    async def process_live(operator: Any) -> None:
        field.say("began")
        await operator.update_full()
        await operator.mark_ready()

    async def process() -> None:
        await field.item("a", 1)

    @coco.fn(memo=True)
    async def memoized() -> None:
        await coco.mount(field.live(process_live, process))

    async def main() -> None:
        await coco.mount(memoized)

    field.update(main)
    field.update(main, live=True)
    assert field.log == ["began"]
    assert field.content == {"a": 1}


def test_a_failed_first_pass_leaves_no_memo_above(field: Field) -> None:  # LIV-55
    broken = True

    def process() -> None:
        if broken:
            raise ValueError("broken")
        coco.declare_target_state(field.provider.target_state("a", 1))

    class Comp:
        async def process(self) -> None:
            process()

        async def process_live(self, operator: Any) -> None:
            await operator.update_full()
            await operator.mark_ready()

    @coco.fn(memo=True)
    async def memoized() -> None:
        async with coco.exception_handler(field.hear):
            await coco.mount(Comp)

    async def main() -> None:
        await coco.mount(memoized)

    field.update(main)
    broken = False
    field.update(main)
    assert field.content == {"a": 1}


@pytest.mark.parametrize("live", [False, True])
def test_one_component_at_a_time_is_enough(field: Field, live: bool) -> None:  # LIV-56
    async def inner_live(operator: Any) -> None:
        await (await operator.update(sub("z"), field.item, "z", 1)).ready()
        await operator.mark_ready()

    async def child(key: str) -> None:
        await coco.mount(sub("below"), field.item, key, 1)

    async def process() -> None:
        for key in "abc":
            await coco.mount(sub(key), child, key)
        await coco.mount(field.live(inner_live, name="Inner"))

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        await (await operator.update(sub("d"), child, "d")).ready()
        await operator.mark_ready()

    app = field.app(field.mounting(field.live(process_live, process)), max_inflight_components=1)
    field.bench.update(app, live=live)
    assert field.content == dict.fromkeys("abcdz", 1)


def test_awaiting_a_cycle_inside_itself_is_refused_rather_than_waited_for(field: Field) -> None:
    kept: list[Any] = []

    async def process() -> None:
        with pytest.raises(RuntimeError, match="which it would wait for"):
            await kept[0].update_full()
        field.say("refused")

    async def process_live(operator: Any) -> None:
        kept.append(operator)
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == ["refused"]


# -- restarts --------------------------------------------------------------------------------------------------------------


def changing(field: Field, steps: list[str]) -> Callable[[], Any]:
    """A root function with a live component that takes the next of these steps in each update."""
    left = iter(steps)

    async def process_live(operator: Any) -> None:
        match next(left):
            case "add":
                await (await operator.update(sub("a"), field.item, "a", 1)).ready()
            case "delete":
                await (await operator.delete(sub("a"))).ready()
        await operator.mark_ready()

    return field.mounting(field.live(process_live), handler=field.hear)


def test_what_an_earlier_run_could_not_delete_is_tried_again(field: Field) -> None:  # LIV-29, FEED-06
    """Also where nothing is scanned."""
    main = changing(field, ["add", "delete", "nothing"])
    field.update(main)
    field.journal.fail_before = {"a"}
    field.update(main)
    assert field.content == {"a": 1}
    field.journal.fail_before = set()
    field.update(main)
    assert field.content == {}


def test_what_an_earlier_run_could_not_delete_stays_if_it_is_updated_again(field: Field) -> None:
    main = changing(field, ["add", "delete", "add", "nothing"])
    field.update(main)
    field.journal.fail_before = {"a"}
    field.update(main)
    field.journal.fail_before = set()
    field.update(main)
    field.update(main)
    assert field.content == {"a": 1}


def test_what_is_no_longer_mounted_goes_with_everything_below(field: Field) -> None:  # LIV-26
    async def process_live(operator: Any) -> None:
        await (await operator.update(sub("a", 1), field.item, "a", 1)).ready()
        await operator.mark_ready()

    async def empty() -> None:
        pass

    field.update(field.mounting(field.live(process_live)))
    field.update(empty)
    assert field.content == {}


def test_an_operation_that_waits_for_a_slot_may_be_superseded(field: Field) -> None:  # LIV-23
    async def slow() -> None:
        await asyncio.sleep(10)

    async def item(value: int) -> None:
        field.say(value)

    async def process_live(operator: Any) -> None:
        await operator.update(sub("slow"), slow)
        await asyncio.sleep(1)
        await operator.update(sub("a"), item, 1)
        await operator.update(sub("b"), item, 2)
        await asyncio.sleep(1)
        await operator.update(sub("a"), item, 3)
        await (await operator.delete(sub("b"))).ready()
        field.say("removed")

    app = field.app(field.mounting(field.live(process_live)), max_inflight_components=1)
    field.bench.update(app)
    assert sorted(field.log, key=str) == [3, "removed"]


def test_the_end_of_the_loop_is_no_failure_of_a_live_component(caplog: pytest.LogCaptureFixture) -> None:
    class Comp:
        async def process(self) -> None: ...

        async def process_live(self, operator: Any) -> None:
            await operator.mark_ready()
            await until_told()

    async def main() -> None:
        await coco.mount(Comp)

    async def script(path: pathlib.Path) -> None:
        environment = coco.Environment(coco.Settings(db_path=path))
        handle = coco.App(coco.AppConfig("app", environment), main).update(live=True)
        async for snapshot in handle.watch():
            if snapshot.status is coco.UpdateStatus.READY:
                return

    with tempfile.TemporaryDirectory() as name:
        asyncio.run(script(pathlib.Path(name)))
    assert caplog.records == []


def test_a_removal_that_failed_is_forgotten_once_the_item_is_back(field: Field) -> None:  # LIV-25, LIV-29
    """Also when all of it is in one run; the next run has nothing to delete, although nobody tells it of the item."""
    steps = iter(["again", "nothing"])

    async def process_live(operator: Any) -> None:
        if next(steps) == "again":
            await (await operator.update(sub("a"), field.item, "a", 1)).ready()
            field.journal.fail_before = {"a"}
            await (await operator.delete(sub("a"))).ready()
            field.journal.fail_before = set()
            await (await operator.update(sub("a"), field.item, "a", 2)).ready()
        await operator.mark_ready()

    main = field.mounting(field.live(process_live), handler=field.hear)
    field.update(main)
    field.update(main)
    assert field.content == {"a": 2}


@pytest.mark.parametrize("pending", ["a", "above a"])
def test_an_update_that_waits_is_no_victim_of_an_earlier_removal(field: Field, pending: str) -> None:  # LIV-25
    steps = iter(["add", "delete", "again"])

    async def above() -> None:
        await coco.mount(sub("x"), field.item, "a", 2)

    async def process_live(operator: Any) -> None:
        match next(steps):
            case "add":
                await (await operator.update(sub("a", "x"), field.item, "a", 1)).ready()
            case "delete":
                await (await operator.delete(sub("a", "x"))).ready()
            case "again" if pending == "a":
                await operator.update(sub("a", "x"), field.item, "a", 2)  # not awaited, so it has not begun
            case "again":
                await operator.update(sub("a"), above)
        await operator.mark_ready()

    main = field.mounting(field.live(process_live), handler=field.hear)
    field.update(main)
    field.journal.fail_before = {"a"}
    field.update(main)
    field.journal.fail_before = set()
    field.update(main)
    assert field.content == {"a": 2}


def test_a_live_component_that_could_not_be_removed_stays_once_it_is_mounted_again(field: Field) -> None:  # LIV-55
    """Also in an update in which a memo stands for its mounting."""
    mounted, scans = True, True

    async def process() -> None:
        await field.item("own", 1)

    async def process_live(operator: Any) -> None:
        if scans:
            await operator.update_full()
        await operator.mark_ready()

    @coco.fn(memo=True)
    async def holder() -> None:
        await coco.mount(field.live(process_live, process))

    async def main() -> None:
        if mounted:
            await coco.mount(holder)

    field.update(main)
    mounted, scans = False, False
    field.journal.fail_before = {"own"}
    field.update(main)
    field.journal.fail_before = set()
    mounted = True
    field.update(main)
    field.update(main)
    assert field.content == {"own": 1}


# -- memos around what operators change ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["delete", "update"])
def test_a_component_below_which_an_operator_changed_something_is_built_anew(field: Field, how: str) -> None:  # LIV-11
    @coco.fn(memo=True)
    async def memoized() -> None:
        await coco.mount(sub("x"), field.item, "x", 1)

    async def process() -> None:
        await coco.mount(sub("a"), memoized)

    async def process_live(operator: Any) -> None:
        await operator.update_full()
        if how == "delete":
            await (await operator.delete(sub("a", "x"))).ready()
        else:
            await (await operator.update(sub("a", "y"), field.item, "y", 1)).ready()
        field.say(dict(field.content))
        await operator.update_full()

    field.update(field.mounting(field.live(process_live, process)))
    assert field.log == [{} if how == "delete" else {"x": 1, "y": 1}]
    assert field.content == {"x": 1}


def test_a_memoized_function_that_takes_its_path_back_is_not_reused(field: Field) -> None:  # LIV-50
    @coco.fn(memo=True)
    async def memoized() -> None:
        await field.item("function", 1)

    async def inner_live(operator: Any) -> None:
        await (await operator.update(sub("x"), field.item, "x", 1)).ready()

    async def process_live(operator: Any) -> None:
        for target in (memoized, field.live(inner_live, name="Inner"), memoized):
            await (await operator.update(sub("a"), target)).ready()
            field.say(dict(field.content))

    field.update(field.mounting(field.live(process_live)))
    assert field.log == [{"function": 1}, {"function": 1, "x": 1}, {"function": 1}]


# -- who waits for whom at the end -----------------------------------------------------------------------------------------


def test_a_cycle_that_waits_for_a_nested_one_does_not_keep_its_component_from_ending(field: Field) -> None:  # LIV-50
    """The nested one begins when the end of the outer one is decided already, and would never be ready."""

    async def process() -> None:
        await asyncio.sleep(1)
        await coco.mount(field.live(until_told_anything, name="Inner"))

    async def until_told_anything(operator: Any) -> None:
        await until_told()

    async def outer_live(operator: Any) -> None:
        await operator.mark_ready()
        await operator.update_full()

    async def process_live(operator: Any) -> None:
        await (await operator.update(sub("outer"), field.live(outer_live, process, name="Outer"))).ready()
        await operator.mark_ready()
        await (await operator.delete(sub("outer"))).ready()
        field.say("deleted")

    field.update(field.mounting(field.live(process_live)), live=True)
    assert field.log == ["deleted"]


def test_a_second_update_ends_live_components_that_begin_meanwhile(field: Field) -> None:  # LIV-54
    async def inner_live(operator: Any) -> None:
        await operator.mark_ready()
        await until_told()

    async def process() -> None:
        await asyncio.sleep(1)
        await coco.mount(field.live(inner_live, name="Inner"))

    async def process_live(operator: Any) -> None:
        await operator.mark_ready()
        await operator.update_full()
        await until_told()

    app = field.app(field.mounting(field.live(process_live, process)))
    first = field.begin(app)
    field.let(0.5)
    assert field.bench.update(app) == "result"
    assert field.bench.run(first) == "result"


def test_who_ends_a_live_component_leaves_its_slot_to_the_operations_in_progress(field: Field) -> None:  # LIV-56
    mounted = True
    slot_taken = field.bench.loop.create_future()

    async def inner_live(operator: Any) -> None:
        await operator.mark_ready()
        await slot_taken
        await operator.update(sub("x"), field.item, "x", 1)  # begins, and waits for the only slot
        await until_told()

    async def around() -> None:
        if mounted:
            await coco.mount(field.live(inner_live, name="Inner"))
        else:
            slot_taken.set_result(None)
            await asyncio.sleep(1)

    async def process() -> None:
        await coco.mount(around)

    async def process_live(operator: Any) -> None:
        nonlocal mounted
        await operator.update_full()
        await operator.mark_ready()
        mounted = False
        await operator.update_full()
        field.say("done")

    app = field.app(field.mounting(field.live(process_live, process)), max_inflight_components=1)
    field.bench.update(app, live=True)
    assert field.log == ["done"]
    assert field.content == {}


@pytest.mark.parametrize("end", ["interrupt", "another update"])
def test_an_operation_that_was_given_up_does_not_pass_for_done(
    field: Field, end: str
) -> None:  # LIV-24, LIV-51, LIV-54
    async def slow() -> None:
        await asyncio.sleep(1)

    async def notice(handle: Any) -> None:
        try:
            await handle.ready()
            field.say("done")
        except asyncio.CancelledError:
            field.say("not done")
            raise

    async def process_live(operator: Any) -> None:
        await operator.mark_ready()
        if field.log:
            return
        await operator.update(sub("a"), slow)
        await asyncio.sleep(0.1)
        handle = await operator.update(sub("a"), field.item, "a", 1)
        field.log.append(asyncio.ensure_future(notice(handle)))
        await until_told()

    app = field.app(field.mounting(field.live(process_live)))
    first = field.begin(app)
    field.let(0.5)
    if end == "interrupt":
        app.interrupt()
    else:
        field.bench.update(app)
    field.bench.run(first)
    with suppress(asyncio.CancelledError):
        field.bench.run(field.log[0])
    assert field.log[1:] == ["not done"]
    assert field.content == {}


def test_a_cycle_goes_before_what_is_asked_for_after_it(
    field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:  # LIV-20
    asked = asyncio.Event()
    update_full = coco.LiveComponentOperator.update_full

    async def noticed(operator: Any) -> None:
        asked.set()
        await update_full(operator)

    monkeypatch.setattr(coco.LiveComponentOperator, "update_full", noticed)

    async def process_live(operator: Any) -> None:
        cycle = asyncio.ensure_future(operator.update_full())
        await asked.wait()
        handle = await operator.update(sub("a"), field.item, "a", 1)
        await cycle
        await handle.ready()

    field.update(field.mounting(field.live(process_live)))
    assert field.content == {"a": 1}
