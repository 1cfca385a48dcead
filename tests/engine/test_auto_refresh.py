"""Goal: a function made live runs again and again, in good and in bad times (LIV-57..60)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

import cocoindex_sim as coco

from .field import Field

MINUTE = timedelta(minutes=1)


def refreshing(field: Field, fn: Any, *args: Any, interval: timedelta = MINUTE, **options: Any) -> coco.App[..., Any]:
    return field.app(field.mounting(coco.auto_refresh(fn, interval=interval), *args, **options))


def run_for(field: Field, app: coco.App[..., Any], seconds: float) -> None:
    """Run the app in live mode for this long, then interrupt it."""
    task = field.begin(app)
    field.let(seconds)
    app.interrupt()
    assert field.bench.run(task) == "result"


def test_it_runs_at_once_and_an_interval_after_each_end(field: Field) -> None:  # LIV-57
    async def slow() -> None:
        loop = asyncio.get_running_loop()
        field.say(("begin", loop.time()))
        await asyncio.sleep(10)
        field.say(("end", loop.time()))

    run_for(field, refreshing(field, slow), 155)
    assert field.log == [("begin", 0), ("end", 10), ("begin", 70), ("end", 80), ("begin", 140), ("end", 150)]


def test_it_is_ready_after_the_first_run(field: Field) -> None:  # LIV-57
    async def slow() -> None:
        await asyncio.sleep(10)

    async def main() -> None:
        await (await coco.mount(coco.auto_refresh(slow, interval=MINUTE))).ready()
        field.say(asyncio.get_running_loop().time())

    app = field.app(main)
    task = field.begin(app)
    field.let(30)
    app.interrupt()
    field.bench.run(task)
    assert field.log == [10]


def test_in_catch_up_it_runs_once(field: Field) -> None:  # LIV-57
    field.bench.update(refreshing(field, lambda: field.say("run")))
    assert field.log == ["run"]


@pytest.mark.parametrize("is_sync", [False, True])
def test_sync_or_async_it_gets_the_arguments_each_time(field: Field, is_sync: bool) -> None:  # LIV-58
    async def as_async(number: int, text: str = "") -> None:
        field.say((number, text))

    def as_sync(number: int, text: str = "") -> None:
        field.say((number, text))

    async def main() -> None:
        await coco.mount(coco.auto_refresh(as_sync if is_sync else as_async, interval=MINUTE), 1, text="x")

    app = field.app(main)
    task = field.begin(app)
    field.let(61)
    app.interrupt()
    field.bench.run(task)
    assert field.log == [(1, "x")] * 2


def test_it_lives_under_the_name_of_the_function(field: Field) -> None:  # LIV-58
    async def fetch_prices() -> None:
        pass

    field.bench.update(refreshing(field, fetch_prices))
    assert field.bench.events("live_started") == ["live_started /@fetch_prices"]
    assert coco.auto_refresh(fetch_prices, interval=MINUTE).__name__ == "fetch_prices"


def test_each_run_is_a_complete_build(field: Field) -> None:  # LIV-58
    wanted = ["a", "b"]

    async def declare() -> None:
        for key in wanted:
            await field.item(key, 1)
        await coco.mount(coco.component_subpath("child", wanted[-1]), field.item, f"child {wanted[-1]}", 1)

    app = refreshing(field, declare)
    task = field.begin(app)
    field.let(1)
    assert field.content == {"a": 1, "b": 1, "child b": 1}
    wanted.pop()
    field.let(60)
    assert field.content == {"a": 1, "child a": 1}
    app.interrupt()
    field.bench.run(task)


def test_a_failing_run_is_reported_and_the_next_one_comes(field: Field) -> None:  # LIV-59
    runs = 0

    async def flaky() -> None:
        nonlocal runs
        runs += 1
        if runs != 3:
            raise ValueError(f"run {runs}")
        await field.item("a", runs)

    run_for(field, refreshing(field, flaky, handler=field.hear), 185)
    assert [str(error) for _, error, _ in field.heard] == ["run 1", "run 2", "run 4"]
    assert {(path, context.mount_kind) for path, _, context in field.heard} == {("/@flaky", "process_live")}
    assert field.content == {"a": 3}


def raising(error: BaseException, context: coco.ExceptionContext) -> None:
    raise error


def test_a_raising_handler_ends_it(field: Field, caplog: pytest.LogCaptureFixture) -> None:  # LIV-59
    runs = 0

    async def flaky() -> None:
        nonlocal runs
        runs += 1
        if runs == 2:
            raise ValueError("run 2")

    app = refreshing(field, flaky, handler=raising)
    assert field.bench.update(app, live=True) == "result"
    assert runs == 2
    assert "process_live failed after mark_ready: ValueError('run 2')" in caplog.text


def test_a_raising_handler_before_the_first_success_fails_the_build(field: Field) -> None:  # LIV-59, LIV-35
    def broken() -> None:
        raise ValueError("run 1")

    with pytest.raises(RuntimeError, match="Child component build cancelled"):
        field.bench.update(refreshing(field, broken, handler=raising))


def test_a_memoized_function_is_skipped_and_keeps_its_states(field: Field) -> None:  # LIV-60
    @coco.fn(memo=True)
    async def memoized(value: int) -> None:
        field.say("run")
        await field.item("a", value)

    app = refreshing(field, memoized, 1)
    run_for(field, app, 185)
    assert field.log == ["run"]
    assert field.content == {"a": 1}


@pytest.mark.parametrize("interval", [timedelta(0), timedelta(seconds=-5)])
def test_an_interval_may_be_nothing_or_less(field: Field, interval: timedelta) -> None:  # LIV-60
    async def ticking() -> None:
        await asyncio.sleep(1)
        field.say("run")

    run_for(field, refreshing(field, ticking, interval=interval), 3.5)
    assert field.log == ["run"] * 3


def test_what_is_no_function_or_no_interval_is_refused() -> None:
    with pytest.raises(TypeError, match="takes a function, got 3"):
        coco.auto_refresh(3, interval=MINUTE)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="is a timedelta, got 60"):
        coco.auto_refresh(print, interval=60)  # type: ignore[arg-type]
