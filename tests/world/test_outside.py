# Goal: code in a simulated run that would leave the simulation is told so, by name, and nobody else notices anything.

import _thread
import asyncio
import concurrent.futures
import importlib
import multiprocessing
import os
import queue
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from time import sleep as early_sleep
from typing import Any

import pytest

from cocoindex_sim.scenario import parse_scenarios
from cocoindex_sim.values import FenceError
from cocoindex_sim.world import ExpectationFailed, VirtualLoop, World, perform

LEAVING: dict[str, tuple[str, Callable[[], object]]] = {
    "sleep": ("time.sleep()", lambda: time.sleep(0.001)),
    "socket": ("socket.socket()", socket.socket),
    "socket pair": ("socket.socketpair()", lambda: socket.socketpair()),  # noqa: PLW0108  the name is looked up late
    "name look-up": ("socket.getaddrinfo()", lambda: socket.getaddrinfo("localhost", 80)),
    "library on sockets": ("socket.getaddrinfo()", lambda: urllib.request.urlopen("http://localhost:9")),
    "subprocess": ("subprocess.Popen()", lambda: subprocess.run(["true"], check=True)),
    "shell": ("os.system()", lambda: os.system("true")),
    "fork": ("os.fork()", os.fork),
    "spawn": ("os.posix_spawn()", lambda: os.posix_spawn("/bin/true", ["true"], {})),
    "process": ("os.fork()", lambda: multiprocessing.get_context("fork").Process(target=print).start()),
    "spawned process": (
        "multiprocessing.Process.start()",
        lambda: multiprocessing.get_context("spawn").Process(target=print).start(),
    ),
    "thread": ("threading.Thread.start()", lambda: threading.Thread(target=print).start()),
    "bare thread": ("_thread.start_new_thread()", lambda: _thread.start_new_thread(print, ())),
    "thread pool": (
        "threading.Thread.start()",
        lambda: concurrent.futures.ThreadPoolExecutor().submit(print).result(),
    ),
    "event": ("threading.Condition.wait()", lambda: threading.Event().wait(0.001)),
    "queue": ("threading.Condition.wait()", lambda: queue.Queue[int]().get()),
    "future": ("threading.Condition.wait()", lambda: concurrent.futures.Future[int]().result()),
    "signal": ("signal.signal()", lambda: signal.signal(signal.SIGUSR1, signal.SIG_DFL)),
    "alarm": ("signal.alarm()", lambda: signal.alarm(0)),
    "kill": ("os.kill()", lambda: os.kill(os.getpid(), 0)),
}


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("where", ["in a coroutine", "in a function given to an executor"])
@pytest.mark.parametrize(("call", "leave"), LEAVING.values(), ids=LEAVING)
def test_what_leaves_the_simulation_raises_and_names_the_call(
    where: str, call: str, leave: Callable[[], object]
) -> None:
    loop = VirtualLoop()
    caught: list[BaseException] = []

    def attempt() -> None:
        try:
            leave()
        except Exception as error:
            caught.append(error)

    async def main() -> None:
        if where == "in a coroutine":
            attempt()
        else:
            await asyncio.to_thread(attempt)

    loop.run_until_complete(main())
    (fence,) = loop.fenced
    assert call in str(fence)
    assert "leaves the simulation: " in str(fence)
    (error,) = caught
    assert error is fence or fence in (error.__context__, error.__cause__, getattr(error, "reason", None))


def test_a_second_loop_may_run_what_is_ready_but_not_wait() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 3

    def ready() -> int:
        return asyncio.run(work())

    def waiting() -> None:
        asyncio.run(asyncio.sleep(0.001))

    loop = VirtualLoop()
    assert loop.run_until_complete(asyncio.to_thread(ready)) == 3
    assert loop.fenced == []
    with pytest.raises(FenceError, match=r"a wait in asyncio\.run\(\) leaves the simulation"):
        loop.run_until_complete(asyncio.to_thread(waiting))


def test_what_does_not_wait_is_no_wait() -> None:
    async def main() -> tuple[bool, int]:
        ready, items = threading.Event(), queue.Queue[int]()
        was_set = ready.wait(0)
        ready.set()
        items.put(3)
        return was_set or not ready.wait(), items.get()

    assert VirtualLoop().run_until_complete(main()) == (False, 3)


