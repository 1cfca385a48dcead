"""Goal: an app runs one run at a time, and what comes of a run reaches whoever waits for it, however they wait."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cocoindex_sim as coco
from cocoindex_sim.engine import current_component

from ..engine.bench import Bench, Journal
from .conftest import Threads

ITSELF = "app 'app' can't run from inside itself"


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def make(environment: coco.Environment, main: Callable[..., Any], *args: Any, **kwargs: Any) -> coco.App[..., Any]:
    return coco.App(coco.AppConfig("app", environment), main, *args, **kwargs)


async def identity(value: Any = None) -> Any:
    return value


# --- what is run ---


@pytest.mark.parametrize("name", ["", "a/b", "é", "a b", "\0", "x" * 1000])
def test_any_text_is_a_name(environment: coco.Environment, name: str) -> None:
    # APP-01
    named: coco.App[..., int] = coco.App(coco.AppConfig(name, environment), identity, 3)
    assert named.update_blocking() == named.update_blocking() == 3
    named.drop_blocking()


def test_a_name_is_free_again_once_its_app_is_collected(environment: coco.Environment, tmp_path: Path) -> None:
    # APP-02
    first = make(environment, identity)
    with pytest.raises(ValueError, match="'app' is already registered in this environment"):
        make(environment, identity)
    other = coco.Environment(coco.Settings(db_path=tmp_path / "other"))
    assert make(other, identity).name == "app"
    other.close()
    first.update_blocking()
    del first
    make(environment, identity).update_blocking()


@pytest.mark.parametrize("depth", [0, 2])
def test_a_failed_run_does_not_keep_its_app(environment: coco.Environment, depth: int) -> None:
    # APP-02
    async def main(depth: int) -> None:
        if not depth:
            raise ValueError("no")
        await coco.use_mount(main, depth - 1)

    gc.disable()
    try:
        for _ in range(2):
            with pytest.raises(ValueError, match="no"):
                make(environment, main, depth).update_blocking()
    finally:
        gc.enable()


class Mains:
    async def later(self) -> str:
        return "async method"

    def now(self) -> str:
        return "method"

    @coco.fn
    def tracked(self) -> str:
        return "tracked method"

    def __call__(self) -> None:
        raise AssertionError


@coco.fn
def tracked(x: int, *, y: int = 0) -> int:
    return x + y


@pytest.mark.parametrize(
    ("main", "result"),
    [
        (Mains().later, "async method"),
        (Mains().now, "method"),
        (Mains().tracked, "tracked method"),
        (lambda: 1, 1),
        (lambda: identity(2), 2),
        (coco.fn(lambda: 3), 3),
        (coco.fn.as_async(lambda: 4), 4),
    ],
)
def test_anything_callable_with_a_qualified_name_is_a_root(
    environment: coco.Environment, main: Callable[..., Any], result: Any
) -> None:
    # APP-03
    assert make(environment, main).update_blocking() == result


def test_arguments_are_bound_to_the_app(environment: coco.Environment) -> None:
    # APP-03
    assert make(environment, tracked, 1, y=2).update_blocking() == 3
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'x'"):
        make(environment, tracked).update_blocking()


@pytest.mark.parametrize("main", [Mains(), __import__("functools").partial(tracked, 1)])
def test_a_root_needs_a_qualified_name(environment: coco.Environment, main: Any) -> None:
    # APP-03
    with pytest.raises(AttributeError, match="__qualname__"):
        make(environment, main).update_blocking()


def test_the_root_s_own_object_is_returned(environment: coco.Environment) -> None:
    # APP-04
    value = object()
    assert make(environment, identity, value).update_blocking() is value


def test_a_sync_root_runs_in_a_thread_and_an_async_one_on_the_loop(environment: coco.Environment) -> None:
    # APP-07
    def sync_main() -> Any:
        return asyncio._get_running_loop(), threading.current_thread() is threading.main_thread()

    async def async_main() -> Any:
        return asyncio.get_running_loop()

    assert make(environment, sync_main).update_blocking() == (None, False)
    assert make(environment, async_main).update_blocking() is environment.event_loop


# --- handles ---


def test_nothing_happens_before_a_handle_is_awaited(bench: Bench) -> None:
    # APP-05
    ran = []
    handle = bench.app(lambda: ran.append(1)).update()
    bench.run(asyncio.sleep(10))
    assert (ran, handle.stats()) == ([], None)
    bench.run(handle.result())
    assert ran == [1]
    stats = handle.stats()
    assert stats is not None
    assert stats.total.num_execution_starts == 1


@pytest.mark.parametrize("fails", [False, True])
def test_a_handle_gives_its_result_once(bench: Bench, fails: bool) -> None:
    # APP-05
    def main() -> int:
        return 1 // (not fails)

    async def twice() -> list[Any]:
        handle = bench.app(main).update()
        first = await asyncio.gather(handle.result(), handle.result(), return_exceptions=True)
        try:
            return [*first, await handle]
        except RuntimeError as error:
            return [*first, error]

    first, *others = bench.run(twice())
    assert isinstance(first, ZeroDivisionError) if fails else first == 1
    assert ["result already consumed" in str(other) for other in others] == [True, True]


# --- errors ---


class Unusual(BaseException):
    pass


ERRORS = [KeyError, KeyboardInterrupt, SystemExit, asyncio.CancelledError, StopAsyncIteration, GeneratorExit, Unusual]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("is_async", [False, True])
def test_the_root_s_exception_reaches_the_caller_and_the_loop_lives_on(
    environment: coco.Environment, error: type[BaseException], is_async: bool
) -> None:
    # APP-06
    raised = error("why")

    def sync_main() -> None:
        raise raised

    async def async_main() -> None:
        raise raised

    failing = make(environment, async_main if is_async else sync_main)
    with pytest.raises(error, match="why") as caught:
        failing.update_blocking()
    assert caught.value is raised
    after: coco.App[..., int] = coco.App(coco.AppConfig("after", environment), identity, 3)
    assert after.update_blocking() == 3


@pytest.mark.parametrize("error", [KeyError, KeyboardInterrupt, Unusual])
def test_an_exception_reaches_who_awaits_on_another_loop(
    environment: coco.Environment, error: type[BaseException]
) -> None:
    # APP-06
    raised = error("why")

    async def main() -> None:
        raise raised

    async def elsewhere() -> bool:
        try:
            await make(environment, main).update()
        except BaseException as caught:
            return caught is raised
        return False

    assert asyncio.run(elsewhere())


def test_a_traceback_leads_to_the_line_that_raised(environment: coco.Environment) -> None:
    # APP-06
    async def child() -> None:
        raise KeyError("deep")

    async def main() -> None:
        await coco.use_mount(child)

    with pytest.raises(KeyError) as caught:
        make(environment, main).update_blocking()
    names = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert [name for name in names if name in ("main", "child")] == ["main", "child"]


# --- several runs ---


def test_overlapping_updates_run_one_after_the_other(bench: Bench) -> None:
    # APP-08
    log: list[str] = []

    async def main() -> int:
        log.append("begin")
        await asyncio.sleep(1)
        log.append("end")
        return len(log)

    one = bench.app(main)

    async def both() -> Any:
        return await asyncio.gather(one.update().result(), one.update().result())

    assert bench.run(both()) == [2, 4]
    assert log == ["begin", "end"] * 2


def test_updates_from_several_threads_run_one_after_the_other(environment: coco.Environment, threads: Threads) -> None:
    # APP-08
    running, most = [0], [0]

    async def main() -> None:
        running[0] += 1
        most[0] = max(most[0], running[0])
        await asyncio.sleep(0)
        running[0] -= 1

    one = make(environment, main)
    for _ in range(4):
        threads.start(one.update_blocking)
    assert threads.join() == [None] * 4
    assert most == [1]


def test_cancelling_whoever_waits_does_not_stop_the_run(bench: Bench) -> None:
    # APP-09
    log: list[str] = []

    async def main() -> None:
        await asyncio.sleep(5)
        log.append("done")

    one = bench.app(main)

    async def impatient() -> None:
        waiting = asyncio.create_task(one.update().result())
        await asyncio.sleep(1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        log.append("cancelled")
        await asyncio.sleep(10)

    bench.run(impatient())
    assert log == ["cancelled", "done"]


def test_a_drop_ends_the_update_in_progress_and_those_that_wait(bench: Bench) -> None:
    # APP-09
    log: list[str] = []
    journal = Journal()
    provider = journal.provider("test/dropped")

    async def main(wait: list[int]) -> None:
        log.append("begin")
        coco.declare_target_state(provider.target_state("k", 1))
        try:
            await asyncio.sleep(wait[0])
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    wait = [0]
    one = bench.app(main, wait)
    bench.update(one)
    wait[0] = 5

    async def all_at_once() -> list[Any]:
        updates = [asyncio.create_task(one.update().result()) for _ in range(3)]
        await asyncio.sleep(1)
        await one.drop()
        log.append("dropped")
        return await asyncio.gather(*updates, return_exceptions=True)

    results = bench.run(all_at_once())
    assert [(type(result).__mro__[2], str(result)) for result in results] == [(RuntimeError, "Operation cancelled")] * 3
    assert log == ["begin", "begin", "cancelled", "dropped"]
    assert journal.content == {}
    wait[0] = 0
    bench.update(one)
    assert journal.content == {"k": 1}


def test_two_drops_at_once_both_succeed(bench: Bench) -> None:
    # APP-09, APP-14
    one = bench.app(identity)

    async def both() -> Any:
        return await asyncio.gather(one.drop(), one.drop())

    assert bench.run(both()) == [None, None]


def test_a_drop_waits_for_another_but_not_for_updates_that_wait(bench: Bench) -> None:
    # APP-09, APP-14
    log: list[str] = []
    journal = Journal()
    provider = journal.provider("test/dropped")

    async def main() -> None:
        log.append("main")
        coco.declare_target_state(provider.target_state("k", 1))

    async def slowly(context: coco.ContextProvider, actions: list[Any]) -> None:
        log.append("deletes")
        await asyncio.sleep(1)
        log.append("deleted")

    one = bench.app(main)
    bench.update(one)
    journal.sink = coco.TargetActionSink.from_async_fn(slowly)

    async def all_at_once() -> list[Any]:
        first = asyncio.create_task(one.drop())
        await asyncio.sleep(0.5)
        waiting = asyncio.create_task(one.update().result())
        await asyncio.sleep(0.1)
        return await asyncio.gather(first, one.drop(), waiting, return_exceptions=True)

    *dropped, waiting = bench.run(all_at_once())
    assert dropped == [None, None]
    assert str(waiting) == "Operation cancelled"
    assert log == ["main", "deletes", "deleted"]


def test_a_drop_in_another_thread_ends_a_blocking_update(environment: coco.Environment, threads: Threads) -> None:
    # APP-09
    runs = threading.Event()

    async def main() -> None:
        runs.set()
        await asyncio.Event().wait()

    one = make(environment, main)
    threads.start(one.update_blocking)
    assert runs.wait(10)
    one.drop_blocking()
    (result,) = threads.join()
    assert isinstance(result, RuntimeError)
    assert str(result) == "Operation cancelled"


def test_a_drop_on_another_loop_ends_the_update(environment: coco.Environment, threads: Threads) -> None:
    # APP-09
    runs = threading.Event()

    async def main() -> None:
        runs.set()
        await asyncio.Event().wait()

    one = make(environment, main)
    threads.start(one.update_blocking)
    assert runs.wait(10)
    asyncio.run(one.drop())
    assert str(threads.join()[0]) == "Operation cancelled"


def test_a_sync_body_does_not_hold_up_a_drop(environment: coco.Environment, threads: Threads) -> None:
    # APP-09
    runs, ends = threading.Event(), threading.Event()

    def main() -> None:
        runs.set()
        assert ends.wait(10)

    one = make(environment, main)
    threads.start(one.update_blocking)
    assert runs.wait(10)
    one.drop_blocking()
    ends.set()
    assert str(threads.join()[0]) == "Operation cancelled"


def test_dropping_what_has_no_state_succeeds(environment: coco.Environment) -> None:
    # APP-14
    one = make(environment, identity, 3)
    one.drop_blocking()
    assert one.update_blocking() == 3
    one.drop_blocking()
    one.drop_blocking()
    assert one.update_blocking() == 3


def test_apps_of_one_environment_do_not_meet(environment: coco.Environment) -> None:
    # APP-27
    journal = Journal()
    provider = journal.provider("test/isolated")
    ran = []

    @coco.fn(memo=True)
    async def child(value: int) -> None:
        ran.append(value)
        coco.declare_target_state(provider.target_state("k", value))

    async def main(value: int) -> None:
        await coco.use_mount(child, value)

    one: coco.App[..., None] = coco.App(coco.AppConfig("one", environment), main, 1)
    other: coco.App[..., None] = coco.App(coco.AppConfig("other", environment), main, 2)
    one.update_blocking()
    other.update_blocking()
    assert journal.take_asked() == [("k", 1, [], True), ("k", 2, [], True)]
    for again in (one, other):
        again.update_blocking()
    assert ran == [1, 2]
    one.drop_blocking()
    other.update_blocking()
    assert ran == [1, 2]


# --- quota ---


def test_the_quota_is_the_argument_or_the_variable_or_1024(
    environment: coco.Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    # APP-16
    def quota(number: int | None = None) -> int:
        return coco.App(coco.AppConfig("app", environment, number), identity).max_inflight_components

    monkeypatch.delenv("COCOINDEX_MAX_INFLIGHT_COMPONENTS", raising=False)
    assert quota() == 1024
    monkeypatch.setenv("COCOINDEX_MAX_INFLIGHT_COMPONENTS", "3")
    assert (quota(), quota(5)) == (3, 5)
    for text in ("x", "1.5"):
        monkeypatch.setenv("COCOINDEX_MAX_INFLIGHT_COMPONENTS", text)
        with pytest.raises(ValueError, match=f"COCOINDEX_MAX_INFLIGHT_COMPONENTS must be an integer.*{text}"):
            quota()


@pytest.mark.parametrize(("quota", "error"), [(-1, OverflowError), (0, ValueError)])
def test_a_quota_that_nothing_could_run_with_is_refused(
    environment: coco.Environment, quota: int, error: type[Exception]
) -> None:
    # APP-16, SE-16
    one: coco.App[..., None] = coco.App(coco.AppConfig("app", environment, quota), identity)
    with pytest.raises(error, match="max_inflight_components"):
        one.update_blocking()


# --- from inside a run ---


def test_an_app_may_update_another_one_in_either_way(environment: coco.Environment) -> None:
    # APP-17
    other: coco.App[..., int] = coco.App(coco.AppConfig("other", environment), identity, 3)

    def sync_main() -> int:
        return other.update_blocking()

    async def async_main() -> int:
        return await other.update()

    assert make(environment, sync_main).update_blocking() == 3
    assert make(environment, async_main).update_blocking() == 3


@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_app_can_not_wait_for_itself(environment: coco.Environment, drop: bool, is_async: bool) -> None:
    # APP-17, SE-16
    def sync_main() -> None:
        itself.drop_blocking() if drop else itself.update_blocking()

    async def async_main() -> None:
        await (itself.drop() if drop else itself.update())

    itself = make(environment, async_main if is_async else sync_main)
    with pytest.raises(RuntimeError, match=ITSELF):
        itself.update_blocking()
    assert itself.environment_name == ""


class Here(coco.Runner):
    async def run(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return await fn(*args, **kwargs)

    async def run_sync_fn(self, fn: Any, *args: Any, **kwargs: Any) -> Any:
        return await asyncio.to_thread(fn, *args, **kwargs)


@pytest.mark.parametrize("runner", [None, Here()])
@pytest.mark.parametrize("batching", [False, True])
@pytest.mark.parametrize("is_async", [False, True])
def test_an_app_can_not_wait_for_itself_in_a_shared_body(
    environment: coco.Environment, batching: bool, runner: Here | None, is_async: bool
) -> None:
    # APP-17, SE-16, BAT-05
    def sync_body(item: Any) -> Any:
        itself.update_blocking()

    async def async_body(item: Any) -> Any:
        await itself.update()

    shared: Any = coco.fn.as_async(batching=batching, runner=runner)(async_body if is_async else sync_body)

    async def main() -> None:
        await shared(1)

    itself = make(environment, main)
    with pytest.raises(RuntimeError, match=ITSELF):
        itself.update_blocking()


def test_a_batch_is_inside_the_runs_that_wait_for_it_and_no_others(bench: Bench) -> None:
    # APP-17, SE-16: the second batch begins where the first one ends
    quick = False

    @coco.fn.as_async(batching=True)
    async def shared(items: list[str]) -> list[Any]:
        if items == ["first"]:
            await asyncio.sleep(2)
            return items
        with pytest.raises(RuntimeError, match="app 'two' can't run from inside itself"):
            await two.update()
        return [await one.update()]

    async def first() -> Any:
        return "again" if quick else await shared("first")

    async def second() -> Any:
        return await shared("second")

    one = bench.app(first, name="one")
    two = bench.app(second, name="two")

    async def both() -> Any:
        nonlocal quick
        updates = [asyncio.create_task(one.update().result())]
        await asyncio.sleep(1)
        quick = True
        updates.append(asyncio.create_task(two.update().result()))
        return await asyncio.gather(*updates)

    assert bench.run(both()) == ["first", "again"]


def test_a_blocking_call_on_the_loop_it_needs_is_an_error(tmp_path: Path) -> None:
    # APP-25, SE-16
    async def main() -> None:
        environment = coco.Environment(coco.Settings(db_path=tmp_path / "db"))
        assert environment.event_loop is asyncio.get_running_loop()
        one = make(environment, identity, 3)
        for call in (one.update_blocking, one.drop_blocking):
            with pytest.raises(RuntimeError, match="would wait for itself; await instead"):
                call()
        assert await one.update() == 3
        environment.close()

    asyncio.run(main())


# --- which loop (APP-25) ---


def test_an_environment_made_outside_loops_serves_any(environment: coco.Environment, threads: Threads) -> None:
    # APP-25
    one = make(environment, identity, 3)

    async def main() -> Any:
        blocking = one.update_blocking()  # on a loop that is not the environment's
        return blocking + await one.update()

    assert [asyncio.run(main()), asyncio.run(main()), one.update_blocking()] == [6, 6, 3]
    threads.start(lambda: asyncio.run(main()))
    assert threads.join() == [6]


def test_an_environment_made_inside_a_loop_ends_with_it(tmp_path: Path) -> None:
    # APP-25
    async def main() -> coco.App[..., Any]:
        one = make(coco.Environment(coco.Settings(db_path=tmp_path / "db")), identity, 3)
        assert await one.update() == 3
        return one

    one = asyncio.run(main())
    with pytest.raises(RuntimeError, match="Event loop is closed"):
        one.update_blocking()

    async def elsewhere() -> None:
        for work in (one.update().result(), one.drop()):
            with pytest.raises(RuntimeError, match="Event loop is closed"):
                await work

    asyncio.run(elsewhere())


@pytest.mark.parametrize("is_ready", [True, False])
def test_a_live_update_that_ends_with_its_loop_has_not_failed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, is_ready: bool
) -> None:
    # LIV-51, LIV-53: asyncio.run cancels whatever is left, as it does at Ctrl-C
    said: list[str] = []

    class Inbox:
        def process(self) -> None: ...

        async def process_live(self, operator: coco.LiveComponentOperator) -> None:
            if is_ready:
                await operator.mark_ready()
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                said.append("cleaned up")

    async def mounting() -> None:
        await coco.mount(Inbox)

    async def main() -> None:
        environment = coco.Environment(coco.Settings(db_path=tmp_path / "db"))
        updating = asyncio.create_task(make(environment, mounting).update(live=True).result())
        await asyncio.wait([updating, asyncio.create_task(begun.wait())], return_when=asyncio.FIRST_COMPLETED)

    begun = asyncio.Event()
    asyncio.run(main())
    assert said == ["cleaned up"]
    assert caplog.messages == []


def test_an_environment_of_a_resting_loop_is_run_by_blocking_calls_only(tmp_path: Path) -> None:
    # APP-25, SE-16
    loop = asyncio.new_event_loop()
    environment = coco.Environment(coco.Settings(db_path=tmp_path / "db"), event_loop=loop)
    one = make(environment, identity, 3)
    assert one.update_blocking() == 3

    with pytest.raises(RuntimeError, match="event loop is not running"):
        asyncio.run(one.update().result())

    async def blocking() -> None:
        one.update_blocking()

    with pytest.raises(RuntimeError, match="event loop is not running"):
        asyncio.run(blocking())
    environment.close()
    loop.close()


def test_contexts_are_those_of_the_caller(environment: coco.Environment) -> None:
    # STA-09
    variable: contextvars.ContextVar[int] = contextvars.ContextVar("variable")
    variable.set(5)

    async def main() -> Any:
        return variable.get(), current_component() is not None

    assert make(environment, main).update_blocking() == (5, True)
    assert current_component() is None


# --- Ctrl-C ---

SCRIPT = """
import asyncio, signal, sys, threading
import cocoindex_sim as coco