def replaced() -> list[Any]:
    return [
        time.sleep, threading.Thread.start, threading.Condition.wait, _thread.start_new_thread, signal.signal,
        selectors.DefaultSelector.select,
    ]  # fmt: skip


def test_nothing_is_replaced_between_steps_or_after_them() -> None:
    before = replaced()

    async def main() -> list[Any]:
        return replaced()

    with World() as world:
        assert replaced() == before
        during = world.run(main())
        assert all(fence is not real for fence, real in zip(during, before, strict=True))
        assert replaced() == before
        with pytest.raises(ZeroDivisionError):
            world.use(lambda: 1 // 0)  # type: ignore[arg-type, return-value]  # any error will do
        assert replaced() == before
    assert replaced() == before
    early_sleep(0)
    socket.socket().close()


def test_other_threads_get_the_real_thing_while_a_world_is_at_a_step() -> None:
    turn, done = threading.Lock(), threading.Lock()
    turn.acquire()
    done.acquire()
    failures: list[BaseException] = []

    def outside() -> None:
        with turn:
            try:
                time.sleep(0)
                socket.socket().close()
                helper = threading.Thread(target=lambda: None)
                helper.start()
                helper.join()
                assert not threading.Event().wait(0.001)
                subprocess.run([sys.executable, "-c", ""], check=True)
                asyncio.run(asyncio.sleep(0))
            except BaseException as error:
                failures.append(error)
            done.release()

    thread = threading.Thread(target=outside)
    thread.start()

    async def main() -> None:
        turn.release()
        done.acquire()

    VirtualLoop().run_until_complete(main())
    thread.join()
    assert failures == []


def test_a_sleep_that_a_test_replaced_stays_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)

    async def main() -> None:
        time.sleep(3)  # noqa: ASYNC251  that is the point

    loop = VirtualLoop()
    loop.run_until_complete(main())
    assert (slept, loop.fenced) == ([3], [])


def test_a_world_in_a_function_of_another_world_leaves_the_outer_one_fenced() -> None:
    async def sleeper() -> None:
        with pytest.raises(FenceError):
            time.sleep(0)  # noqa: ASYNC251  that is the point

    def inner() -> int:
        with World() as world:
            world.run(sleeper())
            return len(world.fenced)

    async def main() -> int:
        found = await asyncio.to_thread(inner)
        await sleeper()
        return found

    loop = VirtualLoop()
    assert loop.run_until_complete(main()) == 1
    assert len(loop.fenced) == 1


def test_an_installed_package_may_do_what_it_likes_while_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "prober.py").write_text("import socket\nsocket.socket().close()\n")
    monkeypatch.syspath_prepend(tmp_path)

    async def main() -> None:
        importlib.import_module("prober")

    with pytest.raises(FenceError):
        VirtualLoop().run_until_complete(main())
    monkeypatch.setattr("cocoindex_sim.world._outside._INSTALLED", (str(tmp_path) + os.sep,))
    VirtualLoop().run_until_complete(main())
    del sys.modules["prober"]


PIPELINE = """
import pathlib, time
import cocoindex as coco

@coco.lifespan
def lifespan(builder):
    builder.settings.db_path = pathlib.Path("state")
    yield

@coco.fn
async def main() -> None:
    try:
        time.sleep(1)
    except Exception:
        pass

app = coco.App("sleeper", main)
"""


def test_a_story_fails_also_when_the_pipeline_catches_the_fence(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PIPELINE)
    (story,) = parse_scenarios("app: main.py\nsteps: [update]\n", path=Path("x.coco.yaml"), base=tmp_path)
    with World() as world, pytest.raises(ExpectationFailed) as caught:
        perform(story, world)
    assert str(caught.value).startswith(
        "x.coco.yaml:1: 'main.py' ran into a fence: time.sleep() leaves the simulation: it stops the real thread"
    )
    assert caught.value.lines == ["main.py:13 in main: time.sleep(1)"]


def test_a_story_may_expect_the_fence(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(PIPELINE.replace("pass", "raise"))
    text = "app: main.py\nsteps: [update, expect: {raises: {type: FenceError, matches: time.sleep}}]\n"
    (story,) = parse_scenarios(text, path=Path("x.coco.yaml"), base=tmp_path)
    with World() as world:
        perform(story, world)