ends = threading.Event()

async def async_main():
    print("running", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        print("cleaned up", flush=True)

def sync_main():
    print("running", flush=True)
    ends.wait()

async def child():
    await async_main()

async def parent():
    await coco.mount(child)

async def make():
    return coco.Environment(coco.Settings(db_path=sys.argv[2]))

if sys.argv[3] == "own":
    loop = asyncio.new_event_loop()
    environment = loop.run_until_complete(make())
else:
    environment = coco.Environment(coco.Settings(db_path=sys.argv[2]))
app = coco.App(coco.AppConfig("app", environment), globals()[sys.argv[1]])
try:
    app.update_blocking()
except KeyboardInterrupt:
    print("interrupted", flush=True)
ends.set()
app.drop_blocking()
print("dropped", flush=True)
"""


@pytest.mark.parametrize("loop", ["shared", "own"])
@pytest.mark.parametrize("main", ["async_main", "sync_main", "parent"])
def test_ctrl_c_ends_a_blocking_update(tmp_path: Path, main: str, loop: str) -> None:
    # APP-06
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, main, str(tmp_path / "db"), loop],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    expected = ["interrupted", "dropped"] if main == "sync_main" else ["cleaned up", "interrupted", "dropped"]
    assert (out.split("\n")[:-1], err) == (expected, "")


@pytest.mark.skipif(sys.platform == "win32", reason="signals to threads are POSIX")
def test_ctrl_c_is_seen_also_when_another_thread_was_given_the_signal(environment: coco.Environment) -> None:
    # APP-06
    cleaned_up = []

    async def main() -> None:
        try:
            for _ in range(1000):  # until the other thread waits
                await asyncio.sleep(0)
            # This is the loop's thread. The one that waits has to run the handler, and nothing wakes it.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)
            await asyncio.Event().wait()
        finally:
            cleaned_up.append(True)

    app: coco.App[..., None] = coco.App(coco.AppConfig("app", environment), main)
    with pytest.raises(KeyboardInterrupt):
        app.update_blocking()
    assert cleaned_up == [True]


# --- an update that could only wait for itself, on a virtual loop ---


def test_an_app_is_not_updated_from_its_own_component(bench: Bench) -> None:
    # APP-17, SE-16
    async def child() -> None:
        await app.update()

    async def main() -> None:
        await coco.use_mount(child)

    app = bench.app(main)
    with pytest.raises(RuntimeError, match=ITSELF):
        bench.update(app)


def test_an_app_is_not_updated_from_an_app_it_waits_for(bench: Bench) -> None:
    # APP-17, SE-16
    async def main() -> None:
        await other.update()

    async def other_main() -> None:
        await app.update()

    app, other = bench.app(main), bench.app(other_main, name="other")
    with pytest.raises(RuntimeError, match=ITSELF):
        bench.update(app)


def test_an_app_is_not_updated_from_its_own_sink(bench: Bench) -> None:
    # APP-17, SE-16
    async def apply(context: coco.ContextProvider, actions: object) -> None:
        await app.update()

    journal = Journal()
    journal.sink = coco.TargetActionSink.from_async_fn(apply)
    provider = journal.provider("test/journal")

    def main() -> None:
        coco.declare_target_state(provider.target_state("k", 1))

    app = bench.app(main)
    with pytest.raises(RuntimeError, match=ITSELF):
        bench.update(app)


def test_another_app_may_be_updated_and_this_one_afterwards(bench: Bench) -> None:
    # APP-17
    async def main() -> int:
        value: int = await other.update()
        return value

    async def other_main() -> int:
        return 1

    app, other = bench.app(main), bench.app(other_main, name="other")

    async def one_after_the_other() -> list[int]:
        return [await app.update(), await other.update(), await app.update()]

    assert bench.run(one_after_the_other()) == [1, 1, 1]
